"""Records as sentences: one line for a list, a short text for a page or a sheet.

In: an explanation record. Out: English or Chinese text made from the record alone. The words are
those of an unreviewed case: anomaly, suspicion, lead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from claims.contracts import Lang
from serving.money import money_text
from serving.texts import text
from serving.wording import topics

#: Most characters of a line in a list; a Chinese character is as wide as two others.
LINE_LIMIT: Mapping[Lang, int] = {"en": 160, "zh": 80}
_JOINT: Mapping[Lang, str] = {"en": "; ", "zh": "；"}
_COLON: Mapping[Lang, str] = {"en": ": ", "zh": "："}
_BRACKETS: Mapping[Lang, tuple[str, str]] = {"en": (" (", ")"), "zh": ("（", "）")}

Record = Mapping[str, Any]


def one_line(record: Record, lang: Lang) -> str:
    """Return the reasons of a record in one line of at most ``LINE_LIMIT`` characters."""
    line = ""
    for clause in _clauses(record, lang):
        longer = f"{line}{_JOINT[lang]}{clause}" if line else clause
        if len(longer) > LINE_LIMIT[lang]:
            break
        line = longer
    if not line:
        whole = next(_clauses(record, lang), text("no_reason", lang))
        line = whole if len(whole) <= LINE_LIMIT[lang] else whole[: LINE_LIMIT[lang] - 1] + "…"
    return line[:1].upper() + line[1:]


def record_text(record: Record, lang: Lang) -> str:
    """Return the record as a few lines of text: score, reasons, rule hits, and what it is not."""
    lines = [score_text(record, lang)]
    for reason in record["reasons"]:
        if reason["contribution"] > 0:
            values = _JOINT[lang].join(
                f"{f[f'label_{lang}']}{_COLON[lang]}{f[f'text_{lang}']}" for f in reason["features"]
            )
            lines.append(f"• {reason[f'sentence_{lang}']}{_bracketed(values, lang)}")
    for hit in record["rule_hits"]:
        said = f"{hit[f'level_{lang}']}{_COLON[lang]}{hit[f'sentence_{lang}']}"
        lines.append(f"• {said}{_bracketed(hit[f'basis_{lang}'], lang)}")
    lines.append(text("lead_notice", lang))
    return "\n".join(lines)


def score_text(record: Record, lang: Lang) -> str:
    """Return the score of a record in words."""
    if record["risk_score"] is None:
        return text("score_anomaly", lang, score=f"{record['anomaly_score']:.2f}")
    risk = text("score_risk", lang, percent=f"{100 * record['risk_score']:.1f}")
    if record["expected_amount"] is None:
        return risk
    amount = money_text(record["expected_amount"], record["currency"], lang)
    return f"{risk}{_JOINT[lang]}{text('score_amount', lang, amount=amount)}"


def _clauses(record: Record, lang: Lang) -> Iterator[str]:
    """Yield what speaks for looking at the unit, the strongest first."""
    raising = [r for r in record["reasons"] if r["contribution"] > 0]
    told = False
    for reason in (r for r in raising if r["stands_out"]):
        if reason["reason_code"] == "rules" and record["rule_hits"]:
            told = True
            yield _rules_clause(record, lang)
        else:
            yield _reason_clause(reason, lang)
    if record["rule_hits"] and not told:
        yield _rules_clause(record, lang)
    yield from (r[f"sentence_{lang}"] for r in raising if not r["stands_out"])


def _rules_clause(record: Record, lang: Lang) -> str:
    first = record["rule_hits"][0]
    sentence = str(first[f"sentence_{lang}"])
    return topics()["rules"].short(lang) + _bracketed(sentence[:1].lower() + sentence[1:], lang)


def _reason_clause(reason: Mapping[str, Any], lang: Lang) -> str:
    feature = reason["features"][0]
    value = f"{feature[f'label_{lang}']}{_COLON[lang]}{feature[f'text_{lang}']}"
    return topics()[reason["reason_code"]].short(lang) + _bracketed(value, lang)


def _bracketed(inner: str, lang: Lang) -> str:
    before, after = _BRACKETS[lang]
    return f"{before}{inner}{after}"
