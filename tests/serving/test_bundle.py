"""Bundles: same input, same digest; anything altered is refused; the previous one stays served."""

from __future__ import annotations

import json
import shutil
import sqlite3

import pyarrow as pa
import pytest

from claims.vault import pseudonym_key
from serving.bundle import BundleError, current_version, open_bundle, verify
from serving.cases import Cases, ranked_by
from serving.live import LiveBundle
from serving.publish import make_current, write_bundle
from serving.records import RecordError


@pytest.fixture
def copied(cold_home, tmp_path):
    """A home of one's own with the published bundle."""
    shutil.copytree(cold_home / "bundle", tmp_path / "bundle")
    return tmp_path


@pytest.fixture
def folder(copied):
    return copied / "bundle" / current_version(copied)


def flip(path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def names(home) -> list[str]:
    """Return every file of the current bundle."""
    folder = home / "bundle" / current_version(home)
    return [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file()]


def test_the_layout_and_the_manifest(cold_home, world) -> None:
    assert set(names(cold_home)) == {
        "cases.sqlite", "distributions.json", "features.sqlite", "manifest.json", "rules.json",
        "model/claim/detector.json", "model/claim/manifest.json", "model/claim/model.json",
        "model/institution/detector.json", "model/institution/manifest.json",
        "model/institution/model.json",
    }  # fmt: skip
    about = verify(cold_home, current_version(cold_home)).manifest
    assert about["currency"] == "CNY"
    assert about["versions"]["models"]["claim"] == world.cold.model.model_version


def test_the_same_input_gives_the_same_digest(world, cold_home, tmp_path) -> None:
    assert world.publish(tmp_path, world.cold) == current_version(cold_home)
    assert world.publish(tmp_path, world.cold) == current_version(cold_home)
    assert [p.name for p in (tmp_path / "bundle").iterdir() if p.name.startswith(".")] == []


def test_another_row_order_gives_the_same_digest(world, cold_home, tmp_path) -> None:
    rows = pa.concat_tables([world.institutions.table, world.cold.table])
    version = write_bundle(
        tmp_path,
        model_folders={"institution": world.institutions.folder, "claim": world.cold.folder},
        made=world.made,
        claim_names=world.cold.matrix.names,
        scores=rows.take(pa.array(range(rows.num_rows - 1, -1, -1))),
        records=[*world.institutions.records, *reversed(world.cold.records)],
        distributions={
            "institution": world.institutions.distributions, "claim": world.cold.distributions,
        },
        draws=None,
    )  # fmt: skip
    other = {**json.loads((version.folder / "manifest.json").read_text())["files"]}
    same = verify(cold_home, current_version(cold_home)).manifest["files"]
    assert {n for n in same if same[n] != other[n]} == {"cases.sqlite"}  # no draws this time
    again = world.publish(tmp_path, world.cold)
    assert again == current_version(cold_home)


@pytest.mark.parametrize("place", range(11))
@pytest.mark.parametrize("harm", ["flip", "delete", "link", "empty"])
def test_each_file_altered_or_gone_is_refused(copied, folder, place, harm, monkeypatch) -> None:
    path = folder / names(copied)[place]
    if harm == "flip":
        flip(path)
    elif harm == "empty":
        path.write_bytes(b"")
    else:
        moved = copied / "moved"
        path.rename(moved)
        if harm == "link":
            path.symlink_to(moved)
    monkeypatch.setattr("serving.bundle.load", _never)
    monkeypatch.setattr("serving.bundle.Cases", _never)
    monkeypatch.setattr("serving.bundle.Distributions", _never)
    with pytest.raises(BundleError):
        open_bundle(copied)


def _never(*_: object) -> None:
    raise AssertionError("something was opened before all digests agreed")


@pytest.mark.parametrize("extra", ["more.json", "model/claim/model_0.txt", "model/doctor/x", "e/"])
def test_anything_extra_is_refused(copied, folder, extra) -> None:
    path = folder / extra
    if extra.endswith("/"):
        path.mkdir()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    with pytest.raises(BundleError, match="is extra"):
        open_bundle(copied)


def test_a_manifest_made_to_fit_is_refused(copied, folder) -> None:
    flip(folder / "rules.json")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["rules.json"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="manifest is missing or altered"):
        open_bundle(copied)


@pytest.mark.parametrize("named", ["../../etc", "", "x" * 16, "0123456789abcdef", "é" * 16])
def test_current_names_a_bundle_or_nothing(copied, named) -> None:
    (copied / "bundle" / "CURRENT").write_text(named, encoding="utf-8")
    with pytest.raises(BundleError):
        open_bundle(copied)


def test_the_previous_bundle_stays_served(world, copied) -> None:
    live = LiveBundle(copied, pseudonym_key())
    assert live.reload()
    before = live.current.bundle.version
    other = world.publish(copied, world.risk)
    flip(copied / "bundle" / other / "features.sqlite")
    assert live.outdated()
    assert not live.reload()
    assert live.current.bundle.version == before
    assert len(live.current.bundle.cases.ranked("claim", 3, 0)) == 3
    assert not live.outdated()  # a refused bundle is not tried again and again
    shutil.rmtree(copied / "bundle" / other)
    good = world.publish(copied, world.risk)
    make_current(copied, before)
    assert not live.outdated()
    make_current(copied, good)
    assert live.reload()
    assert live.current.bundle.version == good
    live.close()


def test_a_publication_that_stops_leaves_the_previous_one(world, copied, monkeypatch) -> None:
    before = current_version(copied)
    monkeypatch.setattr("serving.publish.write_cases", _never)
    with pytest.raises(AssertionError):
        world.publish(copied, world.risk)
    assert current_version(copied) == before
    assert {p.name for p in (copied / "bundle").iterdir()} == {before, "CURRENT"}
    open_bundle(copied).close()


def test_what_does_not_belong_together_is_not_published(world, tmp_path) -> None:
    scores = world.cold.table.to_pylist()
    scores[0]["unit_id"] = "510101199001011234"
    record = dict(world.cold.records[0], unit_id="clm_ffffffffffffffffffff")
    with pytest.raises(BundleError) as caught:
        write_bundle(
            tmp_path,
            model_folders={"institution": world.cold.folder},
            made=world.made,
            claim_names=world.cold.matrix.names,
            scores=pa.Table.from_pylist(scores, schema=world.cold.table.schema),
            records=[record],
            distributions={},
        )
    for fault in ("given for institution", "no typical values", "without a score", "pseudonyms"):
        assert fault in str(caught.value)
    assert "510101199001011234" not in str(caught.value)
    assert not list(tmp_path.rglob("CURRENT"))


def test_a_record_that_does_not_add_up_is_not_published(world, tmp_path) -> None:
    wrong = dict(world.cold.records[0], base_value=1.0)
    with pytest.raises(RecordError):
        write_bundle(
            tmp_path,
            model_folders={"claim": world.cold.folder},
            made=world.made,
            claim_names=world.cold.matrix.names,
            scores=world.cold.table,
            records=[wrong],
            distributions={"claim": world.cold.distributions},
        )


def test_no_key_and_no_identity_is_in_it(cold_home, county) -> None:
    folder = cold_home / "bundle" / current_version(cold_home)
    whole = b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())
    key = pseudonym_key()
    assert key not in whole
    assert key.hex().encode() not in whole
    header, *rows = (county / "psn_info.csv").read_text(encoding="utf-8").splitlines()
    place = header.split(",").index("psn_no")
    people = {row.split(",")[place] for row in rows}
    assert len(people) > 1000
    assert not [p for p in people if p and p.encode() in whole]


def test_nothing_in_a_bundle_can_be_written(cold_home) -> None:
    bundle = open_bundle(cold_home)
    with pytest.raises(sqlite3.OperationalError):
        bundle.cases._db.execute("DELETE FROM scores")
    bundle.close()


def test_cases_are_ranked_paged_and_marked(world, cold_home) -> None:
    bundle = open_bundle(cold_home)
    cases: Cases = bundle.cases
    pages = cases.ranked("claim", 10, 0) + cases.ranked("claim", 10, 10)
    assert [c["risk_rank"] for c in pages] == list(range(1, 21))
    assert all(c["explained"] and c["reason_zh"] for c in pages)
    assert cases.summaries["claim"].units == len(world.cold.matrix)
    for unit_id in world.drawn:
        assert cases.plans("claim", unit_id) == ["plan-7"]
    assert cases.record("claim", "no such id") is None
    last = cases.ranked("claim", 1, len(world.cold.matrix) - 1)[0]
    assert not last["explained"]
    bundle.close()


def test_tag_and_probability_of_a_draw_stay_out(cold_home) -> None:
    folder = cold_home / "bundle" / current_version(cold_home)
    database = sqlite3.connect(folder / "cases.sqlite")
    assert [row[1] for row in database.execute("PRAGMA table_info(draws)")] == [
        "unit", "unit_id", "plans",
    ]  # fmt: skip
    database.close()


def test_a_list_says_by_what_it_is_ranked() -> None:
    def rows(risk, amount):
        pairs = zip(risk, amount, strict=True)
        return [
            {"risk_rank": n, "risk_score": r, "expected_amount": a}
            for n, (r, a) in enumerate(pairs)
        ]

    assert ranked_by(rows([None, None], [None, None])) == "anomaly_score"
    assert ranked_by(rows([0.9, 0.5], [1, 100])) == "risk_score"
    assert ranked_by(rows([0.5, 0.9], [100, 1])) == "expected_amount"
