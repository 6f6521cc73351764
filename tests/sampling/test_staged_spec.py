"""docs/sampling-spec.md on designs by size and in two stages: a replay from the page alone agrees.

The replay below uses nothing of the software: hashlib, hmac, json, fractions, and Ed25519. What the
page says of every committee (seal, parts, public version) is checked by the functions of
test_sampling_spec, which know the software as little.
"""

from __future__ import annotations

import hashlib
import json
import re
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tests.sampling import staged_plans as small
from tests.sampling.test_sampling_spec import (
    PAGE,
    block,
    bytes_block,
    canonical,
    check_committee,
    check_public,
    keyed,
    leaves,
)

Files = dict[str, bytes]
Drawn = dict[str, tuple[str, str, int, int]]
"""Institution: stratum, tag, numerator, denominator."""


def _table(raw: bytes, fields: int) -> list[list[str]]:
    lines = raw.decode().split("\n")
    assert lines.pop() == ""
    rows = [line.split("\t") for line in lines]
    assert all(len(row) == fields for row in rows)
    return rows


def _whole(text: str, most: int) -> int:
    assert re.fullmatch(r"0|[1-9][0-9]*", text)
    assert len(text) <= most
    return int(text)


def _frame(raw: bytes) -> list[list[str]]:
    assert raw.split(b"\n") == [*sorted(raw.split(b"\n")[:-1]), b""]
    rows = _table(raw, 4)
    assert len({row[1] for row in rows}) == len(rows)
    assert len({row[0] for row in rows}) == 1
    for row in rows:
        assert _whole(row[3], 19) < 2**63
    return rows


def sums(weights: list[int], most: int) -> list[int]:
    """R(0, A), ..., R(most, A)."""
    found = [1] + [0] * most
    for weight in weights:
        found = [found[0]] + [found[r] + weight * found[r - 1] for r in range(1, most + 1)]
    return found


def wanted(sizes: list[int], n: int) -> list[Fraction]:
    """The four steps of the page."""
    certain = [False] * len(sizes)
    while True:
        whole = sum(x for x, c in zip(sizes, certain, strict=True) if not c)
        q = n - sum(certain)
        more = [not c and q * x >= whole for x, c in zip(sizes, certain, strict=True)]
        if not any(more):
            return [Fraction(1) if c else Fraction(q * x, whole)
                    for x, c in zip(sizes, certain, strict=True)]  # fmt: skip
        certain = [a or b for a, b in zip(certain, more, strict=True)]


def by_size(design: dict, frame: list[list[str]], files: Files, seed: bytes) -> Drawn:
    assert design["rule"] == "conditional_poisson"
    assert design.keys() == {"kind", "rule", "capacity", "weights"}
    raw, n = files["weights.tsv"], design["capacity"]
    assert hashlib.sha256(raw).hexdigest() == design["weights"]["sha256"]
    rows = _table(raw, 3)
    assert [row[:2] for row in rows] == [row[:2] for row in frame]
    assert len({row[2] for row in frame}) == 1
    sizes = [int(row[3]) for row in frame]
    assert min(sizes) >= 1
    assert 1 <= n <= len(frame)
    weights = [_whole(row[2], 60) for row in rows]
    left = n - weights.count(0)
    assert left >= 2 or set(weights) == {0}
    open_ = [k for k, w in enumerate(weights) if w]
    whole = sums([weights[k] for k in open_], left)[left]
    assert whole < 10**4000
    chance = {k: Fraction(1) for k, w in enumerate(weights) if not w}
    for k in open_:
        others = sums([weights[j] for j in open_ if j != k], left)
        chance[k] = Fraction(weights[k] * others[left - 1], whole)
    for k, want in enumerate(wanted(sizes, n)):
        assert abs(chance[k] - want) <= Fraction(1, 1_000_000)
        assert (chance[k] == 1) == (want == 1)
    taken = [k for k, w in enumerate(weights) if not w]
    for place, k in enumerate(open_):
        if left == 0:
            break
        after = sums([weights[j] for j in open_[place + 1 :]], left)
        here = sums([weights[j] for j in open_[place:]], left)
        number = int.from_bytes(keyed(seed, f"institution|{frame[k][1]}"), "big")
        if number * here[left] < 2**64 * weights[k] * after[left - 1]:
            taken.append(k)
            left -= 1
    return {
        frame[k][1]: (frame[k][2], "random" if weights[k] else "take_all",
                      chance[k].numerator, chance[k].denominator)
        for k in taken
    }  # fmt: skip


def from_strata(design: dict, frame: list[list[str]], seed: bytes) -> Drawn:
    assert design["kind"] == "stratified"
    assert {s["stratum"] for s in design["strata"]} == {row[2] for row in frame}
    assert sum(s["n_h"] for s in design["strata"]) == design["capacity"]
    drawn: Drawn = {}
    for s in design["strata"]:
        units = [row[1] for row in frame if row[2] == s["stratum"]]
        share = Fraction(design["random_share"])
        assert len(units) == s["N_h"]
        assert s["floor"] == ceil(share * design["capacity"] * len(units) / len(frame))
        assert min(s["N_h"], max(2, s["floor"])) <= s["n_h"] <= s["N_h"]
        assert s["n_h"] == s["N_h"] or not s["take_all"]
        units.sort(key=lambda u: (keyed(seed, f"institution|{u}"), u.encode()))
        for place, unit in enumerate(units[: s["n_h"]]):
            other = "take_all" if s["take_all"] else "risk"
            tag = "random" if place < s["floor"] else other
            drawn[unit] = (s["stratum"], tag, s["n_h"], s["N_h"])
    return drawn


def second_stage(
    design: dict, frame: list[list[str]], drawn: Drawn, files: Files, seed: bytes
) -> list[str]:
    second = design["second"]
    assert (second["rule"], second["unit"]) == ("simple_random", "claim")
    assert hashlib.sha256(files["claims.tsv"]).hexdigest() == second["sha256"]
    assert hashlib.sha256(files["takes.tsv"]).hexdigest() == second["takes"]["sha256"]
    claims, takes = _frame(files["claims.tsv"]), _table(files["takes.tsv"], 4)
    assert len(claims) == second["units"]
    assert {row[0] for row in claims} == {"claim"}
    assert {row[2] for row in claims} == {row[1] for row in frame}
    assert [row[:2] for row in takes] == [row[:2] for row in frame]
    lines = []
    for _, institution, take, size in takes:
        mine = [row[1] for row in claims if row[2] == institution]
        assert len(mine) == _whole(size, 60)
        assert min(2, len(mine)) <= _whole(take, 60) <= len(mine)
        if institution not in drawn:
            continue
        mine.sort(key=lambda c: (keyed(seed, f"claim|{c}"), c.encode()))
        stratum, tag, top, bottom = drawn[institution]
        lines += [
            "\t".join(["claim", c, institution, stratum, tag, str(top), str(bottom), take, size,
                       keyed(seed, f"claim|{c}").hex()])
            for c in mine[: int(take)]
        ]  # fmt: skip
    return lines


def independent_replay(raw_certificate: bytes, files: Files) -> tuple[bytes, list[str]]:
    """The page's steps; returns the lines of the draw and the cases."""
    certificate = json.loads(raw_certificate)
    assert canonical(certificate) == raw_certificate
    signature = bytes.fromhex(certificate.pop("signature"))
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(certificate["public_key"]))
    public.verify(signature, canonical(certificate))
    assert (certificate["version"], certificate["seal"]["mode"]) == ("jihe-draw-3", "committee")
    check_committee(certificate)
    raw_frame = files["frame.tsv"]
    assert hashlib.sha256(raw_frame).hexdigest() == certificate["frame"]["sha256"]
    frame = _frame(raw_frame)
    assert len(frame) == certificate["frame"]["units"]
    assert certificate["frame"]["unit"] == frame[0][0] == "institution"
    seed, design = bytes.fromhex(certificate["seed"]), certificate["design"]
    first = design["first"] if design["kind"] == "two_stage" else design
    drawn = (
        by_size(first, frame, files, seed)
        if first["kind"] == "pps"
        else from_strata(first, frame, seed)
    )
    unit = "institution"
    if design["kind"] == "two_stage":
        unit = "claim"
        lines = second_stage(design, frame, drawn, files, seed)
    else:
        assert design["kind"] == "pps"
        lines = [
            "\t".join([unit, u, stratum, tag, str(top), str(bottom),
                       keyed(seed, f"{unit}|{u}").hex()])
            for u, (stratum, tag, top, bottom) in drawn.items()
        ]  # fmt: skip
    assert len(drawn) == first["capacity"]
    raw = b"".join(sorted(line.encode() + b"\n" for line in lines))
    assert len(lines) == certificate["list"]["units"]
    assert hashlib.sha256(raw).hexdigest() == certificate["list"]["sha256"]
    listed = [line.split(b"\t")[1].decode() for line in raw.split(b"\n")[:-1]]
    order = sorted(listed, key=lambda u: (keyed(seed, f"case|{unit}|{u}"), u.encode()))
    width = max(4, len(str(len(listed))))
    return raw, [f"{certificate['plan_id']}-{order.index(u) + 1:0{width}d}" for u in listed]


def _page_files(name: str) -> Files:
    files = {"frame.tsv": bytes_block("size-frame"), "weights.tsv": bytes_block("size-weights")}
    if name == "stages":
        files["claims.tsv"] = bytes_block("stages-claims")
        files["takes.tsv"] = bytes_block("stages-takes")
    return files


@pytest.mark.parametrize("name", ["size", "stages"])
def test_the_examples_are_true(name: str, tmp_path: Path) -> None:
    from sampling.drawing.cases import number_cases
    from sampling.drawing.replay import replay

    raw = block(f"{name}-certificate").encode()
    files = _page_files(name)
    raw_draw, cases = independent_replay(raw, files)
    assert raw_draw == bytes_block(f"{name}-draw")
    assert cases == block(f"{name}-cases").split("\n")
    assert json.loads(raw)["seed"] == block("committee-seed")
    for file, content in {**files, "c.json": raw, "draw.tsv": raw_draw}.items():
        (tmp_path / file).write_bytes(content)
    result = replay(tmp_path / "c.json", tmp_path / "frame.tsv", tmp_path / "draw.tsv")
    assert result.differences == ()
    assert number_cases(result.drawn, bytes.fromhex(block("committee-seed"))) == cases


def test_the_numbers_of_the_example_by_size_are_true() -> None:
    text = PAGE.read_text(encoding="utf-8")
    seed = bytes.fromhex(block("committee-seed"))
    for name in ("frame", "weights"):
        hashed = hashlib.sha256(bytes_block(f"size-{name}")).hexdigest()
        assert hashed == block(f"size-{name}-sha256")
    weight = {row[1]: int(row[2]) for row in _table(bytes_block("size-weights"), 3)}
    rows = re.findall(r"^\| `(\S+)` \| (\d+) \| `([0-9a-f]{16})` \| (\d+) / (\d+) \|$", text, re.M)
    assert [row[0] for row in rows] == list(weight)
    open_ = [w for w in weight.values() if w]
    for unit, w, number, top, bottom in rows:
        assert (int(w), number) == (weight[unit], keyed(seed, f"institution|{unit}").hex())
        others = sum(v for u, v in weight.items() if u != unit)
        want = Fraction(weight[unit] * others, sums(open_, 2)[2]) if weight[unit] else 1
        assert (Fraction(int(top), int(bottom)), str(want.numerator)) == (want, top)
    steps = re.findall(
        r"^\| `(\S+)` \| (\d) \| ([0-9a-f]+) \| ([0-9a-f]+) \| (yes|no) \|$", text, re.M
    )
    names, left = [u for u, w in weight.items() if w], 2
    for place, (unit, r, have, limit, taken) in enumerate(steps):
        here = sums([weight[u] for u in names[place:]], left)[left]
        after = sums([weight[u] for u in names[place + 1 :]], left)[left - 1]
        number = int.from_bytes(keyed(seed, f"institution|{unit}"), "big")
        assert (unit, int(r)) == (names[place], left)
        assert (int(have, 16), int(limit, 16)) == (number * here, 2**64 * weight[unit] * after)
        assert (taken == "yes") == (number * here < 2**64 * weight[unit] * after)
        left -= taken == "yes"
    assert left == 0


def test_the_numbers_of_the_example_of_two_stages_are_true() -> None:
    rows = re.findall(
        r"^\| `(\S+)` \| (\d) of (\d) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.M
    )
    claims = _table(bytes_block("stages-claims"), 4)
    takes = {row[1]: row[2:] for row in _table(bytes_block("stages-takes"), 4)}
    seed = bytes.fromhex(block("committee-seed"))
    assert [row[0] for row in rows] == ["H1", "H3", "医5"]
    for institution, take, size, told in rows:
        assert [take, size] == takes[institution]
        pairs = re.findall(r"`(\S+)` `([0-9a-f]{16})`", told)
        assert [c for c, _ in pairs] == [row[1] for row in claims if row[2] == institution]
        assert all(keyed(seed, f"claim|{c}").hex() == number for c, number in pairs)


@pytest.mark.parametrize("kind", small.KINDS)
def test_sealed_plans_repeat_independently(
    kind: str, tmp_path: Path, ledger: object, key: Ed25519PrivateKey
) -> None:
    what = small.subject(kind)
    plan = small.drawn_plan(ledger, what, key)
    folder = small.write_plan(tmp_path / "out", what, plan, key)
    files = {path.name: path.read_bytes() for path in folder.glob("*.tsv")}
    raw = (folder / "certificate.json").read_bytes()
    raw_draw, cases = independent_replay(raw, files)
    assert raw_draw == files["draw.tsv"]
    assert cases == list(plan.cases)
    check_public((folder / "public.json").read_bytes(), json.loads(raw))
    for name in set(files) - {"draw.tsv"}:
        lines = files[name].split(b"\n")
        other = b"\n".join([lines[0] + b"1", *lines[1:]])
        with pytest.raises(AssertionError):
            independent_replay(raw, {**files, name: other})


@pytest.mark.parametrize("kind", small.KINDS)
def test_many_seeds_give_what_the_page_gives(kind: str) -> None:
    """Larger than the example: forty seeds over twelve institutions, list and tags."""
    from sampling.drawing.designs import design_record
    from sampling.drawing.draw import draw_bytes
    from sampling.drawing.staged_draw import draw_by
    from sampling.frame import frame_bytes

    what = small.subject(kind)
    files = {"frame.tsv": frame_bytes(what.frame), **what.beside.files(what.frame)}
    frame, design = _frame(files["frame.tsv"]), design_record(what.design)
    first = design.get("first", design)
    for i in range(40):
        seed = hashlib.sha256(f"page {i}".encode()).digest()
        drawn = (
            by_size(first, frame, files, seed)
            if first["kind"] == "pps"
            else from_strata(first, frame, seed)
        )
        made = draw_by(what.frame, what.design, what.beside, seed, "P0001")
        if kind == "pps":
            assert [r["unit_id"] for r in made.to_pylist()] == sorted(drawn, key=str.encode)
        else:
            lines = sorted(x.encode() for x in second_stage(design, frame, drawn, files, seed))
            assert draw_bytes(made) == b"".join(line + b"\n" for line in lines)


@pytest.mark.parametrize("kind", small.KINDS)
def test_every_field_is_on_the_page(kind: str, ledger: object, key: Ed25519PrivateKey) -> None:
    plan = small.drawn_plan(ledger, small.subject(kind), key)
    tables = "\n".join(
        PAGE.read_text(encoding="utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
        for title in ("certificate.json", "Fields of a committee's certificate",
                      "Fields of a design by size or in two stages")
    )  # fmt: skip
    named = set(re.findall(r"`([a-z_]+(?:\.[a-z_0-9]+)*)`", "\n".join(
        line.split("|")[1] for line in tables.split("\n") if line.startswith("| `")
    )))  # fmt: skip
    found = {
        leaf for leaf in leaves(dict(plan.certificate)) if not leaf.startswith("design.first.")
    }
    assert found <= named
