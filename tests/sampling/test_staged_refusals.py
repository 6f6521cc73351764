"""Designs by size and in two stages that cannot be drawn are refused before the sealing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sampling.committee import draw_plan, reveal_part
from sampling.drawing.beside import Beside, BesideError, read_beside
from sampling.drawing.designs import PpsDesign, TwoStageDesign
from sampling.drawing.draw import DrawError
from sampling.drawing.fit import fit_faults
from sampling.drawing.pps_draw import weights_hash
from sampling.drawing.pps_faults import PpsError
from sampling.drawing.seal import SealError
from sampling.drawing.staged_draw import draw_by
from sampling.frame import make_frame
from sampling.ledger import Ledger
from sampling.planning.staged_plan import parse_each, plan_by_size, plan_two_stages
from tests.sampling import staged_plans as small

SEED = bytes(range(32))


def test_weights_that_favour_a_unit_are_refused(tmp_path: Path) -> None:
    """Hash and seal agree, as an insider's would; the chances are not those of the sizes."""
    what = small.subject("pps")
    weights = list(what.beside.weights or ())
    place = next(i for i, w in enumerate(weights) if w)
    weights[place] = weights[place] * 1001 // 1000
    beside = Beside(weights=tuple(weights))
    design = PpsDesign("institution", 6, weights_hash(what.frame, weights))
    (fault, *_) = fit_faults(what.frame, design, beside)
    assert fault.code == "PPS_NOT_BY_SIZE"
    assert f"'{what.frame.unit_ids[place].as_py()}'" in fault.en
    with pytest.raises(BesideError):
        draw_by(what.frame, design, beside, SEED, "P0001")


def test_a_certain_unit_must_be_certain_by_its_size() -> None:
    """H7's chance under these sizes is 1; a weight that leaves it a hair below is refused."""
    what = small.subject("pps")
    ids = what.frame.unit_ids.to_pylist()
    weights = list(what.beside.weights or ())
    assert weights[ids.index("H7")] == 0
    weights[ids.index("H7")] = max(weights) * 10**15
    design = PpsDesign("institution", 6, weights_hash(what.frame, weights))
    faults = fit_faults(what.frame, design, Beside(weights=tuple(weights)))
    assert [f.code for f in faults] == ["PPS_NOT_BY_SIZE"]
    assert "'H7'" in faults[0].en


def test_a_frame_by_size_without_strata_and_of_institutions() -> None:
    frame = small.institutions(strata=True)
    with pytest.raises(BesideError, match="2 strata"):
        plan_by_size(frame, 6)
    claims = small.claims_frame()
    one = make_frame("claim", claims.unit_ids, ["all"] * len(claims), [5] * len(claims))
    with pytest.raises(BesideError, match="'institution', the frame holds 'claim'"):
        plan_by_size(one, 6)


def test_what_cannot_be_drawn_by_size_is_refused_by_name() -> None:
    sizes = {**small.SIZES, "H5": 0, "H8": 0}
    frame = make_frame("institution", list(sizes), ["all"] * 12, list(sizes.values()))
    with pytest.raises(PpsError) as caught:
        plan_by_size(frame, 13)
    text = str(caught.value)
    assert all(word in text for word in ("'H5'", "'H8'", "13 units", "has 12"))
    assert "对象“H5”" in caught.value.text("zh")
    frame = make_frame("institution", ["a", "b", "c"], ["all"] * 3, [100, 1, 1])
    with pytest.raises(BesideError, match="leaves one to chance"):
        plan_by_size(frame, 2)


def test_chances_that_are_too_long_to_read_are_refused_before_the_sealing() -> None:
    """Weights of some 57 digits: chances of 80 draws have 4,500, which int() would not read."""
    n, units = 80, 90
    frame = make_frame("institution", [f"{i:02d}" for i in range(units)], ["all"] * units,
                       [100] * units)  # fmt: skip
    design, beside = plan_by_size(frame, n)
    assert fit_faults(frame, design, beside) == []
    large = Beside(weights=tuple(w * 10**49 for w in beside.weights or ()))
    design = PpsDesign("institution", n, weights_hash(frame, large.weights or ()))
    faults = fit_faults(frame, design, large)
    assert [f.code for f in faults] == ["PPS_LONG"]
    assert "80 of 90" in faults[0].en
    assert faults[0].zh


def test_a_frame_too_large_for_exact_sums_is_refused_before_the_sealing() -> None:
    units, n = 200, 190
    frame = make_frame("institution", [f"{i:03d}" for i in range(units)], ["all"] * units,
                       [100] * units)  # fmt: skip
    weights = (10**3999,) * units
    design = PpsDesign("institution", n, weights_hash(frame, weights))
    faults = fit_faults(frame, design, Beside(weights=weights))
    assert [f.code for f in faults] == ["PPS_LARGE"]


def test_claims_and_institutions_must_be_each_other_s(tmp_path: Path) -> None:
    frame, claims = small.institutions(strata=True), small.claims_frame()
    first = small.stratified(frame, 6)
    fewer = make_frame("institution", list(small.SIZES)[1:],
                       [small.STRATA[u] for u in list(small.SIZES)[1:]], [1] * 11)  # fmt: skip
    with pytest.raises(BesideError, match="'H医', which is not in the frame"):
        plan_two_stages(fewer, small.stratified(fewer, 6), Beside(), claims, "3")
    kept = [i for i, u in enumerate(claims.strata.to_pylist()) if u != "H4"]
    without = make_frame("claim", claims.unit_ids.take(kept), claims.strata.take(kept), [1] * 57)
    with pytest.raises(BesideError, match="'H4' has no claim"):
        plan_two_stages(frame, first, Beside(), without, "3")
    for text in ("1", "0", "0%", "101%", "-2", "a few", ""):
        with pytest.raises(BesideError, match="claims of each institution"):
            parse_each(text)


@pytest.mark.parametrize(("unit", "take"), [("H4", 0), ("H4", 2), ("H5", 1), ("H医", 13)])
def test_too_few_or_too_many_claims_are_refused_by_name(unit: str, take: int) -> None:
    """H4 has one claim: that one is taken. Two claims are taken both; else two to all."""
    what = small.subject("strata_then_claims")
    takes = list(what.beside.takes or ())
    takes[what.frame.unit_ids.to_pylist().index(unit)] = take
    from sampling.drawing.beside import takes_hash

    claims = what.beside.claims
    beside = Beside(claims=claims, takes=tuple(takes))
    design = TwoStageDesign(what.design.first, 58, what.design.claims_sha256,
                            takes_hash(what.frame, claims, takes))  # fmt: skip
    faults = fit_faults(what.frame, design, beside)
    assert [f.code for f in faults] == ["TAKES_RANGE"]
    assert f"'{unit}'" in faults[0].en
    assert f"“{unit}”" in faults[0].zh


@pytest.mark.parametrize(("change", "code"), [
    (lambda lines: lines[:-1], "BESIDE_LINES"),
    (lambda lines: [lines[1], lines[0], *lines[2:]], "BESIDE_UNIT"),
    (lambda lines: [lines[0], *lines[:-1]], "BESIDE_UNIT"),
    (lambda lines: [lines[0] + "\t1", *lines[1:]], "BESIDE_UNIT"),
    (lambda lines: [lines[0].replace("\t", "\t+", 2).replace("\t+", "\t", 1), *lines[1:]],
     "BESIDE_NUMBER"),
    (lambda lines: [lines[0] + "0" * 60, *lines[1:]], "BESIDE_NUMBER"),
])  # fmt: skip
def test_files_beside_the_frame_that_cannot_be_read(
    tmp_path: Path, change: Callable[[list[str]], list[str]], code: str
) -> None:
    what = small.subject("pps")
    what.beside.write(what.frame, tmp_path)
    path = tmp_path / "weights.tsv"
    lines = path.read_text().split("\n")[:-1]
    path.write_text("".join(line + "\n" for line in change(lines)))
    with pytest.raises(BesideError) as caught:
        read_beside(what.design, tmp_path, what.frame)
    assert caught.value.faults[0].code == code
    assert caught.value.faults[0].zh
    path.write_bytes(b"\xff\n")
    with pytest.raises(BesideError, match="UTF-8"):
        read_beside(what.design, tmp_path, what.frame)


def test_a_takes_file_that_tells_another_number_of_claims(tmp_path: Path) -> None:
    what = small.subject("strata_then_claims")
    what.beside.write(what.frame, tmp_path)
    path = tmp_path / "takes.tsv"
    path.write_text(path.read_text().replace("H5\t2\t2\n", "H5\t2\t3\n"))
    with pytest.raises(BesideError, match=r"'H5' has 2 claims in claims\.tsv, takes\.tsv says 3"):
        read_beside(what.design, tmp_path, what.frame)


def test_nothing_is_sealed_or_drawn_with_other_files(
    ledger: Ledger, key: Ed25519PrivateKey
) -> None:
    what = small.subject("pps_then_claims")
    for wrong in (Beside(), Beside(weights=what.beside.weights),
                  Beside(what.beside.weights, what.beside.claims)):  # fmt: skip
        with pytest.raises(DrawError, match="was not given"):
            small.seal_it(ledger, small.Subject(what.frame, what.design, wrong), key)
    plan_id = small.seal_it(ledger, what, key)
    for name, part in small.PARTS.items():
        reveal_part(ledger, plan_id, name, part, now=small.REVEALED_AT, actor=name)
    other = list(what.beside.takes or ())
    other[0] -= 1
    wrong = Beside(what.beside.weights, what.beside.claims, tuple(other))
    at = {"now": small.DRAWN_AT, "actor": "planner"}
    with pytest.raises(BesideError, match=r"takes\.tsv"):
        draw_plan(ledger, plan_id, what.frame, small.VALUE, key, beside=wrong, **at)
    assert ledger.plan_ids() == []
    drawn = draw_plan(ledger, plan_id, what.frame, small.VALUE, key, beside=what.beside, **at)
    assert drawn.created
    with pytest.raises(SealError):
        draw_plan(ledger, plan_id, what.frame, "40718", key, beside=what.beside, **at)
