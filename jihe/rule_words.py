"""One rule for a person: what it finds, on what ground, what it needs, with which parameters."""

from __future__ import annotations

from claims.contracts import Lang, table
from features.exemptions import exemptions
from features.parameters import ParameterBook, ParameterError
from features.rules import LEVELS, Rule, rules
from jihe.rule_parameters import value_rows
from jihe.texts import say


def explain_rule(rule_id: str, book: ParameterBook, lang: Lang) -> list[str]:
    """Return the lines that explain a rule.

    Raises:
        ParameterError: there is no such rule.
    """
    known = {rule.id: rule for rule in rules()}
    rule = known.get(rule_id.upper())
    if rule is None:
        raise ParameterError(f"There is no rule '{rule_id}' (jihe rules list names all).")
    zh = lang == "zh"
    sentence = rule.sentence_zh if zh else rule.sentence_en
    lines = [
        f"{rule.id}  {rule.label(lang)}",
        say(
            "rule_level",
            lang,
            level=LEVELS[rule.level][lang],
            entity=say(f"entity_{rule.entity}", lang),
        ),
        say("rule_finds", lang, text=sentence.replace("{hits}", "N")),
        say("rule_basis", lang, text=rule.basis_zh if zh else rule.basis_en),
        say("rule_caveat", lang, text=rule.caveat_zh if zh else rule.caveat_en),
    ]
    if rule.exempt:
        kinds = "、" if zh else ", "
        names = kinds.join(exemptions()[kind].label(lang) for kind in rule.exempt)
        lines.append(say("rule_exempt", lang, kinds=names))
    lines.append(say("rule_needs", lang))
    lines += [f"  - {_column(name, lang)}" for name in rule.needs]
    return lines + _parameters(rule, book, lang)


def _column(name: str, lang: Lang) -> str:
    """Return a contract's column as a person knows it, with its name."""
    table_name, column = name.split(".")
    contract = table(table_name)
    words = (contract.zh, contract.columns[column].zh) if lang == "zh" else (
        contract.en, contract.columns[column].en)  # fmt: skip
    return f"{words[0]}: {words[1]} ({name})"


def _parameters(rule: Rule, book: ParameterBook, lang: Lang) -> list[str]:
    if not rule.parameters:
        return [say("rule_no_parameters", lang)]
    lines = [say("rule_parameters", lang)]
    for name, value in rule.parameters.items():
        source = (rule.sources_zh if lang == "zh" else rule.sources)[name]
        lines.append(f"  - {name} = {value}  ({source})")
    for row in value_rows(book):
        if row["rule"] == rule.id:
            where = row["region"] or say("everywhere", lang)
            period = f"{row['valid_from'] or '…'} – {row['valid_to'] or '…'}"
            lines.append(
                f"  - {row['name']} = {row['value']}  ({row['version']}, {where}, {period}; "
                f"{row['source']})"
            )
    return lines
