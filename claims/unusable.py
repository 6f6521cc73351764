"""Why a required table has no file that can be used, in a sentence that names what each lacks.

In: files as they were opened, or parts of files that an earlier load could not use either. Out: the
sentence, or nothing where one can be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from claims.complete import DERIVED
from claims.contracts import table
from claims.faults import sentence
from claims.mapping import SourceMapping, TableMapping
from claims.origins import origins
from claims.parts import FAULTS, Part
from claims.raw import blocking, told_column
from claims.reading import RawFile


@dataclass(frozen=True)
class Unusable:
    """What is wrong with one file: the contract columns that it cannot give, or the reasons."""

    name: str
    blocked: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def opened_files(files: Sequence[RawFile], mapping: TableMapping) -> list[Unusable]:
    """Return what is wrong with opened files; one that can be used has nothing."""
    return [
        Unusable(file.name, reasons=tuple(
            sentence(f.code, "en", column=told_column(f.column_name, file.columns, mapping),
                     detail=f.detail)
            for f in file.faults if f.row_number == 0
        )) if file.refused
        else Unusable(file.name, tuple(blocking(file.columns, mapping)))
        for file in files
    ]  # fmt: skip


def refused_files(parts: Sequence[Part], mapping: TableMapping) -> list[Unusable]:
    """Return what is wrong with the files of parts that are there, as it was found when read."""
    contract, found = table(mapping.table), list[Unusable]()
    for part in parts:
        faults = [f for f in pq.read_table(part.folder / FAULTS).to_pylist() if not f["row_number"]]
        for name in part.refused:
            lost = set(part.about["blocked"].get(name, ())) - DERIVED
            blocked = [t for t in mapping.columns if t in lost and contract.columns[t].required]
            reasons = [
                sentence(f["code"], "en", column=f["column_name"], detail=f["detail"])
                for f in faults if f["source_file"] == name and f["code"] != "missing_column"
            ]  # fmt: skip
            found.append(Unusable(name, tuple(blocked), tuple(reasons)))
    return found


def why_unusable(
    source: SourceMapping, mapping: TableMapping, folder: Path, files: Sequence[Unusable]
) -> str:
    """Return why none of the files can be used; nothing where one can."""
    if any(not file.blocked and not file.reasons for file in files):
        return ""
    reasons = " ".join(f"{file.name}: {reason}" for file in files for reason in file.reasons)
    head = f"Source '{source.name}' cannot be loaded: "
    if blocked := dict.fromkeys(target for file in files for target in file.blocked):
        origin = origins(mapping)
        named = [origin.shown(mapping.columns[target]) for target in blocked]
        lacking = (
            f"{head}its {mapping.table} lack the columns {named}, which every claim needs. "
            f"Add them to the files in {folder.name}/."
        )
        return f"{lacking} {reasons}".rstrip()
    return (
        f"{head}{folder.name}/ holds no readable file that matches {list(mapping.files)}. "
        f"{reasons or 'Check --input and --source.'}"
    )
