"""Run every benchmark that brings its own data, at a small size, one after the other.

In: nothing, or the folder of the labelled providers' files. Out: one JSON document on standard
output: what each script printed, its command and its seconds; what is going on, on standard error.
Each script runs in a process of its own, with a vault of its own that goes with the run. A script
that fails is reported with its last lines, the others go on, and the exit code is 1.

    python docs/benchmarks/run.py
    python docs/benchmarks/run.py --providers DIR --only providers

Sizes here are for a look; those of docs/benchmarks.md stand in the first lines of each script.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Step:
    """One benchmark: its name, what follows ``python``, and a JSON file that it leaves, if any."""

    name: str
    arguments: tuple[str, ...]
    result: Path | None = None


def steps(scratch: Path, providers: Path | None) -> list[Step]:
    """Return what can be run with the data at hand."""
    demo, out = scratch / "demo", scratch / "providers"
    found = [
        Step("models", (_script("model_speed"), "--rows", "5000", "--rounds", "30", "--runs", "1")),
        Step("detectors", (_script("detectors"), "--seeds", "1")),
        Step("load", (_script("load"), "--claims", "40000", "--runs", "1", "--out",
                      str(scratch / "load"))),
        Step("county", ("-m", "jihe.cli", "demo", "--out", str(demo), "--insured", "4000",
                        "--seed", "1")),
        Step("features", (_script("feature_speed"), "build", "--home", str(demo / "home"))),
    ]  # fmt: skip
    if providers is not None:
        command = (
            "-m", "jihe.cli", "run", "--source", "provider_fraud",
            "--input", str(providers.resolve()), "--out", str(out),
        )  # fmt: skip
        found.append(Step("providers", command, out / "metrics.json"))
        repeats = (_script("provider_fraud"), str(providers.resolve()))
        found.append(Step("providers repeated", repeats))
    return found


def run(step: Step, scratch: Path) -> dict[str, Any]:
    """Run one benchmark and return what it said."""
    sys.stderr.write(f"{step.name} …\n")
    start = time.perf_counter()
    vault = scratch / "demo" / "vault" if step.name == "features" else scratch / "vault"
    done = subprocess.run(
        [sys.executable, *step.arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "JIHE_VAULT": str(vault)},
    )
    record: dict[str, Any] = {
        "command": " ".join(["python", *step.arguments]).replace(str(scratch), "SCRATCH"),
        "seconds": round(time.perf_counter() - start, 1),
    }
    if done.returncode:
        return record | {"failed": done.stderr.splitlines()[-5:]}
    if step.result is not None:
        return record | {"result": json.loads(step.result.read_text(encoding="utf-8"))}
    return record | {"result": _read(done.stdout)}


def _script(name: str) -> str:
    return str((HERE / f"{name}.py").relative_to(ROOT))


def _read(text: str) -> Any:
    """Return JSON where a script printed JSON, else its lines."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text.splitlines()


def main() -> int:
    """Run what was asked for and print the document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--providers", type=Path, help="folder of the labelled providers' files")
    parser.add_argument("--only", action="append", default=[], help="name of a benchmark")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "vault").mkdir(mode=0o700)
        chosen = [
            step
            for step in steps(scratch, wanted.providers)
            if not wanted.only or step.name in wanted.only
        ]
        found = {step.name: run(step, scratch) for step in chosen}
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return int(any("failed" in record for record in found.values()))


if __name__ == "__main__":
    sys.exit(main())
