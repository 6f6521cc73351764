"""The vault: private, made once, refused when others may read it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from claims import vault
from claims.vault import (
    IdentityWriter,
    VaultError,
    identities,
    keep_members,
    private_bytes,
    private_folder,
    pseudonym_key,
)
from serving.keys import api_key

ROWS = pa.table({"kind": ["claim"], "pseudonym": ["clm_0"], "original": ["S1"]})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_key_is_made_once_with_private_modes(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "vault"
    key = pseudonym_key(folder)
    assert len(key) == 32
    assert pseudonym_key(folder) == key
    assert pseudonym_key(tmp_path / "other") != key
    assert mode(folder) == 0o700
    assert mode(folder / "pseudonym.key") == 0o600
    assert [p.name for p in folder.iterdir()] == ["pseudonym.key"]


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o610, 0o777])
def test_key_that_others_may_read_is_refused(tmp_path: Path, bits: int) -> None:
    key = pseudonym_key(tmp_path)
    path = tmp_path / "pseudonym.key"
    path.chmod(bits)
    with pytest.raises(VaultError, match=f"mode {bits:o}.*chmod 600"):
        pseudonym_key(tmp_path)
    path.chmod(0o400)
    assert pseudonym_key(tmp_path) == key


@pytest.mark.parametrize("bits", [0o777, 0o750, 0o701, 0o710, 0o704])
def test_a_vault_that_others_may_enter_is_refused(tmp_path: Path, bits: int) -> None:
    folder = tmp_path / "vault"
    key = pseudonym_key(folder)
    api_key(folder)
    folder.chmod(bits)
    told = rf"vault {folder} may be entered by others \(mode {bits:o}\); run chmod 700"
    for use in (pseudonym_key, api_key, private_folder, lambda f: IdentityWriter("abc", f),
                lambda f: keep_members("abc", ["x"], f)):  # fmt: skip
        with pytest.raises(VaultError, match=told):
            use(folder)
    assert not (folder / "identities").exists()
    folder.chmod(0o700)
    assert pseudonym_key(folder) == key


def test_a_folder_that_was_there_before_the_key_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir(mode=0o755)
    with pytest.raises(VaultError, match="chmod 700"):
        pseudonym_key(tmp_path / "vault")
    assert list((tmp_path / "vault").iterdir()) == []


def test_identities_alone_make_a_private_vault(tmp_path: Path) -> None:
    with IdentityWriter("abc", tmp_path / "a"):
        pass
    keep_members("abc", ["x"], tmp_path / "b")
    assert {mode(tmp_path / name) for name in ("a", "a/identities", "b", "b/identities")} == {0o700}


@pytest.mark.parametrize("place", ["", "vault", "deep/er/vault", "../home/vault", "link/vault"])
def test_a_vault_inside_the_output_folder_is_refused(
    tmp_path: Path, files: Any, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "way").symlink_to(home)
    folder = tmp_path / "way" / "vault" if place == "link/vault" else home / place
    monkeypatch.setenv("JIHE_VAULT", str(folder))
    files.write("setl_list.csv", {})
    with pytest.raises(VaultError, match=r"lies inside the output folder .*JIHE_VAULT"):
        files.load(home)
    assert list(home.iterdir()) == []


def test_a_vault_beside_the_output_folder_is_fine(
    tmp_path: Path, files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the demo: demo/home and demo/vault; nor does a name that begins alike matter."""
    files.write("setl_list.csv", {})
    for name in ("vault", "home_vault"):
        monkeypatch.setenv("JIHE_VAULT", str(tmp_path / name))
        assert files.load(tmp_path / "home" / name).counts["claims"].accepted == 1


def test_cut_off_key_is_refused_and_not_replaced(tmp_path: Path) -> None:
    pseudonym_key(tmp_path)
    path = tmp_path / "pseudonym.key"
    path.write_bytes(b"short")
    with pytest.raises(VaultError, match="32 bytes"):
        pseudonym_key(tmp_path)
    assert path.read_bytes() == b"short"


def test_two_programs_that_start_at_once_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    exists = Path.exists
    # The other program makes the file after this one has looked for it.
    monkeypatch.setattr(Path, "exists", lambda self: self != path and exists(self))
    vault._create_once(path, b"first")
    assert private_bytes(path, b"second") == b"first"
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]


def test_nothing_is_left_when_making_the_key_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        pseudonym_key(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_identities_are_kept_privately_and_replaced_whole(tmp_path: Path) -> None:
    def keep(rows: pa.Table) -> Path:
        with IdentityWriter("abc", tmp_path) as writer:
            writer.write(rows)
        return writer.target

    path = keep(ROWS)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    keep(pa.concat_tables([ROWS, ROWS]))
    assert identities("abc", tmp_path).num_rows == 2
    assert [p.name for p in path.parent.iterdir()] == ["abc.parquet"]
    path.chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        identities("abc", tmp_path)


def test_unknown_dataset_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="no identities of dataset xyz; load it"):
        identities("xyz", tmp_path)


def test_vault_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JIHE_VAULT", "/somewhere/private")
    assert vault.vault_folder() == Path("/somewhere/private")
    monkeypatch.delenv("JIHE_VAULT")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert vault.vault_folder() == Path("/data/jihe/vault")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert vault.vault_folder().parts[-4:] == (".local", "share", "jihe", "vault")
