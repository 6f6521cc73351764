"""Days of the planted rows, counted from 1 March 2024, and a run of swipes: for tests of rules."""

from __future__ import annotations

from datetime import date, timedelta

DAY = date(2024, 3, 1)
#: What every row of a list has in common.
LISTS = {"valid_from": date(2023, 1, 1)}


def day(number: int) -> str:
    """Return the day ``number`` days after 1 March 2024."""
    return str(DAY + timedelta(days=number))


def clock(minutes: float) -> str:
    """Return a moment on 1 March, ``minutes`` after 10:00."""
    seconds = round(minutes * 60)
    return f"2024-03-01 {10 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def batch(town, persons: int, seconds: float = 300, amount: int = 10_000) -> list[str]:
    """Plant a run of swipes, the first and the last ``seconds`` apart."""
    town.institution("shop", "pharmacy")
    step = seconds / 60 / (persons - 1)
    return [
        town.claim(clock(n * step), known=clock(n * step + 0.1), insured_id=f"q{n}",
                   institution_id="shop", claim_type="pharmacy", total_amount=amount)
        for n in range(persons)
    ]  # fmt: skip
