"""Online: the feature row of one claim, by the same SQL texts as in batch, on the published file.

In: one claim and its lines as integers and text (``ClaimRow``). Out: the row of the claim matrix,
equal to the last bit to what the batch gives for the same claim, and the rules that hit. No pandas
and no DuckDB here: a prepared SQLite statement answers in a fraction of a millisecond.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from features import queries
from features.catalogue import Feature, catalogue, catalogue_version, of
from features.clock import day_number, microseconds
from features.exemptions import EXEMPT_COLUMNS, exempt_sql
from features.finishing import FINISHING
from features.parameters import ParameterBook
from features.rules import rules

#: Most bytes of a published file that are mapped into memory.
_MAPPED = 1 << 36


#: A finishing function, the places of its features, and for each argument the places of the atoms.
_Finish = tuple[str, list[int], list[list[int]]]


class PublishedError(RuntimeError):
    """The published features do not fit this program."""


@dataclass(frozen=True)
class RuleHit:
    """One rule that hit a claim: how often, and the amount at stake in minor units."""

    rule_id: str
    hits: int
    amount: int


@dataclass(frozen=True)
class FeatureRow:
    """The finished values of one claim, in the order of the published names."""

    values: npt.NDArray[np.float64]
    hits: tuple[RuleHit, ...]


def claim_row(claim: Mapping[str, Any], zone: str) -> dict[str, Any]:
    """Return a contract claim (datetimes in UTC) as the integers and text of ``claim_rows``."""
    local_zone = ZoneInfo(zone)
    began: datetime = claim["service_at"]
    ended: datetime = claim.get("service_end_at") or began
    day: date = began.astimezone(local_zone).date()
    end_day = day_number(ended.astimezone(local_zone).date())
    diagnosis = claim.get("main_diagnosis")
    return {
        **{name: claim.get(name) for name in queries.CLAIM_FACTS},
        "inpatient": int(claim["claim_type"] == "inpatient"),
        "service_us": microseconds(began),
        "service_day": day_number(day),
        "service_hour": _hour(began.astimezone(local_zone)),
        "service_minute": _minute(began.astimezone(local_zone)),
        "service_weekday": day.isoweekday(),
        "service_end_day": end_day,
        "stay_days": end_day - day_number(day),
        "known_us": microseconds(claim["known_at"]),
        "reversed_us": None,
        "diagnosis_group": diagnosis[:3] if diagnosis else None,
    }


def _hour(moment: datetime) -> int | None:
    """Return the hour; unknown at midnight sharp, which is a date without a time."""
    return moment.hour if moment.time() != time.min else None


def _minute(moment: datetime) -> int | None:
    """Return the minute of the day; unknown at midnight sharp."""
    return moment.hour * 60 + moment.minute if moment.time() != time.min else None


class OnlineFeatures:
    """Feature rows from a published file, opened read-only and never changed.

    Args:
        path: the SQLite file of a verified bundle.

    Raises:
        PublishedError: the file was published with another catalogue or rule set.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(":memory:", check_same_thread=False, cached_statements=256)
        self._db.execute("PRAGMA temp_store = MEMORY")
        uri = f"file:{path}?mode=ro&immutable=1"
        self._db.execute("ATTACH DATABASE ? AS bundle", [uri])
        # Pages come from the system's cache without being copied.
        self._db.execute(f"PRAGMA bundle.mmap_size = {_MAPPED}")
        self.settings: dict[str, Any] = json.loads(
            self._db.execute("SELECT body FROM bundle.settings").fetchone()[0]
        )
        book = ParameterBook.from_json(self.settings["parameters"])
        published = (self.settings["catalogue_version"], self.settings["rules_version"])
        if published != (catalogue_version(), book.version):
            raise PublishedError(
                "The bundle was made with another feature catalogue or rule set; publish again."
            )
        self.names: tuple[str, ...] = tuple(self.settings["names"])
        self._features = tuple(f for f in catalogue() if f.name in set(self.settings["features"]))
        self._book = book
        self._rules = tuple(
            r for r in rules() if r.grain == "claim" and r.id in set(self.settings["rules"])
        )
        self._place = {name: place for place, name in enumerate(self.names)}
        self._profiles: dict[str, tuple[list[int], str]] = {}
        self._prepare()

    def _prepare(self) -> None:
        db = self._db
        db.execute(f"CREATE TEMP TABLE claim_rows ({', '.join(queries.CLAIM_FACTS)})")
        for name, columns in queries.OWN_ROWS.items():
            db.execute(f"CREATE TEMP TABLE {name} ({', '.join(columns)})")
        db.execute("CREATE TEMP TABLE profile_days (claim_id, as_of_day)")
        facts = queries.dialect(queries.facts_sql(), "sqlite")
        db.execute(
            f"CREATE TEMP TABLE target AS SELECT *, 0 AS rule_hits, 0 AS rule_amount FROM ({facts})"
        )
        self._facts = f"INSERT INTO target SELECT *, 0, 0 FROM ({facts})"
        exempt = queries.dialect(exempt_sql(), "sqlite")
        db.execute(f"CREATE TEMP TABLE exempt ({', '.join(EXEMPT_COLUMNS)})")
        self._exempt = f"INSERT INTO exempt {exempt}"
        self._rule_texts = [
            (rule, queries.dialect(one.text, "sqlite"), one.used(one.text))
            for rule in self._rules
            for one in self._book.runs(rule)
        ]
        self._texts = {
            table: queries.dialect(text, "sqlite")
            for table, text in queries.claim_texts(self._features).items()
        }
        self._finishing = {
            table: self._by_finish(of(table, self._features)) for table in self._texts
        }
        for table in queries.LOOKED_UP:
            self._prepare_profile(table)

    def _by_finish(self, features: Sequence[Feature]) -> list[_Finish]:
        """Return the features that one function finishes: it takes all of them in one call."""
        found: dict[tuple[str, int], list[tuple[int, int]]] = {}
        atom = 0
        for feature in features:
            kind = (feature.finish, len(feature.atoms))
            found.setdefault(kind, []).append((self._place[feature.name], atom))
            atom += len(feature.atoms)
        return [
            (finish, [place for place, _ in rows],
             [[first + n for _, first in rows] for n in range(atoms)])
            for (finish, atoms), rows in found.items()
        ]  # fmt: skip

    def _prepare_profile(self, table: str) -> None:
        described = self._db.execute(f"SELECT * FROM bundle.profile_{table} LIMIT 0").description
        key = queries.PROFILE_KEYS[table]
        columns = [name for name, *_ in described if name not in ("as_of_day", key)]
        if columns:
            chosen = ", ".join(f'p."{name}"' for name in columns)
            self._profiles[table] = (
                [self._place[name] for name in columns],
                f"SELECT {chosen} FROM target t JOIN profile_days d ON d.claim_id = t.claim_id "
                f"JOIN profile_{table} p ON p.{key} = t.{key} AND p.as_of_day = d.as_of_day",
            )

    def row(self, claim: Mapping[str, Any], **own: Sequence[Mapping[str, Any]]) -> FeatureRow:
        """Return the feature row of one claim.

        Args:
            claim: columns of ``claim_rows`` (see ``claim_row``).
            own: rows of ``queries.OWN_ROWS`` by name, such as ``line_rows``, each with the
                claim's id; columns that a row lacks are unknown.
        """
        db = self._db
        db.execute("BEGIN")
        try:
            self._enter(claim, own)
            hits = tuple(self._rule_hits())
            amount = sum(hit.amount for hit in hits)
            db.execute("UPDATE target SET rule_hits = ?, rule_amount = ?", [len(hits), amount])
            return FeatureRow(self._values(hits), hits)
        finally:
            db.execute("ROLLBACK")

    def _enter(
        self, claim: Mapping[str, Any], own: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> None:
        marks = ", ".join(f":{name}" for name in queries.CLAIM_FACTS)
        self._db.execute(f"INSERT INTO claim_rows VALUES ({marks})", dict(claim))
        for table, rows in own.items():
            columns = queries.OWN_ROWS[table]
            self._db.executemany(
                f"INSERT INTO {table} VALUES ({', '.join('?' for _ in columns)})",
                [[row.get(name) for name in columns] for row in rows],
            )
        self._db.execute(self._facts)
        self._db.execute(
            "INSERT INTO profile_days SELECT t.claim_id, max(d.as_of_day) FROM target t "
            "JOIN cut_dates d ON d.as_of_us <= t.known_us GROUP BY t.claim_id"
        )
        self._db.execute(self._exempt)

    def _rule_hits(self) -> list[RuleHit]:
        found = []
        for rule, text, values in self._rule_texts:
            row = self._db.execute(text, values).fetchone()
            if row is not None:
                found.append(RuleHit(rule.id, row[1], row[2] or 0))
        return found

    def _values(self, hits: Sequence[RuleHit]) -> npt.NDArray[np.float64]:
        values = np.full(len(self.names), np.nan)
        for table, text in self._texts.items():
            atoms = np.array(self._db.execute(text).fetchone()[1:], dtype=np.float64)
            with np.errstate(all="ignore"):
                for finish, places, columns in self._finishing[table]:
                    values[places] = FINISHING[finish](*(atoms[column] for column in columns))
        count = {hit.rule_id: hit.hits for hit in hits}
        for rule in self._rules:
            values[self._place[rule.column]] = count.get(rule.id, 0)
        for places, text in self._profiles.values():
            profile = self._db.execute(text).fetchone()
            if profile is not None:
                values[places] = [np.nan if value is None else value for value in profile]
        return values

    def close(self) -> None:
        """Close the file."""
        self._db.close()
