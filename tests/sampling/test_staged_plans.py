"""Plans by size and in two stages: sealed, drawn, replayed; every tampering is named."""

from __future__ import annotations

import copy
import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from sampling.columns import ListError
from sampling.committee import draw_plan, reveal_part
from sampling.design import Design
from sampling.drawing.beside import Beside, BesideError, read_beside
from sampling.drawing.certificate import certificate_bytes, read_certificate, sign
from sampling.drawing.certificate_form import CertificateError
from sampling.drawing.designs import PpsDesign, TwoStageDesign, design_of
from sampling.drawing.draw import DrawError, draw_bytes
from sampling.drawing.fit import exact_targets, fit_faults
from sampling.drawing.pps import target_probabilities
from sampling.drawing.pps_draw import weights_hash
from sampling.drawing.pps_faults import PpsError
from sampling.drawing.replay import Replay, replay
from sampling.drawing.seal import SealError
from sampling.drawing.staged_draw import draw_by
from sampling.frame import make_frame
from sampling.ledger import Ledger
from sampling.lists import write_inspector_list, write_planner_lists
from sampling.planning.staged_plan import parse_each, plan_by_size, plan_two_stages
from sampling.verdicts import import_verdicts
from tests.sampling import staged_plans as small

SEED = bytes(range(32))


@pytest.fixture(params=small.KINDS)
def staged(
    request: pytest.FixtureRequest, tmp_path: Path, ledger: Ledger, key: Ed25519PrivateKey
) -> SimpleNamespace:
    """A drawn plan of each kind with its files."""
    what = small.subject(request.param)
    plan = small.drawn_plan(ledger, what, key)
    folder = small.write_plan(tmp_path / "out", what, plan, key)
    return SimpleNamespace(
        kind=request.param, what=what, plan=plan, folder=folder, key=key, ledger=ledger
    )


def _replay(staged: SimpleNamespace, **options: Any) -> Replay:
    folder = staged.folder
    return replay(
        folder / "certificate.json", folder / "frame.tsv", folder / "draw.tsv",
        public_path=folder / "public.json", **options,
    )  # fmt: skip


def _codes(result: Replay) -> set[str]:
    assert result.ok == (not result.differences)
    assert all(d.en and d.zh for d in result.differences)
    return {d.code for d in result.differences}


def _resign(staged: SimpleNamespace, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the certificate as its own signer could, the seal's hash with it."""
    from sampling.drawing.seal import record_sha256, sealed_in

    certificate = copy.deepcopy(dict(staged.plan.certificate))
    del certificate["signature"]
    change(certificate)
    certificate["seal"]["sha256"] = record_sha256(sealed_in(certificate))
    signed = certificate_bytes(sign(certificate, staged.key))
    (staged.folder / "certificate.json").write_bytes(signed)


def test_an_honest_plan_repeats(staged: SimpleNamespace, tmp_path: Path) -> None:
    result = _replay(staged)
    assert result.differences == ()
    assert result.drawn.equals(staged.plan.draws)
    assert staged.plan.certificate["version"] == "jihe-draw-3"
    assert design_of(staged.plan.certificate) == staged.what.design
    for name in ("weights.tsv", "claims.tsv", "takes.tsv"):
        if (staged.folder / name).exists():
            (tmp_path / name).write_bytes((staged.folder / name).read_bytes())
            (staged.folder / name).unlink()
            with pytest.raises(BesideError, match=name):
                _replay(staged)
    assert _replay(staged, beside_path=tmp_path).ok


def test_the_ledger_keeps_list_and_design(staged: SimpleNamespace) -> None:
    again = staged.ledger.plan(staged.plan.plan_id)
    assert again.draws.equals(staged.plan.draws)
    assert again.design == staged.what.design
    assert staged.ledger.verify_trail() == []


def test_chances_are_exact_and_their_product_is_stored(staged: SimpleNamespace) -> None:
    rows = staged.plan.draws.to_pylist()
    for row in rows:
        first = Fraction(int(row["chance_numerator"]), int(row["chance_denominator"]))
        assert 0 < first <= 1
        if staged.kind == "pps":
            assert (row["psu_id"], row["inclusion_prob_1"], row["inclusion_prob_2"]) == (None,) * 3
            assert row["inclusion_prob"] == float(first)
            assert (row["tag"] == "take_all") == (first == 1)
            continue
        second = Fraction(row["psu_draws"], row["psu_size"])
        assert row["inclusion_prob_1"] == float(first)
        assert row["inclusion_prob_2"] == float(second)
        assert row["inclusion_prob"] == float(first * second)
        assert row["psu_size"] == small.CLAIMS[row["psu_id"]]
    units = {row["psu_id"] or row["unit_id"] for row in rows}
    assert len(units) == 6
    if staged.kind != "pps":
        assert len(rows) == sum(min(3, small.CLAIMS[u]) for u in units)


FILES = {
    "pps": ["weights.tsv"],
    "strata_then_claims": ["claims.tsv", "takes.tsv"],
    "pps_then_claims": ["weights.tsv", "claims.tsv", "takes.tsv"],
}


def test_another_file_beside_the_frame_is_named(staged: SimpleNamespace) -> None:
    """One digit is changed in each file: a weight, a claim's size, a number of claims."""
    for name in FILES[staged.kind]:
        path = staged.folder / name
        raw = path.read_text()
        lines = raw.split("\n")
        fields = lines[1].split("\t")
        place = 2 if name == "takes.tsv" else -1
        fields[place] = str(int(fields[place]) + (1 if name != "takes.tsv" else -1))
        path.write_text("\n".join([lines[0], "\t".join(fields), *lines[2:]]))
        result = _replay(staged)
        assert ("REPLAY_BESIDE", name) in {(d.code, d.column) for d in result.differences}
        assert result.drawn is None
        path.write_text(raw)
    assert _replay(staged).ok


def _first(certificate: dict[str, Any]) -> dict[str, Any]:
    design = certificate["design"]
    return design.get("first", design)


def test_a_signer_who_changes_the_number_to_draw(staged: SimpleNamespace) -> None:
    _resign(staged, lambda c: _first(c).update(capacity=7))
    want = "DESIGN_SUM" if staged.kind == "strata_then_claims" else "PPS_NOT_BY_SIZE"
    assert {want, "PUBLIC_DIFFERS"} <= _codes(_replay(staged))


SETTLED = {
    "pps": [("weights", "sha256")],
    "strata_then_claims": [
        ("second", "sha256"), ("second", "takes", "sha256"), ("second", "units"),
    ],
    "pps_then_claims": [("first", "weights", "sha256"), ("second", "sha256")],
}  # fmt: skip


def test_a_signer_who_changes_a_field(staged: SimpleNamespace) -> None:
    for path, codes in [
        *((("design", *p), {"REPLAY_BESIDE", "CLAIMS_UNITS"}) for p in SETTLED[staged.kind]),
        (("list", "sha256"), {"REPLAY_LIST"}), (("list", "units"), {"REPLAY_UNITS"}),
        (("seed",), {"REPLAY_SEAL"}),
    ]:  # fmt: skip

        def change(certificate: dict[str, Any], path: tuple[str, ...] = path) -> None:
            at: Any = certificate
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = at[path[-1]] + 1 if path[-1] == "units" else "ab" * 32

        _resign(staged, change)
        assert codes & _codes(_replay(staged)), path


def _edit_list(staged: SimpleNamespace, column: int, value: Callable[[str], str]) -> None:
    path = staged.folder / "draw.tsv"
    lines = path.read_text().split("\n")
    fields = lines[0].split("\t")
    fields[column] = value(fields[column])
    path.write_text("\n".join(["\t".join(fields), *lines[1:]]))


def test_every_field_of_the_list_is_compared(staged: SimpleNamespace) -> None:
    raw = (staged.folder / "draw.tsv").read_bytes()
    width = len(raw.split(b"\n")[0].split(b"\t"))
    assert width == (7 if staged.kind == "pps" else 10)
    for column in range(width):
        _edit_list(staged, column, lambda text: text + "1")
        assert _codes(_replay(staged)) == {"REPLAY_MISSING", "REPLAY_EXTRA"}
        (staged.folder / "draw.tsv").write_bytes(raw)


def test_lists_go_out_and_verdicts_come_back(staged: SimpleNamespace, tmp_path: Path) -> None:
    """The planner's list replays and is imported; the inspectors' says nothing of the draw."""
    draws, cases = staged.plan.draws, staged.plan.cases
    ids = draws["unit_id"].to_pylist()
    planner = pa.table({"unit_id": ids, "anomaly_score": [0.5] * len(ids),
                        "risk_score": pa.nulls(len(ids))})  # fmt: skip
    at = {"lang": "en", "drawn_on": staged.plan.drawn_on}
    path, sheet = write_planner_lists(draws, cases, planner, tmp_path, **at)
    folder = staged.folder
    assert replay(folder / "certificate.json", folder / "frame.tsv", path).ok
    header, *rows = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    names = ("psu_id", "psu_size", "psu_draws", "inclusion_prob_1", "inclusion_prob_2")
    assert all((name in header) == (staged.kind != "pps") for name in names)
    top = openpyxl.load_workbook(sheet).worksheets[0][1]
    assert not any("hance" in str(cell.value) for cell in top)
    given = {"disposition": "recovery", "overpaid_amount": "1.50", "reason": "seen",
             "inspected_on": "2026-03-04", "inspectors": "a;b"}  # fmt: skip
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows({**dict(zip(header, row, strict=True)), **given} for row in rows)
    now = datetime(2026, 3, 5, tzinfo=UTC)
    done = import_verdicts(staged.ledger, path, staged.plan.plan_id, actor="a", now=now)
    assert done.appended.new == len(ids)
    back = staged.ledger.outcomes().to_pylist()
    assert {r["unit_id"] for r in back} == set(ids)
    for name in ("psu_size", "chance_numerator", "inclusion_prob_2", "tag", "stratum"):
        facts = pa.table({"unit_id": ids, name: draws[name]})
        with pytest.raises(ListError, match=name):
            write_inspector_list(draws, cases, facts, tmp_path, **at)
    facts = pa.table({"unit_id": ids, "institution_id": draws["psu_id"]})
    write_inspector_list(draws, cases, facts, tmp_path, **at)


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


def test_the_certificate_s_form(staged: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "c.json"

    def refused(change: Callable[[dict[str, Any]], Any]) -> set[str]:
        certificate = copy.deepcopy(dict(staged.plan.certificate))
        change(certificate)
        path.write_bytes(certificate_bytes(certificate))
        with pytest.raises(CertificateError) as caught:
            read_certificate(path)
        return {f.column for f in caught.value.faults}

    assert refused(lambda c: c["design"].update(kind="cluster"))
    assert refused(lambda c: c["design"].pop("kind"))
    assert "design.remark" in refused(lambda c: c["design"].update(remark="x"))
    assert refused(lambda c: c.update(version="jihe-draw-2"))
    assert refused(lambda c: c.update(design=[]))
    assert refused(lambda c: c["seal"].update(mode="single_person")) == {"seal.mode"}
    if "second" in staged.plan.certificate["design"]:
        assert "design.second.rule" in refused(lambda c: c["design"]["second"].update(rule="all"))
        assert refused(lambda c: c["design"].update(first=dict(c["design"])))


def test_the_public_version_shows_kind_and_count_alone(staged: SimpleNamespace) -> None:
    public = json.loads((staged.folder / "public.json").read_text())
    assert public["version"] == "jihe-public-2"
    assert public["counts"] == {"capacity": 6}
    assert public["design"] == ("pps" if staged.kind == "pps" else "two_stage")
    text = json.dumps(public, ensure_ascii=False)
    assert not any(unit in text for unit in small.SIZES)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=9), st.data())
def test_exact_targets_are_the_floating_ones(sizes: list[int], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(sizes)))
    exact = exact_targets(sizes, n)
    floats = target_probabilities(sizes, n, [str(i) for i in range(len(sizes))])
    assert sum(exact) == n
    assert [float(p) for p in exact] == pytest.approx(floats.tolist(), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.binary(min_size=32, max_size=32))
def test_the_order_of_the_rows_is_irrelevant(random: Any, seed: bytes) -> None:
    what = small.subject("pps_then_claims")
    units = list(small.SIZES)
    random.shuffle(units)
    rows = [(f"c-{u}-{i}", u, 100 * i + len(u)) for u in units for i in range(small.CLAIMS[u])]
    random.shuffle(rows)
    frame = make_frame("institution", units, ["all"] * 12, [small.SIZES[u] for u in units])
    claims = make_frame("claim", *(list(c) for c in zip(*rows, strict=True)))
    again = plan_two_stages(frame, *plan_by_size(frame, 6), claims, "3")
    assert again[0] == what.design
    one = draw_by(what.frame, what.design, what.beside, seed, "P0001")
    assert draw_bytes(draw_by(frame, *again, seed, "P0001")) == draw_bytes(one)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 10_000), st.integers(1, 1_000_000))
def test_a_share_of_claims_is_rounded_up_and_never_below_two(claims: int, millionths: int) -> None:
    take = parse_each(f"{millionths / 10_000:.4f}%")(claims)
    share = Fraction(f"{millionths / 10_000:.4f}") / 100
    assert take == min(claims, max(2, -int(-share * claims // 1)))
    assert min(claims, 2) <= take <= claims
    assert take == claims or take >= share * claims


def test_a_claim_s_number_has_nothing_to_do_with_the_first_stage() -> None:
    """More claims elsewhere, or another way to draw institutions, leave its place the same."""
    one = small.subject("strata_then_claims", n=12)
    two = small.subject("pps_then_claims", n=12)
    lists = [
        {r["unit_id"]: r["random_number"] for r in
         draw_by(w.frame, w.design, w.beside, SEED, "P0001").to_pylist()}
        for w in (one, two)
    ]  # fmt: skip
    assert isinstance(one.design.first, Design)
    assert lists[0] == lists[1]
    assert len(lists[0]) == sum(min(3, n) for n in small.CLAIMS.values())
