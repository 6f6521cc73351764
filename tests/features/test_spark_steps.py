"""Parts of a text that Spark writes first, and what it leaves out by name."""

from __future__ import annotations

import pytest

from claims.engine import open_engine
from features.catalogue import catalogue
from features.rules import rules
from features.spark_limits import NETWORK, on_spark, reason
from features.spark_steps import steps

#: One part is named twice and reads four relations; the others are named once or read less.
TEXT = """
WITH small AS (SELECT n FROM t),
wide AS (
  SELECT a.n FROM small a JOIN small b ON b.n = a.n JOIN t c ON c.n = a.n JOIN t ON t.n = a.n
),
once AS (SELECT wide.n + $more AS n FROM wide)
SELECT x.n, y.n AS m FROM once x JOIN wide y ON y.n = x.n ORDER BY x.n
"""


def test_a_wide_part_that_is_named_twice_is_written_and_the_rows_stay():
    con = open_engine()
    con.execute("CREATE TABLE t AS SELECT unnest([1, 2, 4]) AS n")
    expected = con.execute(TEXT, {"more": 1}).fetchall()
    ((name, body),), rest = steps(TEXT, "rule_X_0")
    assert name == "rule_X_0_wide"
    con.execute(f"CREATE TABLE {name} AS {body}")
    assert con.execute(rest, {"more": 1}).fetchall() == expected == [(2, 2)]
    assert rest.count(name) == 2


def test_a_text_without_parts_stays_as_it_is():
    assert steps("SELECT 1 AS n", "x") == ([], "SELECT 1 AS n")


@pytest.mark.parametrize("rule", [r for r in rules() if "WITH" in r.sql], ids=lambda r: r.id)
def test_no_part_is_read_hundreds_of_times(rule):
    """Read with every part put in where it is named, a step stays small enough to be planned."""
    written, rest = steps(rule.text, rule.id)
    for _, text in [*written, ("", rest)]:
        assert text.count(" FROM ") + text.count(" JOIN ") < 80
    assert len({name for name, _ in written}) == len(written)


def test_what_spark_leaves_out_is_reported_with_its_reason():
    features, kept, not_run = on_spark(catalogue(), rules(), [])
    assert {f.table for f in catalogue()} - {f.table for f in features} == {
        "network_insured", "network_institution", "network_doctor",
    }  # fmt: skip
    assert [r.id for r in rules() if r not in kept] == ["CO_VISIT_GROUP"]
    assert {one.missing for one in not_run} == {(NETWORK,)}
    assert len(features) + len(kept) + len(not_run) == len(catalogue()) + len(rules())
    assert not any(map(reason, (*features, *kept)))
