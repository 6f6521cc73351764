"""Parts: what one arrived file (or set of files) contributed to a table, kept under its contents.

``store/parts/<part id>/`` holds rows.parquet (typed rows without an error of their own, identities
pseudonymous), faults.parquet and part.json. The id is the hash of the files' bytes, of how the
table is read, and of the pseudonym key: the same bytes are never read twice, and a run that was
stopped goes on with the parts that are there. A part appears by one rename and is never changed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from claims.concealing import DIGEST
from claims.contracts import Table, table
from claims.files import digest
from claims.mapping import SourceMapping, TableMapping
from claims.months import MONTH
from claims.quarantine import CHECKS
from claims.raw import PLACE

#: Raised whenever the same bytes would be read into other rows or faults than before.
FORMAT = 2
ROWS, FAULTS, ABOUT = "rows.parquet", "faults.parquet", "part.json"
FAULT_SCHEMA = pa.schema(
    [("source_file", pa.string()), ("row_number", pa.int64()), (PLACE, pa.int32()),
     ("severity", pa.string()), ("code", pa.string()), ("column_name", pa.string()),
     ("detail", pa.string()), ("value", pa.string()), ("holds", pa.string()),
     ("claim", pa.string())]
)  # fmt: skip
_LABELS = {"en", "zh", "meaning_en", "meaning_zh", "nhsa", "label", "unit"}


@dataclass(frozen=True)
class Part:
    """A complete part of the store; ``about`` is its part.json."""

    folder: Path
    about: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The part's name: the hash of what it was made from."""
        return self.folder.name

    @property
    def files(self) -> dict[str, str]:
        """Names of its files and the SHA-256 of their bytes."""
        return dict(self.about["files"])

    @property
    def refused(self) -> tuple[str, ...]:
        """Files of the part that were refused as a whole."""
        return tuple(self.about["refused"])

    def whole(self) -> bool:
        """Tell whether the part can be used as it lies there."""
        try:
            return all(
                digest(self.folder / name) == sha for name, sha in self.about["sha256"].items()
            )
        except OSError:
            return False

    def current(self) -> bool:
        """Tell whether none of its faults was a time that lay ahead then and is past now."""
        until = self.about["ahead_until"]
        return until is None or datetime.now(UTC) <= datetime.fromisoformat(until)


def part_id(
    files: Mapping[str, str], mapping: TableMapping, source: SourceMapping, key: bytes
) -> str:
    """Return the name of the part that these files make under this mapping and key."""
    told = {
        "files": dict(sorted(files.items())),
        "reading": reading_digest(mapping, source),
        "key": hashlib.sha256(b"part|" + key).hexdigest(),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]


def reading_digest(mapping: TableMapping, source: SourceMapping) -> str:
    """Return the hash of all that decides how a table's bytes become rows and faults."""
    own = {f.name: getattr(mapping, f.name) for f in dataclasses.fields(mapping)
           if f.name not in ("files", "required")}  # fmt: skip
    about = {f.name: getattr(source, f.name) for f in dataclasses.fields(source)
             if f.name not in ("tables", "unit")}  # fmt: skip
    checks = [check for check in CHECKS if check.table == mapping.table]
    told = [FORMAT, own, about, checks, table(mapping.table)]
    return hashlib.sha256(json.dumps(_plain(told), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return dataclasses and containers as JSON values, without what only a person reads."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {k: _plain(v) for k, v in named.items() if k not in _LABELS}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted(str(v) for v in value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def content_secret(key: bytes) -> str:
    """Return the key of the contents' digests, which tells nothing of the pseudonym key."""
    return hmac.digest(key, b"row contents", hashlib.sha256).hex()[:32]


def rows_schema(contract: Table) -> pa.Schema:
    """Return the schema of a part's rows: the contract, and what tells where a row came from."""
    added = [("row_number", pa.int64()), (PLACE, pa.int32()),
             ("source_file", pa.dictionary(pa.int32(), pa.string())),
             (DIGEST, pa.uint64()), (MONTH, pa.int32())]  # fmt: skip
    return pa.schema([*contract.schema, *(pa.field(n, t) for n, t in added)])


def open_part(folder: Path) -> Part | None:
    """Return the part in a folder, or None where there is none that can be read."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return Part(folder, about) if about["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def partial_folder(parts: Path) -> Path:
    """Make a hidden folder beside the parts in which one is written."""
    parts.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".partial-", dir=parts))


def seal_part(partial: Path, name: str, about: Mapping[str, Any]) -> Part:
    """Complete a part that was written into a hidden folder and give it its name."""
    written = {file: digest(partial / file) for file in (ROWS, FAULTS)}
    told = {**about, "format": FORMAT, "sha256": written}
    text = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False)
    (partial / ABOUT).write_text(text + "\n", encoding="utf-8")
    target = partial.parent / name
    if target.exists():  # damaged, or read when its times lay ahead
        shutil.rmtree(target)
    partial.rename(target)
    return Part(target, told)
