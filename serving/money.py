"""Money for a person: integer minor units become text with the currency, at the edge only.

In: int64 minor units and an ISO 4217 code. Out: text in English or Chinese. Minor units per major
unit follow ISO 4217, table A.1 (the exceptions to two decimals that an insurer may meet).
"""

from __future__ import annotations

from claims.contracts import Lang

_DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "BHD": 3, "KWD": 3, "JOD": 3, "TND": 3}
_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_CHINESE = {"CNY": "元", "USD": "美元", "EUR": "欧元", "GBP": "英镑", "JPY": "日元"}


def money_text(minor: int, currency: str, lang: Lang) -> str:
    """Return the amount for a person.

    >>> money_text(1234500, "CNY", "en"), money_text(1234500, "CNY", "zh")
    ('¥12,345.00', '12,345.00 元')
    >>> money_text(-7, "USD", "en")
    '-$0.07'
    """
    decimals = _DECIMALS.get(currency, 2)
    whole, rest = divmod(abs(minor), 10**decimals)
    number = f"{whole:,}" + (f".{rest:0{decimals}d}" if decimals else "")
    minus = "-" if minor < 0 else ""
    if lang == "zh":
        return f"{minus}{number} {_CHINESE.get(currency, currency)}"
    sign = _SIGNS.get(currency)
    return f"{minus}{sign}{number}" if sign else f"{minus}{currency} {number}"
