"""Seconds and memory of a plan over millions of units, step by step, and of its replay.

In: the number of units. Out: a line per step: seconds by the clock, seconds of the processor, the
largest memory that the process had until then. Ids are as long as the pseudonyms of claims; ranks,
classes, levels and amounts are drawn from a fixed seed, so two runs draw the same list.

    python docs/benchmarks/draw_speed.py --units 5000000
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling.design import Design
from sampling.drawing.certificate import CERTIFICATE_FILE, certificate_bytes, make_certificate, sign
from sampling.drawing.draw import DRAW_FILE, draw, write_draw
from sampling.drawing.replay import replay
from sampling.drawing.signing import public_hex
from sampling.frame import FRAME_FILE, Frame, frame_hash, write_frame
from sampling.planning.stratify import design_plan

SEED = bytes(range(32))
AT = datetime(2026, 3, 1, tzinfo=UTC)
VERSIONS: dict[str, str | date] = {
    "model_version": "m", "rules_version": "r", "catalogue_version": "c",
    "as_of_date": date(2026, 1, 1),
}  # fmt: skip


@dataclass
class Units:
    """What a plan is made from; one row per unit."""

    ids: pa.Array
    ranks: pa.Array
    kinds: pa.Array
    levels: pa.Array
    amounts: pa.Array


def simulate(count: int) -> Units:
    """Return units with shuffled ids of 24 characters."""
    rng = np.random.default_rng(1)
    raw = rng.integers(0, 2**62, count, dtype=np.int64)
    ids = pa.array([f"clm_{n:013x}{i:07x}" for i, n in enumerate(raw.tolist())], pa.large_string())
    kinds = np.array(["public_hospital", "private_hospital", "clinic", "pharmacy"])
    return Units(
        ids, pa.array(rng.permutation(count) + 1), pa.array(kinds[rng.integers(0, 4, count)]),
        pa.array(np.array(["1", "2", "3"])[rng.integers(0, 3, count)]),
        pa.array(rng.integers(100, 10**7, count)),
    )  # fmt: skip


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print what a step took."""
    wall, used = time.perf_counter(), time.process_time()
    yield
    wall, used = time.perf_counter() - wall, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    sys.stdout.write(f"{name:<22} {wall:8.1f} s {used:8.1f} s cpu {peak:6.2f} GB\n")
    sys.stdout.flush()


def plan(units: Units, capacity: int, folder: Path) -> None:
    """Frame, allocate, draw and certify, and write the three files."""
    with step("frame and allocation"):
        frame, design = design_plan(
            "claim", units.ids, units.ranks, units.kinds, units.levels, units.amounts,
            capacity=capacity,
        )  # fmt: skip
    with step("frame hash"):
        frame_hash(frame)
    certify(frame, design, folder)
    with step("frame.tsv"):
        write_frame(frame, folder / FRAME_FILE)


def certify(frame: Frame, design: Design, folder: Path) -> None:
    """Draw, and write list and certificate."""
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    with step("draw"):
        drawn = draw(frame, design, SEED, "P0001")
    with step("certificate"):
        write_draw(drawn, folder / DRAW_FILE)
        certificate = make_certificate(
            frame, design, SEED, drawn, plan_id="P0001", score_version=VERSIONS, sealed_at=AT,
            public_key=public_hex(key),
        )  # fmt: skip
        signed = certificate_bytes(sign(certificate, key))
        (folder / CERTIFICATE_FILE).write_bytes(signed)


def main() -> None:
    """Measure a plan and its replay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=5_000_000)
    parser.add_argument("--capacity", type=int, default=20_000)
    parser.add_argument("--replay", type=Path, help="folder of a plan that is only repeated")
    parser.add_argument("--out", type=Path, help="folder in which the plan's files stay")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        folder = asked.replay or asked.out or Path(kept)
        folder.mkdir(parents=True, exist_ok=True)
        if not asked.replay:
            with step("(simulated units)"):
                units = simulate(asked.units)
            with step("plan, all steps"):
                plan(units, asked.capacity, folder)
            del units
        with step("replay"):
            files = (folder / name for name in (CERTIFICATE_FILE, FRAME_FILE, DRAW_FILE))
            if not replay(*files).ok:
                raise SystemExit("the replay differs")


if __name__ == "__main__":
    main()
