"""Which parts a load puts in force: those of the files that arrived, and those kept from before.

In: the files of a folder and the parts in force. Out: parts by table, made where they are not there
yet, and what each file is to the store: added, replacing an earlier one of its name, or unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from claims.building import Recipe, build_part
from claims.contracts import table
from claims.engine import Connection
from claims.files import digest
from claims.mapping import SourceMapping, TableMapping
from claims.parts import Part, open_part, part_id
from claims.raw import scope
from claims.reading import find_files, open_file
from claims.report import FileChanges
from claims.unusable import opened_files, refused_files, why_unusable
from claims.vault import has_identities
from claims.versions import Entry

Progress = Callable[[str, float], None]


class LoadError(ValueError):
    """The source holds nothing that could be scored, or what it holds does not fit the store."""


@dataclass
class Arrival:
    """The parts in force by table, which were made now, and what became of the files."""

    parts: dict[str, list[Part]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    files: FileChanges = field(default_factory=FileChanges)

    def in_force(self) -> dict[str, dict[str, str]]:
        """Return table -> file -> part id."""
        return {
            name: {file: part.id for part in parts for file in sorted(part.files)}
            for name, parts in self.parts.items()
        }

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of every file in force by its name."""
        return {
            n: sha for parts in self.parts.values() for p in parts for n, sha in p.files.items()
        }


@dataclass(frozen=True)
class Arriving:
    """What is needed to bring in the files of a folder."""

    source: SourceMapping
    folder: Path
    parts: Path
    key: bytes
    before: Entry | None
    forget_missing: bool = False

    def earlier(self, table_name: str) -> Mapping[str, str]:
        """Return the parts in force of a table, by file."""
        return self.before.parts.get(table_name, {}) if self.before else {}


def arrive(con: Connection, arriving: Arriving, progress: Progress | None = None) -> Arrival:
    """Make or find the part of every file that arrived, and add those kept from earlier loads.

    Raises:
        LoadError: a required table has no usable file, a file that cannot be used would replace
            one that is in force, files that belong together are not all there, no file came
            at all, or one changed while it was read.
    """
    arrival = Arrival()
    mappings = arriving.source.tables.values()
    found = {m.table: find_files(arriving.folder, m.files) for m in mappings}
    if arriving.before and not any(found.values()) and not arriving.forget_missing:
        raise LoadError(_nothing_arrived(arriving))
    hashes = _hashed({path for paths in found.values() for path in paths})
    for place, mapping in enumerate(mappings):
        if progress:
            progress(mapping.table, place / len(found))
        files = {path: hashes[path] for path in found[mapping.table]}
        if parts := _table(con, arriving, mapping, files, arrival.made):
            arrival.parts[mapping.table] = parts
    arrived = {path.name: sha for path, sha in hashes.items()}
    arrival.files = _file_changes(arrived, arrival, arriving.before)
    return arrival


def _hashed(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the hash of each file; raises LoadError naming every one that cannot be read."""
    hashes, unread = dict[Path, str](), list[str]()
    for path in sorted(paths):
        try:
            hashes[path] = digest(path)
        except OSError as error:
            unread.append(f"{path.name} ({error.strerror})")
    if unread:
        raise LoadError(
            f"These files cannot be read: {', '.join(unread)}. Make them readable for the user who "
            "runs the program, or take them out of the folder."
        )
    return hashes


def _refuse_changed(read: Mapping[Path, str]) -> None:
    """Refuse files that are not any more what they were when the load began.

    The part would carry the hash of bytes from which its rows were not read.
    """
    if changed := sorted(path.name for path, sha in read.items() if not _is(path, sha)):
        raise LoadError(
            f"{', '.join(changed)} changed while being read: nothing was taken. Wait until "
            "the files are written completely, then load again."
        )


def _is(path: Path, sha: str) -> bool:
    try:
        return digest(path) == sha
    except OSError:
        return False


def _nothing_arrived(arriving: Arriving) -> str:
    patterns = sorted({p for m in arriving.source.tables.values() for p in m.files})
    return (
        f"{arriving.folder.name}/ holds no file of source '{arriving.source.name}' "
        f"({', '.join(patterns)}), so nothing would change. Check --input and --source."
    )


def _table(
    con: Connection,
    arriving: Arriving,
    mapping: TableMapping,
    files: Mapping[Path, str],
    made: set[str],
) -> list[Part]:
    """Return the parts in force of one table."""
    kept = [] if arriving.forget_missing else _kept(mapping, {p.name for p in files}, arriving)
    together = scope(mapping) == "files"
    if together and files and kept:
        raise LoadError(_told_apart(mapping, kept, arriving))
    groups = [list(files)] if together and files else [[path] for path in files]
    named = {_named(mapping, {p: files[p] for p in g}, arriving): g for g in groups}
    there = {name: part for name in named if (part := _reusable(arriving.parts / name))}
    opened = {name: [open_file(p) for p in g] for name, g in named.items() if name not in there}
    if mapping.required and not any(usable(part) for part in [*there.values(), *kept]):
        just = [file for group in opened.values() for file in group]
        told = [*opened_files(just, mapping), *refused_files([*there.values(), *kept], mapping)]
        if why := why_unusable(arriving.source, mapping, arriving.folder, told):
            raise LoadError(why)
    recipe = Recipe(mapping, arriving.source, arriving.key)
    for name, raw in opened.items():
        own = {path: files[path] for path in named[name]}
        group = list(zip(raw, own.values(), strict=True))
        unchanged = partial(_refuse_changed, own)
        there[name] = build_part(con, recipe, group, arriving.parts, name, unchanged)
        made.add(name)
    parts = [there[name] for name in named]
    for part in parts:
        _refuse_worse(part, mapping, arriving)
    if mapping.required and not any(usable(part) for part in [*parts, *kept]):
        told = refused_files([*parts, *kept], mapping)
        raise LoadError(why_unusable(arriving.source, mapping, arriving.folder, told))
    return parts + kept


def _named(mapping: TableMapping, files: Mapping[Path, str], arriving: Arriving) -> str:
    hashes = {path.name: sha for path, sha in files.items()}
    return part_id(hashes, mapping, arriving.source, arriving.key)


def _reusable(folder: Path) -> Part | None:
    """Return the part in a folder if nothing has to be read again."""
    part = open_part(folder)
    fits = part and part.current() and part.whole() and has_identities(part.id)
    return part if fits else None


def usable(part: Part) -> bool:
    """Tell whether any file of the part could be used."""
    return len(part.refused) < len(part.files)


def _kept(mapping: TableMapping, arrived: set[str], arriving: Arriving) -> list[Part]:
    """Return the parts in force whose files did not arrive this time."""
    earlier = arriving.earlier(mapping.table)
    found = []
    columns = {c.name: c.type for c in table(mapping.table).columns.values()}
    for name in dict.fromkeys(i for file, i in earlier.items() if file not in arrived):
        part = open_part(arriving.parts / name)
        if part is None or not part.whole() or part.about["columns"] != columns:
            files = ", ".join(sorted(f for f, i in earlier.items() if i == name))
            raise LoadError(
                f"What an earlier load read from {files} is damaged or of another program version. "
                f"Put the file into {arriving.folder.name}/ again, or load with the option that "
                "forgets missing files."
            )
        own = part_id(part.about["files"], mapping, arriving.source, arriving.key)
        if own != part.id or not has_identities(part.id):
            files = ", ".join(sorted(f for f, i in earlier.items() if i == name))
            raise LoadError(
                f"What an earlier load read from {files} was read with another vault or another "
                "mapping, so the same person would have two pseudonyms or the same time two "
                f"meanings. Use that vault and mapping, put the file into {arriving.folder.name}/ "
                "again, or load with the option that forgets missing files."
            )
        found.append(part)
    return found


def _told_apart(mapping: TableMapping, kept: Sequence[Part], arriving: Arriving) -> str:
    lacking = sorted({name for part in kept for name in part.files})
    return (
        f"Table '{mapping.table}' is made from several files at once, and {arriving.folder.name}/ "
        f"lacks some that an earlier load had ({', '.join(lacking)}). Put all of them into the "
        "folder, or load with the option that forgets missing files."
    )


def _refuse_worse(part: Part, mapping: TableMapping, arriving: Arriving) -> None:
    """Refuse a file that cannot be used where it would replace one that could."""
    before = arriving.earlier(mapping.table)
    for name in part.refused:
        earlier = open_part(arriving.parts / before[name]) if name in before else None
        if earlier and name not in earlier.refused:
            raise LoadError(
                f"{name} cannot be used for '{mapping.table}', and an earlier file of this name is "
                "in force, which it would replace: nothing was changed. Correct the file, or take "
                "it out of the folder to keep the earlier one."
            )


def _file_changes(
    arrived: Mapping[str, str], arrival: Arrival, before: Entry | None
) -> FileChanges:
    """Return what every file is to the store, by name."""
    earlier: Mapping[str, str] = before.about.get("files", {}) if before else {}
    old_parts = {i for files in before.parts.values() for i in files.values()} if before else set()
    now = arrival.in_force()
    anew = {n for files in now.values() for n, i in files.items() if i not in old_parts}
    changes = FileChanges()
    for name, sha in sorted(arrived.items()):
        if name not in earlier:
            changes.added.append(name)
        elif earlier[name] != sha:
            changes.replaced.append(name)
        elif name in anew:
            changes.read_again.append(name)
        else:
            changes.unchanged.append(name)
    in_force = {name for files in now.values() for name in files}
    changes.kept = sorted(in_force - set(arrived))
    changes.forgotten = sorted(set(earlier) - in_force)
    return changes
