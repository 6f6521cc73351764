"""What did not arrive: tables without a file, and columns that a file lacks.

In: the parts in force. Out: faults that name the file, and the columns that no file has. A file is
blamed only for a column that other files of its kind have: the files of a source that come under
different patterns are of different kinds, and each kind has its own columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch

from claims.arrivals import usable
from claims.contracts import table
from claims.mapping import SourceMapping, TableMapping
from claims.parts import Part

#: Table, file, severity, code, column of a fault of a whole file.
FileFault = tuple[str, str, str, str, str]


def absent_columns(
    source: SourceMapping, parts: Mapping[str, Sequence[Part]]
) -> dict[str, list[str]]:
    """Return by table the contract columns that no usable file has, in tables that have files."""
    found = {}
    for name, own in parts.items():
        mapping = source.tables[name]
        lost = [set(columns) for part in own for columns in part.about["lost"].values()]
        everywhere = set.intersection(*lost) if lost else _blocked(own, mapping)
        unmapped = set(table(name).columns) - set(mapping.columns)
        found[name] = sorted(everywhere | unmapped)
    return found


def _blocked(parts: Sequence[Part], mapping: TableMapping) -> set[str]:
    """Return the columns that all files lack where none can be used."""
    lost = [set(c) & set(mapping.columns) for p in parts for c in p.about["blocked"].values()]
    return set.intersection(*lost) if lost else set()


def file_faults(source: SourceMapping, parts: Mapping[str, Sequence[Part]]) -> list[FileFault]:
    """Return the faults of absent files and of columns that a usable file lacks."""
    told: list[FileFault] = []
    for name, mapping in source.tables.items():
        if name not in parts:
            told.append((name, mapping.files[0], "warning", "absent_file", ""))
        else:
            told += _lacking(mapping, parts[name])
    return told


def _lacking(mapping: TableMapping, parts: Sequence[Part]) -> list[FileFault]:
    absent = {f: set(columns) for p in parts for f, columns in p.about["absent"].items()}
    if not absent:
        return []
    nowhere = set.intersection(*absent.values())
    told = [(mapping.table, mapping.files[0], "warning", "missing_column", c) for c in nowhere]
    for file, columns in absent.items():
        kind = [other for other in absent if _kind(other, mapping) == _kind(file, mapping)]
        common = set.intersection(*(absent[other] for other in kind))
        told += [(mapping.table, file, "warning", "missing_column", c) for c in columns - common]
    return sorted(told)


def _kind(file: str, mapping: TableMapping) -> str:
    """Return the pattern under which a file comes; a compressed file is of the same kind."""
    plain = file.removesuffix(".gz")
    patterns = dict.fromkeys(pattern.removesuffix(".gz") for pattern in mapping.files)
    return next((p for p in patterns if fnmatch(plain, p) or fnmatch(file, p)), "")


def unusable_tables(source: SourceMapping, parts: Mapping[str, Sequence[Part]]) -> list[str]:
    """Return the tables of the source of which nothing can be used."""
    return sorted(
        name for name in source.tables if not any(usable(part) for part in parts.get(name, ()))
    )
