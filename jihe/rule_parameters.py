"""Activating parameters of rules: a file is copied into the home and the trail says so."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from features.parameters import ParameterBook, ParameterError, ParameterSet, read_parameters
from jihe.home import Home
from sampling import store, trail
from sampling.ledger import Ledger

COLUMNS = ("version", "rule", "name", "value", "region", "valid_from", "valid_to", "source")


def activate(home: Home, file: Path) -> ParameterSet:
    """Put a file in force after all that are; nothing changes where anything fails.

    Raises:
        ParameterError: the file has faults, or its version is in force already.
    """
    new = read_parameters(file)
    body = file.read_bytes()
    home.parameters.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(home.ledger_url)
    try:
        with store.writing(ledger.engine) as connection:
            known = sorted(home.parameters.glob("*.toml"))
            if new.version in {read_parameters(path).version for path in known}:
                raise ParameterError(
                    f"Parameters '{new.version}' are in force already; give a change a new version."
                )
            place = home.parameters / f"{len(known) + 1:04d}-{_slug(new.version)}.toml"
            trail.append(
                connection, "data_scientist", "parameters_activated", place.name,
                {"version": new.version, "sha256": hashlib.sha256(body).hexdigest()},
            )  # fmt: skip
            partial = place.with_suffix(".partial")
            partial.write_bytes(body)
            partial.replace(place)
    finally:
        ledger.close()
    return new


def value_rows(book: ParameterBook) -> list[dict[str, str]]:
    """Return every value of the files in force as a row of text."""
    rows = []
    for one in book.sets:
        first, end = (str(day or "") for day in one.period())
        for rule_id, values in one.values.items():
            for name, value in values.items():
                rows.append({
                    "version": one.version, "rule": rule_id, "name": name, "value": str(value),
                    "region": one.region, "valid_from": first, "valid_to": end,
                    "source": one.sources[rule_id][name],
                })  # fmt: skip
    return rows


def _slug(version: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "-", version).strip("-").lower() or "set"
