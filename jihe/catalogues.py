"""The catalogues as plain rows: for ``--format json`` and the glossary."""

from __future__ import annotations

from features.catalogue import catalogue
from features.rules import LEVELS, rules


def feature_rows() -> list[dict[str, object]]:
    """Return every feature as a row."""
    return [
        {
            "name": f.name, "label_en": f.en, "label_zh": f.zh, "unit": f.unit,
            "entity": f.entity, "window": f.window, "meaning_en": f.meaning_en,
            "meaning_zh": f.meaning_zh, "null_en": f.null_en, "null_zh": f.null_zh,
            "direction": f.direction,
            "needs": list(f.needs), "finish": f.finish, "atoms": list(f.atoms), "reason": f.reason,
        }
        for f in catalogue()
    ]  # fmt: skip


def rule_rows() -> list[dict[str, object]]:
    """Return every rule as a row."""
    return [
        {
            "name": r.id, "label_en": r.en, "label_zh": r.zh, "unit": LEVELS[r.level]["en"],
            "entity": r.entity, "window": None, "level": r.level,
            "meaning_en": r.sentence_en, "meaning_zh": r.sentence_zh,
            "basis_en": r.basis_en, "basis_zh": r.basis_zh,
            "caveat_en": r.caveat_en, "caveat_zh": r.caveat_zh, "needs": list(r.needs),
            "parameters": {
                k: {"value": v, "source": r.sources[k], "source_zh": r.sources_zh[k]}
                for k, v in r.parameters.items()
            },
        }
        for r in rules()
    ]  # fmt: skip
