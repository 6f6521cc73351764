"""What a program may post to be scored: contract-shaped claims, checked before anything runs.

In: parsed JSON. Out: ``ScoreRequest``. Types are strict (no text for numbers, no fractions of a
minor unit), texts are bounded and free of control characters, and amounts are bounded so that no
sum or product of the rules can leave 64 bits. Unknown fields are refused: whatever is not needed
for a score, a name or a telephone number, is not taken in. Blanks around an id or a text are
cut off, as a load does, so that it has the same pseudonym here and there.

Amounts and quantities below zero pass here: the quarantine's own checks refuse them, with a
sentence and together with whatever else is wrong (`serving.claim_checks`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

#: Most claims of one request, most lines of one claim.
CLAIMS = 100
LINES = 500
_AMOUNT = 10_000_000_000
_QUANTITY = 1_000_000_000
_PRODUCT = 2**62


def _trimmed(text: str) -> str:
    if not text.strip(" "):
        raise ValueError("is blank")
    return text.strip(" ")


def _printable(text: str) -> str:
    if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in text):
        raise ValueError("holds control characters")
    return text


_CHECKED = (AfterValidator(_printable), AfterValidator(_trimmed))
Text = Annotated[str, Field(min_length=1, max_length=200), *_CHECKED]
Id = Annotated[str, Field(min_length=1, max_length=64), *_CHECKED]
Moment = Annotated[
    str, Field(min_length=10, max_length=40, pattern=r"^\d{4}-\d\d-\d\d[T ][0-9:.Z+-]+$")
]
Code = Annotated[str, Field(min_length=1, max_length=40), *_CHECKED]
Money = Annotated[int, Field(ge=-_AMOUNT, le=_AMOUNT)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class LineIn(_Strict):
    """One charged line of a claim."""

    line_id: Id
    line_at: Moment
    item_code: Text
    item_name: Text | None = None
    item_class: Literal[
        "drug", "exam", "lab", "treatment", "surgery", "consumable", "bed", "nursing",
        "consultation", "other",
    ]  # fmt: skip
    quantity_milli: Annotated[int, Field(ge=-_QUANTITY, le=_QUANTITY)]
    unit_price: Money
    amount: Money
    doctor_id: Id | None = None
    days_supply: Annotated[int, Field(ge=-3660, le=3660)] | None = None
    exec_doctor_id: Id | None = None
    department: Text | None = None
    prescription_id: Id | None = None
    pay_class: Literal["a", "b", "self"] | None = None
    covered_amount: Money | None = None
    discharge_drug: bool | None = None


class DiagnosisIn(_Strict):
    """One diagnosis of a claim."""

    place: Annotated[int, Field(ge=1, le=100)]
    diagnosis_code: Code
    main: bool | None = None


class ProcedureIn(_Strict):
    """One operation or procedure of a claim."""

    place: Annotated[int, Field(ge=1, le=100)]
    procedure_code: Code
    main: bool | None = None
    performed_at: Moment | None = None
    doctor_id: Id | None = None
    anaesthetist_id: Id | None = None


class BoxIn(_Strict):
    """One box of a drug by its trace code; known when its claim is, unless said otherwise."""

    trace_code: Text
    item_code: Text | None = None
    moved_at: Moment
    known_at: Moment | None = None


class ClaimIn(_Strict):
    """One settlement to score; times are ISO 8601, with offset or local to the bundle's zone."""

    claim_id: Id
    stay_id: Id | None = None
    insured_id: Id
    institution_id: Id
    doctor_id: Id | None = None
    claim_type: Literal["outpatient", "inpatient", "pharmacy"]
    service_at: Moment
    service_end_at: Moment | None = None
    known_at: Moment
    total_amount: Money
    fund_amount: Money
    account_amount: Money | None = None
    self_amount: Money | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    main_diagnosis: Code | None = None
    diagnosis_count: Count | None = None
    procedure_count: Count | None = None
    department: Text | None = None
    pooled_amount: Money | None = None
    insurance_type: Text | None = None
    discharge_way: (
        Literal["advised", "transferred", "primary_care", "against_advice", "died", "other"] | None
    ) = None
    drg_code: Code | None = None
    invoice_id: Id | None = None
    lines: Annotated[list[LineIn], Field(max_length=LINES)] = []
    diagnoses: Annotated[list[DiagnosisIn], Field(max_length=100)] = []
    procedures: Annotated[list[ProcedureIn], Field(max_length=100)] = []
    boxes: Annotated[list[BoxIn], Field(max_length=LINES)] = []

    @model_validator(mode="after")
    def _within_64_bits(self) -> Self:
        amount = sum(abs(line.amount) for line in self.lines)
        quantity = sum(abs(line.quantity_milli) for line in self.lines)
        if max(amount, _AMOUNT) * max(quantity, 1) >= _PRODUCT:
            raise ValueError("amounts and quantities together are too large to be real")
        return self


class ScoreRequest(_Strict):
    """Up to 100 claims to score."""

    claims: Annotated[list[ClaimIn], Field(min_length=1, max_length=CLAIMS)]
