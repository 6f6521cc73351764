"""A run on labels that come with the data: the model passes the gate before it is used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from jihe.home import Home
from jihe.pipeline import RunChoices, RunResult, run
from jihe.training import FIRST_GATE
from sampling import store, trail
from serving.bundle import open_bundle
from training.tracking import Tracker

PROVIDERS = 160
HEAD = ("BeneID,ClaimID,ClaimStartDt,ClaimEndDt,Provider,InscClaimAmtReimbursed,"
        "AttendingPhysician,DeductibleAmtPaid,ClmDiagnosisCode_1,ClmProcedureCode_1\n")  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write labelled providers: a third of them see the same few persons again and again."""
    folder = tmp_path_factory.mktemp("providers")
    rng = np.random.default_rng(4)
    guilty = rng.random(PROVIDERS) < 0.35
    lines = []
    for provider in range(PROVIDERS):
        people = 4 if guilty[provider] else 40
        for _ in range(int(rng.integers(20, 40))):
            day = np.datetime64("2009-01-05") + int(rng.integers(0, 300))
            person = (provider * 7 + int(rng.integers(0, people))) % 300
            lines.append(
                f"B{person},C{len(lines)},{day},{day},P{provider},{int(rng.integers(20, 900))},"
                f"A{provider},0,4019,NA\n"
            )
    (folder / "Train_Outpatientdata.csv").write_text(HEAD + "".join(lines), "utf-8")
    people_rows = "".join(f"B{n},1950-01-01,NA,{1 + n % 2}\n" for n in range(300))
    (folder / "Train_Beneficiarydata.csv").write_text(
        "BeneID,DOB,DOD,Gender\n" + people_rows, "utf-8"
    )
    told = "".join(f"P{n},{'Yes' if guilty[n] else 'No'}\n" for n in range(PROVIDERS))
    (folder / "Train.csv").write_text("Provider,PotentialFraud\n" + told, "utf-8")
    return folder


def _run(files: Path, out: Path) -> RunResult:
    return run(RunChoices(source="provider_fraud", folder=files, out=out))


def _promotions(home: Home) -> list[dict[str, object]]:
    engine = store.open_store(home.ledger_url)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(trail.trail_table)).mappings().all()
    engine.dispose()
    return [
        {"actor": row["actor"], **json.loads(row["details"])}
        for row in rows
        if row["action"] == "model_promoted"
    ]


def test_the_model_is_compared_recorded_and_then_used(files: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    result = _run(files, home.root)
    assert result.use in ("dataset_won", "dataset_override")
    tracker = Tracker(home.registry)
    champion = tracker.champion("jihe-institution")
    assert result.scored["institution"].model.model_version == champion.model_version
    assert result.scored["institution"].model.kind == "supervised"
    measured = json.loads((home.root / "metrics.json").read_text("utf-8"))
    opponents = {"sort_by_amount", "rules_only", "cold_start"}
    assert set(measured[FIRST_GATE]) == opponents
    (kept,) = _promotions(home)
    gate = kept["gate"]
    assert isinstance(gate, dict)
    assert (kept["actor"], gate["basis"]) == ("run", "out_of_fold")
    assert gate["contests"] == measured[FIRST_GATE]
    assert kept["override"] == (result.use == "dataset_override") == bool(kept["reason"])
    bundle = open_bundle(home.root)
    assert bundle.about["versions"]["models"]["institution"] == champion.model_version
    bundle.close()

    # Somebody goes back to the cold start; the same run again leaves it so.
    tracker.rollback("jihe-institution")
    again = _run(files, home.root)
    assert again.use == "kept"
    assert again.scored["institution"].model.kind == "cold_start"
    assert len(_promotions(home)) == 1
