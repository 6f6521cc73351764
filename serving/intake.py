"""Posted claims become what the engine takes, or every one of their faults is told.

In: contract-shaped claims with raw ids or pseudonyms. Out: pseudonyms, integers and days, and the
warnings that a load would give too. Identities become pseudonyms first and are never kept. A claim
that a load would quarantine is refused here by the same checks (`serving.claim_checks`): a score
of a claim that could never have been learnt from would say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from claims.pseudonyms import pseudonym
from features.clock import day_number, microseconds
from features.online import claim_row
from serving.claim_checks import Finding, RowChecks
from serving.claim_faults import InputError, InputFault

#: Column -> kind of identity; each is replaced by its pseudonym at the edge.
_IDENTITIES = {
    "claim_id": "claim", "stay_id": "stay", "insured_id": "insured",
    "institution_id": "institution", "doctor_id": "doctor", "line_id": "line",
    "exec_doctor_id": "doctor", "anaesthetist_id": "doctor", "invoice_id": "invoice",
    "prescription_id": "prescription",
}  # fmt: skip
#: What a claim holds beside its own columns.
_PARTS = ("lines", "diagnoses", "procedures", "boxes")
_MOMENTS = ("service_at", "service_end_at", "known_at")
#: Local years that a load takes for possible.
_YEARS = range(1800, 2500)


@dataclass(frozen=True)
class Prepared:
    """One claim as the engine takes it: pseudonyms, integers and days.

    ``own`` are the rows of ``features.queries.OWN_ROWS``, the lines among them.
    """

    claim: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    own: Mapping[str, Sequence[Mapping[str, Any]]]
    began: date
    ended: date


@dataclass(frozen=True)
class Taken:
    """The claims of one request, and what is odd about them but no reason to refuse them."""

    claims: list[Prepared]
    warnings: tuple[InputFault, ...]


class Intake:
    """Takes claims in for one bundle.

    Args:
        zone: IANA zone of times without an offset and of local days.
        currency: of the bundle; claims in another are refused.
        key: the installation's pseudonym key; ids that already are pseudonyms stay as they are.
        checks: the quarantine's checks.
    """

    def __init__(self, zone: str, currency: str, key: bytes, checks: RowChecks) -> None:
        self._name, self._zone, self._currency, self._key = zone, ZoneInfo(zone), currency, key
        self._checks = checks

    def take(self, claims: Sequence[Mapping[str, Any]]) -> Taken:
        """Return what the engine takes, in order; raises InputError with every fault at once."""
        faults: list[InputFault] = []
        typed, lines, place_of = [], [], []
        for place, claim in enumerate(claims):
            typed.append(self._typed(claim, place, None, _MOMENTS, faults))
            if claim["currency"] != self._currency:
                faults.append(InputFault("input_currency", place, "currency"))
            for number, line in enumerate(claim.get("lines") or ()):
                row = self._typed(line, place, number, ("line_at",), faults)
                lines.append(row | {"claim_id": typed[-1]["claim_id"]})
                place_of.append((place, number))
        found, warnings = self._judge(typed, lines, place_of, faults)
        faults += found
        if faults:
            raise InputError(*sorted(faults, key=_order))
        mine: list[list[dict[str, Any]]] = [[] for _ in typed]
        for (place, _), line in zip(place_of, lines, strict=True):
            mine[place].append(self._line(line))
        prepared = [
            self._claim(one, of, self._parts(posted, one, place, faults))
            for place, (posted, one, of) in enumerate(zip(claims, typed, mine, strict=True))
        ]
        if faults:
            raise InputError(*sorted(faults, key=_order))
        return Taken(prepared, warnings)

    def close(self) -> None:
        """Close what the checks hold."""
        self._checks.close()

    def _judge(
        self, claims: Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]],
        place_of: Sequence[tuple[int, int]], known: Sequence[InputFault],
    ) -> tuple[list[InputFault], tuple[InputFault, ...]]:  # fmt: skip
        """Return the quarantine's errors and warnings, at their places in the request."""
        bad = {(fault.claim, fault.line) for fault in known}
        on_claims, on_lines = self._checks.find(
            [_integers(claim) for claim in claims],
            [_integers(line) for line in lines],
            {n for n in range(len(claims)) if (n, None) in bad},
            {n for n, place in enumerate(place_of) if place in bad},
        )
        placed = [(f, _placed(f, f.row, None)) for f in on_claims]
        placed += [(f, _placed(f, *place_of[f.row])) for f in on_lines]
        errors = [fault for finding, fault in placed if finding.severity != "warning"]
        warnings = [fault for finding, fault in placed if finding.severity == "warning"]
        return errors, tuple(sorted(warnings, key=_order))

    def _typed(
        self, row: Mapping[str, Any], claim: int, line: int | None, moments: Sequence[str],
        faults: list[InputFault],
    ) -> dict[str, Any]:  # fmt: skip
        """Return the row with pseudonyms and moments in UTC, None where one is impossible."""
        known = {name: value for name, value in row.items() if name not in _PARTS}
        for name, kind in _IDENTITIES.items():
            if known.get(name) is not None:
                known[name] = pseudonym(kind, known[name], self._key)
        for name in moments:
            if name == "service_end_at" and row.get(name) is None:
                known[name] = known["service_at"]
                continue
            known[name] = self._moment(row[name])
            if known[name] is None:
                faults.append(InputFault("input_time", claim, name, line))
        return known

    def _moment(self, given: Any) -> datetime | None:
        try:
            moment = given if isinstance(given, datetime) else datetime.fromisoformat(given)
            local = moment if moment.tzinfo else moment.replace(tzinfo=self._zone)
            possible = local.astimezone(self._zone).year in _YEARS
            return local.astimezone(UTC) if possible else None
        except (ValueError, OverflowError):
            return None

    def _parts(
        self, posted: Mapping[str, Any], claim: Mapping[str, Any], place: int,
        faults: list[InputFault],
    ) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
        """Return diagnoses, procedures and boxes as the engine takes them."""
        claim_id, main = claim["claim_id"], claim.get("main_diagnosis")

        def typed(row: Mapping[str, Any], *moments: str) -> dict[str, Any]:
            given = [name for name in moments if row.get(name) is not None]
            known = self._typed(row, place, None, given, faults)
            return {**known, "claim_id": claim_id, "main": _flag(row.get("main"))}

        diagnoses = [typed(row) for row in posted.get("diagnoses") or ()]
        if not diagnoses and main is not None:
            diagnoses = [{"claim_id": claim_id, "place": 1, "diagnosis_code": main, "main": 1}]
        procedures = [typed(row, "performed_at") for row in posted.get("procedures") or ()]
        for row in procedures:
            row["performed_us"] = _microseconds(row.get("performed_at"))
        boxes = [typed(row, "moved_at", "known_at") for row in posted.get("boxes") or ()]
        for row in boxes:
            known = row.get("known_at") or claim["known_at"]
            row |= {"institution_id": claim["institution_id"], "insured_id": claim["insured_id"],
                    "sold": 1, "moved_us": _microseconds(row["moved_at"]),
                    "known_us": _microseconds(known)}  # fmt: skip
        return {"diagnosis_rows": diagnoses, "procedure_rows": procedures, "trace_rows": boxes}

    def _claim(
        self, claim: dict[str, Any], lines: Sequence[Mapping[str, Any]],
        parts: Mapping[str, Sequence[Mapping[str, Any]]],
    ) -> Prepared:  # fmt: skip
        row = claim_row(claim, self._name)
        began, ended = claim["service_at"], claim["service_end_at"]
        return Prepared(
            {**claim, **row}, lines, {"line_rows": lines, **parts},
            self._local_day(began), self._local_day(ended),
        )  # fmt: skip

    def _line(self, line: dict[str, Any]) -> dict[str, Any]:
        day = self._local_day(line["line_at"])
        return {**line, "line_day": day_number(day), "line_date": day,
                "days_supply": line.get("days_supply"),
                "discharge_drug": _flag(line.get("discharge_drug"))}  # fmt: skip

    def _local_day(self, moment: datetime) -> date:
        return moment.astimezone(self._zone).date()


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _integers(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with its moments as microseconds, which every engine compares alike."""
    return {k: microseconds(v) if isinstance(v, datetime) else v for k, v in row.items()}


def _placed(finding: Finding, claim: int, line: int | None) -> InputFault:
    return InputFault(finding.code, claim, finding.column, line)


def _order(fault: InputFault) -> tuple[int, int, str, str]:
    claim = -1 if fault.claim is None else fault.claim
    line = -1 if fault.line is None else fault.line
    return claim, line, fault.column, fault.code
