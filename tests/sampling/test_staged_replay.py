"""Plans by size and in two stages repeat from their files; every tampering is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sampling.drawing.beside import BesideError
from sampling.drawing.certificate import certificate_bytes, read_certificate, sign
from sampling.drawing.certificate_form import CertificateError
from sampling.drawing.designs import design_of
from sampling.drawing.replay import Replay, replay

FILES = {
    "pps": ["weights.tsv"],
    "strata_then_claims": ["claims.tsv", "takes.tsv"],
    "pps_then_claims": ["weights.tsv", "claims.tsv", "takes.tsv"],
}
SETTLED = {
    "pps": [("weights", "sha256")],
    "strata_then_claims": [
        ("second", "sha256"), ("second", "takes", "sha256"), ("second", "units"),
    ],
    "pps_then_claims": [("first", "weights", "sha256"), ("second", "sha256")],
}  # fmt: skip


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
