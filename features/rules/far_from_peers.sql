-- Who lies far above its peers: of each measure in
-- measured (as_of_day, institution_id, measure, value, fund)
-- the units whose robust z is above $z_permille / 1000, with the median of the closest group of at
-- least $peers: class and level, else class. Medians are counted, since not every engine has them.
places AS (
  SELECT institution_id, MIN(institution_class) AS institution_class, MIN(level) AS level
  FROM institution_rows GROUP BY institution_id
),
keyed AS (
  SELECT m.as_of_day, m.measure, '0|' || o.institution_class || '|' || o.level AS peer_key,
    m.institution_id, m.value, m.fund
  FROM measured m
  JOIN places o ON o.institution_id = m.institution_id
  UNION ALL
  SELECT m.as_of_day, m.measure, '1|' || o.institution_class AS peer_key,
    m.institution_id, m.value, m.fund
  FROM measured m
  JOIN places o ON o.institution_id = m.institution_id
),
levels AS (
  SELECT as_of_day, measure, peer_key, value, COUNT(*) AS units
  FROM keyed GROUP BY as_of_day, measure, peer_key, value
),
ranked AS (
  SELECT a.as_of_day, a.measure, a.peer_key, a.value, SUM(b.units) AS peers,
    SUM(b.units) FILTER (WHERE b.value <= a.value) AS upto
  FROM levels a
  JOIN levels b ON b.as_of_day = a.as_of_day AND b.measure = a.measure AND b.peer_key = a.peer_key
  GROUP BY a.as_of_day, a.measure, a.peer_key, a.value
),
middles AS (
  SELECT as_of_day, measure, peer_key, MIN(peers) AS peers,
    MIN(value) FILTER (WHERE 2 * upto >= peers) AS middle
  FROM ranked GROUP BY as_of_day, measure, peer_key
  HAVING MIN(peers) >= $peers
),
gaps AS (
  SELECT q.as_of_day, q.measure, q.peer_key, q.gap, MIN(q.peers) AS peers, SUM(q.units) AS units
  FROM (
    SELECT a.as_of_day, a.measure, a.peer_key, a.units, b.peers,
      CASE WHEN a.value < b.middle THEN b.middle - a.value ELSE a.value - b.middle END AS gap
    FROM levels a
    JOIN middles b ON b.as_of_day = a.as_of_day AND b.measure = a.measure
      AND b.peer_key = a.peer_key
  ) q
  GROUP BY q.as_of_day, q.measure, q.peer_key, q.gap
),
spreads AS (
  SELECT q.as_of_day, q.measure, q.peer_key, MIN(q.gap) FILTER (WHERE 2 * q.upto >= q.peers) AS gap
  FROM (
    SELECT a.as_of_day, a.measure, a.peer_key, a.gap, MIN(a.peers) AS peers, SUM(b.units) AS upto
    FROM gaps a
    JOIN gaps b ON b.as_of_day = a.as_of_day AND b.measure = a.measure
      AND b.peer_key = a.peer_key AND b.gap <= a.gap
    GROUP BY a.as_of_day, a.measure, a.peer_key, a.gap
  ) q
  GROUP BY q.as_of_day, q.measure, q.peer_key
),
nearest AS (
  SELECT a.as_of_day, a.measure, a.institution_id, MIN(a.peer_key) AS peer_key
  FROM keyed a
  JOIN middles b ON b.as_of_day = a.as_of_day AND b.measure = a.measure
    AND b.peer_key = a.peer_key
  GROUP BY a.as_of_day, a.measure, a.institution_id
),
far AS (
  SELECT k.as_of_day, k.measure, k.institution_id, k.value, k.fund, m.middle
  FROM nearest n
  JOIN keyed k ON k.as_of_day = n.as_of_day AND k.measure = n.measure
    AND k.institution_id = n.institution_id AND k.peer_key = n.peer_key
  JOIN middles m ON m.as_of_day = n.as_of_day AND m.measure = n.measure
    AND m.peer_key = n.peer_key
  JOIN spreads w ON w.as_of_day = n.as_of_day AND w.measure = n.measure
    AND w.peer_key = n.peer_key
  WHERE 10000000 * (k.value - m.middle) > 14826 * $z_permille * w.gap
)
