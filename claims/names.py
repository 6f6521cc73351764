"""How alike the name of a file's column and a column of a contract are.

In: a header cell. Out: 0 to 1 for each contract column. Names are compared after abbreviations are
written out (``synonyms.toml``), in English by shared words (Dice's coefficient, words such as "id"
and "date" counting less), in Chinese by shared pairs of characters, and by pinyin initials.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from claims.contracts import table

_LIGHT = frozenset({"id", "date", "amount", "type", "claim"})
#: Endings that Chinese systems use for an identifier or code, and for a time.
_IDS = ("编码", "代码", "编号", "号码", "工号", "ID", "id", "号")
_TIMES = ("日期", "时间")
#: First character of each pinyin initial in the first level of GB 2312, which is in that order.
_INITIALS = "啊芭擦搭蛾发噶哈击喀垃妈拿哦啪期然撒塌挖昔压匝"
_LETTERS = "abcdefghjklmnopqrstwxyz"
#: A column that is only called "id" may be the key of its table; a person has to say so.
_OWN_ID = 0.7
_EXACT, _SAME_WORDS, _SHARED, _APART = 1.0, 0.97, 0.9, 0.35


@cache
def synonyms() -> Mapping[str, Any]:
    """Return the lists of ``synonyms.toml``."""
    path = Path(__file__).with_name("synonyms.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def _canonical() -> Mapping[str, str]:
    words: dict[str, str] = {}
    for word, variants in synonyms()["words"].items():
        words |= {word: word} | dict.fromkeys(variants, word)
    return words


@cache
def _vocabulary() -> frozenset[str]:
    """Return the words into which a run of letters may be cut."""
    english = (n for body in synonyms()["columns"].values() for n in body["en"])
    written = {word for name in english for word in name.split() if len(word) > 3}
    return frozenset({w for w in _canonical() if len(w) > 1} | written) - {"on", "at", "to"}


def _cut(run: str) -> list[str]:
    """Cut a run of letters into the fewest known words; as it is where that cannot be done."""
    best: dict[int, list[str]] = {0: []}
    for end in range(1, len(run) + 1):
        ways = [[*best[start], run[start:end]] for start in best if run[start:end] in _vocabulary()]
        if ways:
            best[end] = min(ways, key=len)
    return best.get(len(run)) or [run]


@cache
def words(header: str) -> frozenset[str]:
    """Return the words of an English name, abbreviations written out."""
    spaced = re.sub(r"([a-z])([A-Z])|([A-Za-z])(?=[0-9])", r"\1\3 \2", header)
    found = re.findall("[a-z]+|[0-9]+", spaced.casefold())
    known = _canonical()
    found = [w[:-1] if w not in known and w[:-1] in known and w[-1] == "s" else w for w in found]
    parts = (p for w in found for p in ([w] if w in known or w.isdigit() else _cut(w)))
    # A number apart from 1 makes another column: the second diagnosis is not the diagnosis.
    kept = ((known.get(p, p) if not p.isdigit() else f"#{int(p)}") for p in parts)
    return frozenset(k for k in kept if k not in ("#1", "of", "the", "in"))


def _weight(found: frozenset[str]) -> float:
    return sum(0.4 if w in _LIGHT else 1.0 for w in found)


def _differs(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether one name has a word that makes it something else, and the other has not."""
    apart = {_canonical().get(w, w) for w in synonyms()["apart"]["words"]}
    return any(w in apart or w.startswith("#") for w in one ^ other)


def english_likeness(header: str, name: str) -> float:
    """Return how alike two English names are."""
    if _squashed(header) == _squashed(name):
        return _EXACT
    one, other = words(header), words(name)
    if not one or not other:
        return 0.0
    if one == other:
        return _SAME_WORDS
    alike = _SHARED * 2 * _weight(one & other) / (_weight(one) + _weight(other))
    return alike * (_APART if _differs(one, other) else 1.0)


def _squashed(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _chinese(name: str) -> str:
    """Return the Chinese name without brackets, endings for codes and times made alike."""
    plain = re.sub(r"[（(\[【].*?[)）\]】]|[\s_\-/]", "", name)
    for ending in _IDS[:-1]:
        plain = plain.replace(ending, "号")
    for ending in _TIMES:
        plain = plain.replace(ending, "时")
    return plain.replace("帐户", "账户").replace("医生", "医师").replace("标识", "标志")


def chinese_likeness(header: str, name: str) -> float:
    """Return how alike two Chinese names are."""
    if header == name:
        return _EXACT
    one, other = _chinese(header), _chinese(name)
    if one == other:
        return _SAME_WORDS
    pairs, others = (({a + b for a, b in pairwise(t)} or {t}) for t in (one, other))
    alike = _SHARED * 2 * len(pairs & others) / (len(pairs) + len(others))
    if len(other) > 1 and other in one:
        alike = max(alike, 0.6 + 0.3 * len(other) / len(one))
    apart = [w for w in synonyms()["apart"]["zh"] if (w in one) != (w in other)]
    return alike * (_APART if apart else 1.0)


@cache
def pinyin_initials(name: str) -> str:
    """Return the pinyin initials of a Chinese name, by the order of GB 2312; empty if unknown."""
    bounds = [c.encode("gb2312") for c in _INITIALS]
    letters = []
    for character in name:
        if character.isascii() and character.isalpha():
            letters.append(character.casefold())
            continue
        try:
            code = character.encode("gb2312")
        except UnicodeEncodeError:
            return ""
        if not bounds[0] <= code < b"\xd7\xfa":
            return ""
        letters.append(_LETTERS[sum(b <= code for b in bounds) - 1])
    return "".join(letters)


@cache
def _variants(name: str) -> frozenset[str]:
    """Return the pinyin initials of a name and of its other usual endings."""
    ways = {name}
    for endings in (_IDS, _TIMES):
        if ending := next((e for e in endings if name.endswith(e)), ""):
            ways |= {name.removesuffix(ending) + e for e in endings}
            break
    if not ending:
        ways |= {name + e for e in ("编码", "代码", "金额")}
    return frozenset(pinyin_initials(w) for w in ways) - {""}


def _initials_likeness(header: str, name: str) -> float:
    letters = re.sub("[^a-z]", "", header.casefold())
    if len(letters) < 2 or letters not in _variants(name):
        return 0.0
    exact = letters == pinyin_initials(name)
    return (0.85 if len(letters) > 2 else 0.75) - (0.0 if exact else 0.1)


@cache
def _names(table_name: str, column: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the English and Chinese names under which a contract column may be found."""
    contract = table(table_name).columns[column]
    listed = synonyms()["columns"]
    own = listed.get(f"{table_name}.{column}") or listed.get(column) or {"en": [], "zh": []}
    english = [column, contract.nhsa, contract.en, *own["en"]]
    return tuple(n for n in english if n), (contract.zh, *own["zh"])


@cache
def name_likeness(header: str, table_name: str, column: str) -> float:
    """Return how alike a header cell and the names of a contract column are, 0 to 1."""
    english, chinese = _names(table_name, column)
    if words(header) == {"id"} and table(table_name).key[0] == column:
        return _OWN_ID
    if re.search("[\u4e00-\u9fff]", header):
        return max(chinese_likeness(header, name) for name in chinese)
    return max(
        *(english_likeness(header, name) for name in english),
        *(_initials_likeness(header, name) for name in chinese),
    )


def table_likeness(file_stem: str, table_name: str) -> float:
    """Return 1 where a file's name says which table it is, else 0."""
    own = synonyms()["tables"].get(table_name, {"en": [], "zh": []})
    said = words(file_stem)
    hit = any(words(name) <= said for name in own["en"]) or any(n in file_stem for n in own["zh"])
    return float(hit)
