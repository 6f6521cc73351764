"""``--identified``: the lists with originals instead of pseudonyms, asked for and recorded.

They go into a folder of their own, readable by its owner only; every other output keeps its
pseudonyms. That it was done is written to the trail.
"""

from __future__ import annotations

import getpass
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from claims.contracts import Lang
from claims.store import StoreVersion
from claims.vault import identities
from jihe.home import Home
from jihe.planning import Sealed, with_originals, write_lists
from sampling import store as database
from sampling import trail

FOLDER = "identified"


def dataset_name(store: StoreVersion) -> str:
    """Return the name under which the vault keeps a store version's identities."""
    return hashlib.sha256(store.fingerprint.encode()).hexdigest()[:16]


def write_identified(
    home: Home,
    store: StoreVersion,
    sealed: Sealed,
    scores: pa.Table,
    facts: pa.Table,
    reasons: Mapping[str, Mapping[Lang, str]],
    lang: Lang,
) -> None:
    """Record that identities leave the vault, then write scores and lists with originals.

    They replace those of an earlier run in ``home/identified``.

    Raises VaultError where the vault does not hold this dataset's identities.
    """
    known = identities(dataset_name(store))
    originals = dict(
        zip(known["pseudonym"].to_pylist(), known["original"].to_pylist(), strict=True)
    )
    engine = database.open_store(home.ledger_url)
    with database.writing(engine) as connection:
        details = {"dataset": store.version, "units": scores.num_rows}
        trail.append(connection, getpass.getuser(), "identified", sealed.plan.plan_id, details)
    engine.dispose()
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=home.root))
    try:
        named = with_originals(scores, originals)
        pq.write_table(named, partial / "scores.parquet", compression="zstd")
        own = scores.filter(pa.compute.equal(scores["unit"], sealed.frame.unit))
        write_lists(sealed, own, facts, reasons, partial, lang, originals)
        for path in partial.iterdir():
            path.chmod(0o600)
        target = home.root / FOLDER
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
