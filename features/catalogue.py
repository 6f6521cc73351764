"""The feature catalogue: the product's vocabulary, read from ``features/definitions``.

An entry is one or more *atoms* (portable SQL aggregates that return integers) and a *finishing*
function that turns the atoms into one number. The engine evaluates atoms, NumPy finishes, so that
every engine agrees to the last bit. ``{in}`` in an atom stands for "inside the window"; an entry
with several windows becomes one feature per window.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from claims.contracts import Lang

_DEFINITIONS = Path(__file__).parent / "definitions"
#: Definition file -> the entity that its features describe. The file's name says what the atoms
#: run over; each has one query builder in features.queries or features.profile_texts.
TABLES: Mapping[str, str] = {
    "claim": "claim", "history": "claim", "supply": "claim", "place": "claim", "peer": "claim",
    "institution": "institution", "doctor": "doctor", "doctor_day": "doctor",
    "employer": "employer", "contribution": "employer", "insured": "insured",
    "concentration": "institution", "admission": "institution", "ward": "institution",
    "case_mix": "institution",
    "habit": "insured", "meeting": "insured", "network_insured": "insured",
    "network_institution": "institution", "network_doctor": "doctor",
}  # fmt: skip
_KEYS = {
    "name", "windows", "atoms", "finish", "peer", "direction", "unit", "needs", "reason", "sees",
    "null_en", "null_zh", "en", "zh", "meaning_en", "meaning_zh",
}  # fmt: skip


class CatalogueError(ValueError):
    """A definition cannot be used as it stands."""


@dataclass(frozen=True)
class Feature:
    """One feature: how it is computed and what it means.

    Attributes:
        name: unique; ends in the window's days where there is a window.
        table: the definition file: what its atoms run over.
        window: days, half-open up to the claim or the as-of date; None where there is none.
        atoms: SQL of the integers it is finished from.
        finish: name of the finishing function in features.finishing.
        direction: +1 where high is suspicious, -1 where low is, 0 for either.
        needs: raw columns (``table.column``) without which it is not run.
        reason: code of the reason it belongs to.
        sees: what it is meant to see: the names of violation schemes (docs/simulator.md).
        null_en, null_zh: when the value is unknown, for a person.
    """

    name: str
    table: str
    window: int | None
    atoms: tuple[str, ...]
    finish: str
    direction: int
    unit: str
    needs: tuple[str, ...]
    reason: str
    sees: tuple[str, ...]
    null_en: str
    null_zh: str
    en: str
    zh: str
    meaning_en: str
    meaning_zh: str

    @property
    def entity(self) -> str:
        """What it describes: claim, institution, doctor, employer or insured."""
        return TABLES[self.table]

    def label(self, lang: Lang) -> str:
        """Return the short name for a person."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Reason:
    """A reason code and its sentence in both languages."""

    code: str
    en: str
    zh: str

    def text(self, lang: Lang) -> str:
        """Return the sentence in ``lang``."""
        return self.zh if lang == "zh" else self.en


def _expand(table: str, raw: Mapping[str, Any]) -> list[Feature]:
    unknown = sorted(set(raw) - _KEYS)
    if unknown:
        raise CatalogueError(f"Feature '{raw.get('name')}' ({table}): unknown keys {unknown}.")
    features = []
    for window in raw.get("windows", [None]):
        suffix = f"_{window}" if window else ""
        days = (
            {"en": f", {window} days", "zh": f"（{window}天）"} if window else {"en": "", "zh": ""}
        )
        base = Feature(
            name=raw["name"] + suffix, table=table, window=window, atoms=tuple(raw["atoms"]),
            finish=raw["finish"], direction=raw.get("direction", 0), unit=raw["unit"],
            needs=tuple(raw.get("needs", ())), reason=raw["reason"],
            sees=tuple(raw.get("sees", ())),
            null_en=raw.get("null_en", "no data"), null_zh=raw.get("null_zh", "没有数据"),
            en=raw["en"] + days["en"], zh=raw["zh"] + days["zh"],
            meaning_en=raw["meaning_en"], meaning_zh=raw["meaning_zh"],
        )  # fmt: skip
        features.append(base)
        features += [_peer_version(base, kind) for kind in _peer_kinds(raw.get("peer"), window)]
    return features


def _peer_kinds(wanted: Any, window: int | None) -> list[str]:
    """Return the comparisons of a feature: ``true`` is the robust z of every window.

    A list names comparisons of every window, a table the windows of each.
    """
    if wanted is True:
        return ["z"]
    if isinstance(wanted, Mapping):
        return [kind for kind, windows in wanted.items() if window in windows]
    return list(wanted or ())


#: Comparison -> what it adds to name, unit and texts. The robust z keeps the bare name.
_PEER_WORDS: Mapping[str, Mapping[str, str]] = {
    "z": {
        "suffix": "_peer", "unit": "robust z", "en": ", against peers", "zh": "，与同类比较",
        "meaning_en": " Robust z-score among {en}.", "meaning_zh": "在{zh}内的稳健z值。",
    },
    "rank": {
        "suffix": "_peer_rank", "unit": "percentile", "en": ", percentile among peers",
        "zh": "，同类百分位", "meaning_en": " Percentile among {en}.",
        "meaning_zh": "在{zh}内的百分位。",
    },
    "ratio": {
        "suffix": "_peer_ratio", "unit": "times", "en": ", ratio to peers", "zh": "，与同类之比",
        "meaning_en": " Ratio to {en}, drawn towards 1 where few cases stand behind it.",
        "meaning_zh": "与{zh}之比，例数少时向1收缩。",
    },
    "excess": {
        "suffix": "_peer_excess", "unit": "log ratio", "en": ", beyond peers", "zh": "，超出同类",
        "meaning_en": " Less the median of {en}.", "meaning_zh": "减去{zh}的中位数。",
    },
}  # fmt: skip
#: Entity -> with whom it is compared, and when there is nobody (features.peers).
_PEERS: Mapping[str, tuple[str, str, str, str]] = {
    "institution": (
        "institutions of its class and level", "同类别同等级机构",
        "fewer than 5 institutions to compare with", "可比机构不足5家",
    ),
    "doctor": (
        "doctors of the specialty at places of the class", "同类机构同科别医师",
        "fewer than 5 doctors to compare with", "可比医师不足5名",
    ),
    "employer": (
        "employers of its kind and industry", "同类型同行业单位",
        "fewer than 5 employers to compare with", "可比单位不足5家",
    ),
    "insured": (
        "persons of the age band, sex and chronic status", "同年龄段同性别同慢病状态的参保人",
        "fewer than 30 persons to compare with", "可比参保人不足30人",
    ),
}  # fmt: skip


def _peer_version(base: Feature, kind: str) -> Feature:
    words = _PEER_WORDS[kind]
    en, zh, null_en, null_zh = _PEERS[base.entity]
    return replace(
        base,
        name=base.name + words["suffix"],
        finish=("peer:" if kind == "z" else f"peer_{kind}:") + base.finish,
        unit=words["unit"],
        en=base.en + words["en"],
        zh=base.zh + words["zh"],
        meaning_en=base.meaning_en + words["meaning_en"].format(en=en),
        meaning_zh=base.meaning_zh + words["meaning_zh"].format(zh=zh),
        null_en=null_en,
        null_zh=null_zh,
    )


@cache
def catalogue() -> tuple[Feature, ...]:
    """Return every feature, in the order of tables and definitions; names are unique."""
    features: list[Feature] = []
    for table in TABLES:
        raw = tomllib.loads((_DEFINITIONS / f"{table}.toml").read_text(encoding="utf-8"))
        for body in raw.get("feature", ()):
            features += _expand(table, body)
    names = [feature.name for feature in features]
    if len(set(names)) != len(names):
        raise CatalogueError(
            f"Feature names repeat: {sorted({n for n in names if names.count(n) > 1})}."
        )
    unknown = {f.reason for f in features} - set(reasons())
    if unknown:
        raise CatalogueError(f"Features name unknown reasons: {sorted(unknown)}.")
    return tuple(features)


@cache
def reasons() -> Mapping[str, Reason]:
    """Return every reason by code."""
    raw = tomllib.loads((_DEFINITIONS / "reasons.toml").read_text(encoding="utf-8"))
    return {code: Reason(code, text["en"], text["zh"]) for code, text in raw.items()}


def of(table: str, features: Sequence[Feature] | None = None) -> tuple[Feature, ...]:
    """Return the features of one definition file."""
    return tuple(f for f in (catalogue() if features is None else features) if f.table == table)


@cache
def catalogue_version() -> str:
    """Return the digest of all that changes a feature's value: 16 hex digits of SHA-256."""
    from features import network, profile_texts, queries  # the builders read the catalogue

    entries = [[f.name, f.table, f.window, f.atoms, f.finish, f.direction] for f in catalogue()]
    body = [entries, queries.all_texts(catalogue()), profile_texts.all_texts(catalogue())]
    body.append([["network", network.VERSION]])
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
