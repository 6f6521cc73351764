"""The published file: same build, same bytes; another catalogue or rule set is refused."""

from __future__ import annotations

import json
import sqlite3

import pytest

from features.build import build
from features.online import OnlineFeatures, PublishedError
from features.published import write_features


def test_the_same_input_gives_the_same_bytes(simulated_build, tmp_path):
    names = simulated_build.matrix("claim").names
    write_features(simulated_build, tmp_path / "a.sqlite", names)
    write_features(simulated_build, tmp_path / "a2.sqlite", names)
    again = build(simulated_build.store, simulated_build.as_of)
    write_features(again, tmp_path / "b.sqlite", names)
    contents = {path.read_bytes() for path in tmp_path.glob("*.sqlite")}
    assert len(contents) == 1


@pytest.mark.parametrize("setting", ["catalogue_version", "rules_version"])
def test_another_version_is_refused(simulated_build, tmp_path, setting):
    path = tmp_path / "f.sqlite"
    write_features(simulated_build, path, simulated_build.matrix("claim").names)
    OnlineFeatures(path).close()
    with sqlite3.connect(path) as database:
        body = json.loads(database.execute("SELECT body FROM settings").fetchone()[0])
        changed = json.dumps({**body, setting: "0" * 16})
        database.execute("UPDATE settings SET body = ?", [changed])
    database.close()
    with pytest.raises(PublishedError, match="publish again"):
        OnlineFeatures(path)


def test_the_file_is_never_changed(simulated_build, tmp_path):
    path = tmp_path / "f.sqlite"
    write_features(simulated_build, path, simulated_build.matrix("claim").names)
    before = path.read_bytes()
    online = OnlineFeatures(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        online._db.execute("DELETE FROM bundle.history")
    online.close()
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["f.sqlite"]
