"""What attributes and groups are called, in both languages, from the contracts' own texts."""

from __future__ import annotations

from claims.contracts import Lang, table

#: Where the words for an attribute and its codes stand in the contracts.
_WORDS = {
    "institution_class": ("institutions", "institution_class"),
    "level": ("institutions", "level"),
    "district": ("institutions", "district"),
    "claim_type": ("claims", "claim_type"),
    "sex": ("insured", "sex"),
}
_OTHER = {
    "age_band": {"en": "Age", "zh": "年龄段"},
    "scheme": {"en": "Scheme", "zh": "违规类型"},
    "(merged)": {"en": "(merged)", "zh": "（合并）"},
    "unknown": {"en": "unknown", "zh": "未知"},
    "none": {"en": "none", "zh": "无"},
}


def label_of(name: str, lang: Lang) -> str:
    """Return what an attribute is called."""
    if name in _WORDS:
        contract, column = _WORDS[name]
        return table(contract).columns[column].label(lang)
    return _OTHER[name][lang] if name in _OTHER else name


def group_label(attribute: str, group: str, lang: Lang) -> str:
    """Return what a group is called; a code that has no words stands for itself."""
    if attribute in _WORDS:
        contract, column = _WORDS[attribute]
        values = table(contract).columns[column].values
        if group in values:
            return values[group].text(lang)
    return _OTHER[group][lang] if group in _OTHER else group
