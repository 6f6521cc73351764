"""Source mappings: which file and column becomes which column of which contract.

In: a TOML file, either one of ``claims/sources`` or a user's own (docs/mapping.md). Out: a checked
``SourceMapping``, or every fault of the file at once. Nothing here touches data.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from claims.mapping_checks import mapping_faults
from claims.mapping_faults import MappingError, MappingFault
from claims.mapping_model import ColumnMapping, SourceMapping, TableMapping, source_of

__all__ = [
    "OWN", "ColumnMapping", "MappingError", "SourceMapping", "TableMapping", "read_mapping",
    "source_mapping", "source_names",
]  # fmt: skip

_SOURCES = Path(__file__).parent / "sources"
#: Name of the source whose mapping the user gives as a file.
OWN = "mapping"


def read_mapping(path: Path) -> SourceMapping:
    """Read and check a mapping file; raises MappingError with every fault: where, what, remedy."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        fault = MappingFault("not_toml", values={"detail": _where(error)})
        raise MappingError(path.name, [fault]) from None
    if faults := mapping_faults(raw):
        raise MappingError(path.name, faults)
    return source_of(path.stem, raw)


def _where(error: Exception) -> str:
    """Return where a file stops being TOML, without what is written there."""
    text = str(error)
    place = text[text.rfind("(") :] if "(at " in text else ""
    return f"{type(error).__name__} {place}".strip()


def source_names() -> list[str]:
    """Return the names of the sources that come with the program."""
    return sorted(path.stem for path in _SOURCES.glob("*.toml"))


@cache
def _shipped(name: str) -> SourceMapping:
    return read_mapping(_SOURCES / f"{name}.toml")


def source_mapping(name: str, file: Path | None = None) -> SourceMapping:
    """Return the mapping of a source by name, or for ``mapping`` that of the user's ``file``.

    Raises MappingError for a name that there is not, and for a file that is missing or faulty.
    """
    if (name == OWN) != (file is not None):
        code = "file_needed" if file is None else "file_not_used"
        raise MappingError("", [MappingFault(code, values={"name": name})])
    if file is not None:
        return read_mapping(file)
    if name not in source_names():
        known = str([*source_names(), OWN])
        raise MappingError("", [MappingFault("no_source", values={"name": name, "known": known})])
    return _shipped(name)
