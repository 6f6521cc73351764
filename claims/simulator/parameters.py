"""The parameters of a simulated county: the shipped TOML file, and a user's file read over it.

In: `county.toml` and at most one file of the user. Out: a frozen `Parameters`. The shipped file is
the schema: a key that it does not have, a value of another type and a value outside its range are
refused, all of them in one error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("county.toml")


class SimulationError(ValueError):
    """A county cannot be simulated as asked; the sentence says what to change."""


@dataclass(frozen=True)
class PeopleParameters:
    """Who is insured: shares of all insured unless the shipped file says otherwise."""

    female_share: float
    employee_share: float
    civil_servant_share: float
    chronic_share: float
    births_per_year: float
    deaths_per_year: float
    dialysis_share: float
    chemotherapy_share: float
    care_home_share: float
    poor_share: float
    villages: int
    insured_per_employer: int


@dataclass(frozen=True)
class CareParameters:
    """How often people use care, per insured and year."""

    visits_per_year: float
    chronic_visits_per_year: float
    swipes_per_year: float
    stays_per_year: float
    yuan_per_stay: float
    transfer_share: float
    referral_share: float
    relative_share: float
    village_rounds_per_year: float
    doctor_turnover: float
    leave_share: float


@dataclass(frozen=True)
class SettlementParameters:
    """How late claims arrive and how often one is cancelled."""

    late_share: float
    late_days: int
    reversal_share: float
    resettled_share: float


@dataclass(frozen=True)
class PolicyParameters:
    """What changes for everybody during the simulation; months count from the start."""

    community_month: int
    community_growth: float
    tender_month: int
    tender_share: float
    stay_rate_rise: float
    drg_month: int
    quota_share: float
    trace_month: int


@dataclass(frozen=True)
class HistoryParameters:
    """How the county was inspected before this program: whom, and with what mistakes."""

    past_months: int
    past_cases_per_year: float
    looked_at_share: float
    tip_off_share: float
    high_amount_share: float
    missed_share: float
    wrong_share: float
    absent_share: float
    appeal_share: float


@dataclass(frozen=True)
class SchemeParameters:
    """One violation scheme; the keys are explained at the head of the schemes in `county.toml`."""

    enabled: bool
    onset_month: int
    actors: int
    share: float
    scattered: float
    adaptive_share: float


@dataclass(frozen=True)
class Parameters:
    """Everything about a county but its size and its seed."""

    start: date
    people: PeopleParameters
    care: CareParameters
    settlement: SettlementParameters
    policy: PolicyParameters
    history: HistoryParameters
    schemes: Mapping[str, SchemeParameters]

    @classmethod
    def load(cls, path: Path | None) -> Parameters:
        """Read `path` (TOML) over the shipped parameters.

        Raises:
            SimulationError: The file is not TOML, or keys, types or ranges are wrong.
        """
        shipped = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
        given = {} if path is None else _read(path)
        faults = _faults(shipped, given, "")
        if faults:
            raise SimulationError(f"{path}: " + " ".join(faults))
        merged = _merge(shipped, given)
        return cls(
            start=merged["start"],
            people=PeopleParameters(**merged["people"]),
            care=CareParameters(**merged["care"]),
            settlement=SettlementParameters(**merged["settlement"]),
            policy=PolicyParameters(**merged["policy"]),
            history=HistoryParameters(**merged["history"]),
            schemes={k: SchemeParameters(**v) for k, v in merged["schemes"].items()},
        )

    def only(self, *names: str) -> Parameters:
        """The same county with no scheme but `names` enabled (none at all without a name).

        Raises:
            SimulationError: A name is not a scheme.
        """
        unknown = sorted(set(names) - set(self.schemes))
        if unknown:
            known = ", ".join(self.schemes)
            raise SimulationError(
                f"There is no scheme {', '.join(unknown)}; the schemes are {known}."
            )
        chosen = {k: replace(v, enabled=k in names) for k, v in self.schemes.items()}
        return replace(self, schemes=chosen)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain: dict[str, Any] = {"start": self.start.isoformat()}
        for field in fields(self)[1:-1]:
            plain[field.name] = asdict(getattr(self, field.name))
        plain["schemes"] = {k: asdict(v) for k, v in self.schemes.items()}
        return plain


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SimulationError(
            f"The parameter file {path} does not exist; give the path of a TOML file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SimulationError(f"The parameter file {path} is not valid TOML: {error}.") from error


def _merge(shipped: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    merged = dict(shipped)
    for key, value in given.items():
        merged[key] = _merge(shipped[key], value) if isinstance(value, dict) else value
    return merged


def _faults(shipped: dict[str, Any], given: dict[str, Any], where: str) -> list[str]:
    """Every fault of `given` measured against `shipped`, as sentences."""
    found: list[str] = []
    for key, value in given.items():
        name = f"{where}{key}"
        if key not in shipped:
            found.append(f"Unknown key '{name}'; known here: {', '.join(shipped)}.")
        elif isinstance(shipped[key], dict):
            if isinstance(value, dict):
                found += _faults(shipped[key], value, f"{name}.")
            else:
                found.append(f"'{name}' must be a table. Got {value!r} instead.")
        else:
            found += _value_faults(name, shipped[key], value)
    return found


def _value_faults(name: str, shipped: object, value: object) -> list[str]:
    """Faults of one value.

    Its type is that of the shipped value, its range follows from its name.
    """
    if isinstance(shipped, bool):
        return (
            [] if isinstance(value, bool) else [f"'{name}' must be true or false. Got {value!r}."]
        )
    if isinstance(shipped, date):
        fits = isinstance(value, date) and not isinstance(value, datetime)
        if fits and isinstance(value, date) and value.day == 1:
            return []
        return [f"'{name}' must be the first of a month, such as 2024-01-01. Got {value!s}."]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [f"'{name}' must be a number. Got {value!r} instead."]
    if isinstance(shipped, int) and not isinstance(value, int):
        return [f"'{name}' must be a whole number. Got {value!r} instead."]
    lowest = 1 if name.endswith(("villages", "insured_per_employer", "late_days")) else 0
    amount = 100_000 if "yuan" in name else 400
    highest = 1 if name.endswith(("share", "scattered", "turnover")) else amount
    if not lowest <= value <= highest:
        return [f"'{name}' must lie between {lowest} and {highest}. Got {value!r} instead."]
    return []
