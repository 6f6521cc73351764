"""Simulated inspectors: what they would find in a claim, with the mistakes that people make.

In: the truth folder of a county and the claims to look at. Out: one `Verdict` per claim. What an
inspector does with a claim follows from a keyed hash of the claim's number alone (BLAKE2b with the
seed as key, after the usual way of drawing by hashed identifiers), so neither the order nor the
other claims matter.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

RECOVERY, DEDUCTION = "recovery", "deduction"
DISMISSED, NOT_RECEIVED = "dismissed", "documents_not_received"
# Below this amount (in fen) the sum is deducted from the next payment, not claimed back.
RECOVERED_FROM = 500_00
TEAMS = "ABCDEFGH"
MEMBERS = 12
REASONS = {
    "sex_conflict": "An item limited to the other sex was billed.",
    "overpriced": "The unit price is above the permitted maximum.",
    "quantity_over_maximum": "More units were billed than one day allows.",
    "charge_after_discharge": "Charges are dated after the discharge.",
    "service_after_death": "The service is dated after the death of the insured.",
    "duplicate_settlement": "The same service had been settled before.",
    "bed_hanging": "Bed and nursing were billed without treatment on record.",
    "low_standard_admission": "The record shows no need for admission.",
    "split_hospitalisation": "One course of treatment was billed as two stays.",
    "overlapping_stays": "The insured was in another hospital at the time.",
    "outpatient_during_stay": "The insured was in hospital at the time.",
    "excess_supply": "The supply exceeds what the insured can have used.",
    "batch_swiping": "The card was used without the holder being present.",
    "inflated_examinations": "Tests without an indication were billed.",
    "fabricated_visits": "There is no record of the visit.",
    "item_substitution": "A dearer item was billed than was given.",
    "duplicate_charge": "The item is included in another one that was billed.",
    "surgery_discount": "The second operation was billed without the reduction.",
    "therapeutic_duplication": "Two drugs of one class were prescribed together.",
    "restricted_payment": "The diagnosis does not permit payment of the drug.",
    "discharge_supply": "More drugs were taken home than is permitted.",
    "cloned_stays": "The records of several stays are identical.",
    "care_home_rotation": "Residents of the care home were admitted in turns without need.",
    "frequent_admission": "The record shows no need for repeated admission.",
    "bed_over_capacity": "There was no bed for the stay.",
    "drg_upcoding": "The record does not support the secondary diagnosis.",
    "split_prescription": "One prescription was billed as several.",
    "impossible_day": "The doctor cannot have given so many treatments on one day.",
    "departed_doctor": "The doctor no longer worked at the institution.",
    "offhours_billing": "The institution was closed at the time.",
    "employer_roster": "Staff of the employer were billed without being present.",
    "account_drain": "The account was paid out in cash.",
    "inventory_mismatch": "The drug was never purchased by the pharmacy.",
    "trace_code_reuse": "The box had been settled before.",
    "cost_shifting": "Drugs of the stay were bought outside.",
    "drug_resale": "The insured did not need the drugs that were bought.",
    "identity_misuse": "The card was used for another person.",
}
MISTAKEN_REASON = "The record does not support all of the charges."


@dataclass(frozen=True)
class Verdict:
    """What two inspectors found; the amount is in fen, 0 when dismissed, None without documents."""

    claim_id: str
    disposition: str
    overpaid_amount: int | None
    reason: str
    inspected_on: datetime.date
    inspectors: str


@dataclass(frozen=True)
class Habits:
    """How often inspectors err: shares of the claims they look at."""

    miss_rate: float
    wrong_rate: float
    absent_rate: float


@dataclass(frozen=True)
class Facts:
    """What is true of a claim, in fen: what was charged, and what of it is overpaid."""

    claim_id: str
    charged: int
    overpaid: int
    schemes: str


def truth_of(truth_dir: Path) -> pd.DataFrame:
    """The violating claims.

    Claim_id, overpaid_amount (int64 fen), schemes (joined with a semicolon).
    """
    table = pd.read_csv(Path(truth_dir) / "claims.csv", dtype=str)
    yuan = table["overpaid_yuan"].str.replace(".", "", regex=False)
    frame = pd.DataFrame(
        {
            "claim_id": table["setl_id"],
            "overpaid_amount": yuan.astype("int64"),
            "schemes": table["scheme"],
        }
    )
    grouped = frame.groupby("claim_id", as_index=False, sort=True)
    return grouped.agg({"overpaid_amount": "sum", "schemes": ";".join})


def inspect(
    truth_dir: Path,
    claim_ids: Sequence[str],
    *,
    on: datetime.date,
    seed: int,
    miss_rate: float = 0.08,
    wrong_rate: float = 0.01,
    absent_rate: float = 0.02,
) -> list[Verdict]:
    """Inspect claims; the verdicts come in the order of `claim_ids`.

    Args:
        truth_dir: The `truth` folder of a simulated county.
        claim_ids: Settlement numbers; one that is not in the truth is an innocent claim.
        on: The date of the verdicts.
        seed: With the claim's number it decides everything.
        miss_rate: Chance that a violation is not found.
        wrong_rate: Chance that an innocent claim is objected to.
        absent_rate: Chance that the documents do not arrive.

    Raises:
        ValueError: A rate is not between 0 and 1.
    """
    for name, rate in (("miss", miss_rate), ("wrong", wrong_rate), ("absent", absent_rate)):
        if not 0 <= rate <= 1:
            raise ValueError(
                f"The '{name}_rate' parameter must lie between 0 and 1. Got {rate!r} instead."
            )
    habits = Habits(miss_rate, wrong_rate, absent_rate)
    truth = truth_of(truth_dir).set_index("claim_id")
    overpaid = truth["overpaid_amount"].to_dict()
    schemes = truth["schemes"].to_dict()
    charged = _charged(truth_dir, claim_ids)
    return [
        _look_at(
            Facts(
                str(one), charged.get(one, 0), int(overpaid.get(one, 0)), str(schemes.get(one, ""))
            ),
            on,
            seed,
            habits,
        )
        for one in claim_ids
    ]


def _charged(truth_dir: Path, claim_ids: Sequence[str]) -> dict[str, int]:
    """What was charged in each of these claims, in fen."""
    table = pd.read_csv(Path(truth_dir) / "settlements.csv", dtype=str)
    table = table[table["setl_id"].isin(list(claim_ids))]
    yuan = table["medfee_yuan"].str.replace(".", "", regex=False).astype("int64")
    return dict(zip(table["setl_id"].tolist(), yuan.tolist(), strict=True))


def _chances(seed: int, claim_id: str) -> list[float]:
    """Six numbers between 0 and 1 that belong to this claim and seed."""
    key = str(seed).encode()[:64]
    digest = hashlib.blake2b(claim_id.encode(), digest_size=48, key=key).digest()
    return [int.from_bytes(digest[at : at + 8], "big") / 2**64 for at in range(0, 48, 8)]


def _look_at(facts: Facts, on: datetime.date, seed: int, habits: Habits) -> Verdict:
    absent, mistaken, exact, lead, second, size = _chances(seed, facts.claim_id)

    def verdict(disposition: str, amount: int | None, reason: str) -> Verdict:
        return Verdict(facts.claim_id, disposition, amount, reason, on, _pair(lead, second))

    if absent < habits.absent_rate:
        return verdict(NOT_RECEIVED, None, "The documents were not received in time.")
    if facts.overpaid == 0 and facts.charged > 0 and mistaken < habits.wrong_rate:
        amount = max(1, int(facts.charged * (0.1 + 0.5 * size)))
        return verdict(_claim_back(amount), amount, MISTAKEN_REASON)
    if facts.overpaid == 0 or mistaken < habits.miss_rate:
        return verdict(DISMISSED, 0, "Nothing to object to.")
    # Four in five prove the whole amount; the others only a part of it.
    share = 1.0 if exact < 0.8 else 0.4 + 0.6 * size
    amount = max(1, int(facts.overpaid * share))
    reason = REASONS.get(facts.schemes.split(";")[0], MISTAKEN_REASON)
    return verdict(_claim_back(amount), amount, reason)


def _claim_back(amount: int) -> str:
    return RECOVERY if amount >= RECOVERED_FROM else DEDUCTION


def _pair(lead: float, second: float) -> str:
    """Two inspectors of different teams."""
    first = int(lead * len(TEAMS) * MEMBERS)
    team = first // MEMBERS
    other = (team + 1 + int(second * (len(TEAMS) - 1) * MEMBERS) // MEMBERS) % len(TEAMS)
    member = int(second * 997 * MEMBERS) % MEMBERS
    codes = (f"{TEAMS[team]}{first % MEMBERS + 1:02d}", f"{TEAMS[other]}{member + 1:02d}")
    return ";".join(sorted(codes))
