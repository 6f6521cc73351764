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


def verdict_labels(home: Home, cut_date: date) -> LabelSet:
    """Return the labels of all verdicts known before ``cut_date``."""
    ledger = Ledger(home.ledger_url)
    try:
        known = ledger.outcomes(known_before=cut_date, history=True)
        return labels_as_of(known, cut_date)
    finally:
        ledger.close()


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
