"""The big proofs: the tests' own code at full size, resumable, recorded in docs/proofs.md.

``make prove`` runs every proof that was not yet run on this commit; a run that is stopped goes on
where it was. Each row says what was proved, how large, with which seed, on which commit, how long.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
STATE = ROOT / "build" / "proofs.json"
PAGE = ROOT / "docs" / "proofs.md"


@dataclass(frozen=True)
class Proof:
    """One proof: which test, and the environment variable that is its size."""

    name: str
    test: str
    variable: str
    size: int


PROOFS = (
    Proof("inclusion frequencies against probabilities, per design",
          "tests/sampling/test_draw_frequencies.py",
          "JIHE_PROOF_DRAWS", 10_000),
    Proof("conditional Poisson draws: units and pairs as often as their chances",
          "tests/sampling/test_pps.py",
          "JIHE_PROOF_DRAWS", 10_000),
    Proof("institutions drawn by size: units and pairs as often as their exact chances",
          "tests/sampling/test_pps_draw.py",
          "JIHE_PROOF_DRAWS", 10_000),
    Proof("two stages: institutions and claims as often as their chances, stage by stage",
          "tests/sampling/test_staged_frequencies.py",
          "JIHE_PROOF_DRAWS", 10_000),
    Proof("draws whose intervals hold the truth as often as they say, or are known not to",
          "tests/sampling/test_interval_coverage.py",
          "JIHE_PROOF_COVERAGE", 10_000),
    Proof("draws by size and in two stages whose intervals hold the truth, or are known not to",
          "tests/sampling/test_staged_coverage.py",
          "JIHE_PROOF_COVERAGE", 10_000),
    Proof("generated files of every kind: counts add up, no value changes",
          "tests/claims/test_counts.py",
          "JIHE_PROOF_FILES", 10_000),
    Proof("stores with rows from the future: nothing changes",
          "tests/features/test_future.py",
          "JIHE_PROOF_STORES", 300),
    Proof("insured of a county, all of whose claims are the same online and in batch, bit for bit",
          "tests/features/test_parity.py",
          "JIHE_PROOF_INSURED", 3_000),
    Proof("sources (village, county) whose every feature and rule is the same on Spark",
          "tests/features/test_engines.py",
          "JIHE_PROOF_SPARK_SOURCES", 2),
)  # fmt: skip


def _commit() -> str:
    head = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(head, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _row(proof: Proof, commit: str, seconds: float) -> str:
    day = datetime.now(UTC).date()
    return (
        f"| {proof.name} | {proof.size:,} | fixed in the test | {commit} | {day} | "
        f"{platform.python_version()} | {seconds:,.0f} s |\n"
    )


def main() -> int:
    """Run what is missing for this commit; return the exit code."""
    commit = _commit()
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    done = state.setdefault(commit, [])
    for proof in PROOFS:
        if proof.test in done:
            sys.stdout.write(f"done on {commit}: {proof.name}\n")
            continue
        sys.stdout.write(f"{proof.name}, size {proof.size:,} …\n")
        sys.stdout.flush()
        started = time.perf_counter()
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", proof.test],
            cwd=ROOT, env={**os.environ, proof.variable: str(proof.size)}, check=False,
        )  # fmt: skip
        if run.returncode:
            return run.returncode
        done.append(proof.test)
        STATE.parent.mkdir(exist_ok=True)
        STATE.write_text(json.dumps(state))
        with PAGE.open("a", encoding="utf-8") as page:
            page.write(_row(proof, commit, time.perf_counter() - started))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
