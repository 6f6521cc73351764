"""What every test shares: a vault of its own, no skips in CI, one small simulated county."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from claims.simulator.county import simulate
from claims.vault import private_bytes

#: CI sets this: there a test that cannot run is a fault, not a skip.
FORBID_SKIPS = os.environ.get("JIHE_FORBID_SKIPS") == "1"


@pytest.fixture(autouse=True, scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep keys and identities of the tests away from the user's own vault.

    Pseudonyms decide who is drawn, so a fixed key makes every test's draw the same on any machine.
    """
    folder = tmp_path_factory.mktemp("vault")
    private_bytes(folder / "pseudonym.key", bytes(range(32)))
    before = os.environ.get("JIHE_VAULT")
    os.environ["JIHE_VAULT"] = str(folder)
    yield folder
    if before is None:
        del os.environ["JIHE_VAULT"]
    else:
        os.environ["JIHE_VAULT"] = before


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a small county: 1,500 insured, two years, with faults and ground truth."""
    folder = tmp_path_factory.mktemp("simulated") / "county"
    simulate(folder, insured=1_500, months=18, institutions=10, pharmacies=5, seed=11)
    return folder


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn a skip into a failure where skips are forbidden."""
    outcome = yield
    report = outcome.get_result()
    if FORBID_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        if "shared/data" in str(report.longrepr):
            return  # published data that the project may not contain
        report.outcome = "failed"
        report.longrepr = f"skipped where skips are forbidden: {report.longrepr}"
