"""Publishing a bundle: from models, features, scores and records to one verified folder.

In: fitted model folders, the batch build, scores, explanation records, typical values and the drawn
list. Out: ``home/bundle/<digest16>``, made current in one step. The folder is written beside its
place, flushed to disk, renamed, and only then named in ``CURRENT``; a run that stops before leaves
the previous bundle in use. The same input gives the same digest. Only pseudonyms may enter.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from claims.pseudonyms import is_pseudonym
from features.published import write_features
from features.rules import rules
from serving.bundle import (
    FORMAT,
    MANIFEST,
    BundleError,
    BundleVersion,
    digest_of,
    file_digest,
    verify,
)
from serving.cases import write_cases
from serving.distributions import Distributions
from serving.records import check_adds_up
from training.apply import load

if TYPE_CHECKING:
    from features.build import Build

Record = Mapping[str, Any]


def write_bundle(
    home: Path,
    *,
    model_folders: Mapping[str, Path],
    made: Build,
    claim_names: Sequence[str],
    scores: pa.Table,
    records: Sequence[Record],
    distributions: Mapping[str, Distributions],
    draws: pa.Table | None = None,
    objective: str = "probability",
) -> BundleVersion:
    """Publish a bundle under ``home`` and make it the current one.

    Args:
        home: the project folder; the bundle goes to ``home/bundle``.
        model_folders: unit -> model folder as training wrote it.
        made: the build whose history and profiles are published.
        claim_names: columns of the claim matrix, in order.
        scores: rows under the contract ``scores``, of one or several units.
        records: explanation records of the units that are to have one.
        distributions: unit -> what is typical.
        draws: rows under the contract ``draws``; None where no plan was drawn.
        objective: what lists are ranked by once there are verdicts.

    Raises BundleError where something does not belong together or names an identity, RecordError
    where a record does not add up; nothing is published then.
    """
    versions = _checked(model_folders, scores, records, distributions, draws)
    root = home / "bundle"
    root.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=root))
    try:
        for unit, source in sorted(model_folders.items()):
            shutil.copytree(source, partial / "model" / unit)
        write_features(made, partial / "features.sqlite", tuple(claim_names))
        write_cases(partial / "cases.sqlite", scores, records, draws)
        _write_json(
            partial / "distributions.json", {u: d.to_dict() for u, d in distributions.items()}
        )
        _write_json(partial / "rules.json", _rule_parameters(made))
        _write_json(partial / MANIFEST, _manifest(partial, made, versions, objective))
        version = digest_of((partial / MANIFEST).read_bytes())
        _settle(partial, root / version)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    published = verify(home, version)
    make_current(home, version)
    return published


def make_current(home: Path, version: str) -> None:
    """Name a published bundle in ``CURRENT``, all at once."""
    root = home / "bundle"
    draft = root / ".CURRENT"
    with draft.open("wb") as file:
        file.write(version.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(root / "CURRENT")
    _flush(root)


def _settle(partial: Path, target: Path) -> None:
    """Flush every file, then give the folder its name; one that is there already is kept."""
    for path in sorted(partial.rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        _flush(path)
    partial.chmod(0o755)
    _flush(partial)
    if not target.exists():
        partial.rename(target)
        _flush(target.parent)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _rule_parameters(made: Build) -> dict[str, Any]:
    """Return every rule with its parameters and whether it ran, and why not."""
    lacking = {item.name: list(item.missing) for item in made.not_run if item.kind == "rule"}
    return {
        rule.id: {
            "level": rule.level,
            "parameters": dict(rule.parameters),
            "not_run_missing": lacking.get(rule.id, []),
        }
        for rule in rules()
    }


def _manifest(
    folder: Path, made: Build, versions: Mapping[str, Any], objective: str
) -> dict[str, Any]:
    files = {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {
        "format": FORMAT,
        "files": files,
        "as_of_date": made.as_of.isoformat(),
        "currency": str(made.store.meta["currency"]),
        "time_zone": made.zone,
        "claims_fingerprint": made.store.fingerprint,
        "objective": objective,
        "versions": dict(versions),
        "not_run": sorted(item.name for item in made.not_run),
    }


def _checked(
    model_folders: Mapping[str, Path],
    scores: pa.Table,
    records: Sequence[Record],
    distributions: Mapping[str, Distributions],
    draws: pa.Table | None,
) -> dict[str, Any]:
    """Return the versions of everything; raises BundleError with every fault at once."""
    models = {unit: load(folder) for unit, folder in model_folders.items()}
    for record in records:
        check_adds_up(record)
    faults = [
        f"the model of {model.unit} is given for {unit}"
        for unit, model in models.items() if model.unit != unit
    ]  # fmt: skip
    faults += [f"no typical values of {unit}" for unit in models if unit not in distributions]
    scored = set(zip(_texts(scores, "unit"), _texts(scores, "unit_id"), strict=True))
    stray = [r["unit_id"] for r in records if (r["unit"], r["unit_id"]) not in scored]
    if stray:
        faults.append(f"{len(stray)} records of units without a score, such as {stray[0]}")
    if found := sum(not is_pseudonym(i) for i in _ids(scores, records, draws)):
        faults.append(f"{found} ids that are not pseudonyms; load the claims with 'jihe load'")
    if faults:
        raise BundleError("Nothing was published: " + "; ".join(faults) + ".")
    return {
        "models": {unit: model.model_version for unit, model in sorted(models.items())},
        "catalogue": _one(scores, "catalogue_version"),
        "rules": _one(scores, "rules_version"),
    }


def _texts(rows: pa.Table, name: str) -> list[str]:
    return [str(value) for value in rows.column(name).to_pylist()]


def _one(scores: pa.Table, name: str) -> str:
    values = set(_texts(scores, name))
    if len(values) != 1:
        raise BundleError(f"The scores carry {len(values)} values of {name}; score again with one.")
    return values.pop()


def _ids(scores: pa.Table, records: Sequence[Record], draws: pa.Table | None) -> Iterator[str]:
    """Yield everything that must be a pseudonym."""
    for rows in (scores, draws):
        if rows is not None:
            yield from set(_texts(rows, "unit_id"))
    for record in records:
        yield from _named_ids(record["facts"])
        for hit in record["rule_hits"]:
            yield from hit["evidence"]


def _named_ids(facts: Mapping[str, Any]) -> Iterator[str]:
    for name, value in facts.items():
        if name.endswith("_id") and value is not None:
            yield str(value)
        elif isinstance(value, list):
            for item in value:
                yield from _named_ids(item) if isinstance(item, dict) else ()
