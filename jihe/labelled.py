"""Labels for training: from verdicts in the ledger, or those that came with a dataset."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa

from claims.contracts import table
from claims.engine import open_engine
from claims.store import StoreVersion
from jihe.home import Home
from sampling.ledger import Ledger
from training.labels import LabelSet, labels_as_of
from training.past_verdicts import past_outcomes


def verdict_labels(home: Home, cut_date: date, store: StoreVersion | None = None) -> LabelSet:
    """Return the labels of all verdicts known before ``cut_date``.

    With a ``store`` also those of inspections of claims that came with the data; they have no
    design, so their weights are 0 and the model may learn from them but is never judged by them.
    """
    ledger = Ledger(home.ledger_url)
    try:
        known = ledger.outcomes(known_before=cut_date, history=True)
    finally:
        ledger.close()
    if store is not None and store.has("inspection_history"):
        known = pa.concat_tables([known, _past(store)])
    return labels_as_of(known, cut_date)


def _past(store: StoreVersion) -> pa.Table:
    """Return past inspections of claims; what was inspected before its claim was known is left out.

    Features of a claim are those of the day on which it became known: a verdict from before that
    day would be a look into the future.
    """
    con = open_engine()
    store.attach(con)
    history = con.sql(
        """SELECT h.* FROM inspection_history h JOIN claims c USING (claim_id)
        WHERE h.known_at >= c.known_at + INTERVAL 1 DAY ORDER BY h.case_no"""
    ).to_arrow_table()
    appeals = (
        con.sql("SELECT * FROM appeals ORDER BY appeal_id").to_arrow_table()
        if store.has("appeals")
        else None
    )
    return past_outcomes(history, appeals)


def dataset_labels(store: StoreVersion, as_of: date) -> pa.Table | None:
    """Return the labels that came with the dataset, one per institution that has a claim.

    They carry neither date nor design: each counts once, as in a census, and as known on the
    last day before ``as_of``.
    """
    if not store.has("provider_labels"):
        return None
    con = open_engine()
    store.attach(con)
    rows = con.sql(
        """SELECT institution_id, label FROM provider_labels
        WHERE institution_id IN (SELECT institution_id FROM claims) ORDER BY institution_id"""
    ).to_arrow_table()
    n = rows.num_rows
    columns = {
        "unit": ["institution"] * n,
        "unit_id": rows["institution_id"],
        "label": rows["label"],
        "label_date": [as_of - timedelta(days=1)] * n,
        "final_weight": [1.0] * n,
        "training_weight": [1.0] * n,
    }
    return table("labels").conform(pa.table(columns))
