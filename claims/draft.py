"""A drafted mapping as TOML: what was found, why, and what is left for a person to decide.

In: suggestions for one or more files. Out: text that becomes a mapping when its questions are
answered; what would be a guess is written as ``?``, which ``read_mapping`` refuses. Values of cells
appear in code lists only, where a column has few short ones and its name or they themselves say
that it is coded.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from claims.contracts import Column, Lang, table
from claims.draft_words import evidence, percent, say, shown_names
from claims.fitting import able_by_content, code_of, is_coded, known_codes, national_code
from claims.mapping_model import ASSUMED, mappable
from claims.names import name_likeness, words
from claims.profiling import Profile
from claims.suggest import FileSuggestion, Match

Files = Sequence[FileSuggestion]
_ASKED = "?"
#: Sign of an amount -> currency and time zone that it speaks for.
_SIGNS = {"¥": ("CNY", "Asia/Shanghai"), "￥": ("CNY", "Asia/Shanghai"),
          "元": ("CNY", "Asia/Shanghai"), "$": ("USD", "America/New_York")}  # fmt: skip


@dataclass(frozen=True)
class Draft:
    """The text of a draft and how much of it is found, in question and missing."""

    text: str
    sure: int
    unsure: int
    missing: int


@dataclass(frozen=True)
class _Line:
    """One line of the draft for a contract column, with its reasons and its questions."""

    column: str
    body: str
    reasons: str
    questions: tuple[str, ...]

    def text(self) -> str:
        marks = f"  # ? {'; '.join(self.questions)}" if self.questions else ""
        return f"# {self.reasons}\n{self.column} = {{ {self.body} }}{marks}"


def quoted(text: str) -> str:
    """Return a TOML string; JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def draft(files: Files, name: str, lang: Lang) -> Draft:
    """Return the draft of a mapping for files; files of one table are mapped together."""
    tables: dict[str, list[FileSuggestion]] = {}
    for file in files:
        tables.setdefault(file.table, []).append(file)
    head, money = _head(files, name, lang)
    parts, lines, missing = [head], list[_Line](), 0
    for table_name in sorted(tables, key=lambda t: (t != "claims", t)):
        group = tables[table_name]
        found = [*_found_lines(table_name, group, money, lang)]
        guessed = _by_file_name(table_name, group, lang)
        have = {line.column for line in [*found, *guessed]}
        lacking = [c for c in group[0].missing if all(c in f.missing for f in group)]
        lacking = [c for c in lacking if c not in have]
        parts.append(_table(table_name, group, [*found, *guessed], lacking, lang))
        lines, missing = [*lines, *found, *guessed], missing + len(lacking)
    asked = sum(bool(line.questions) for line in lines)
    # Currency and time zone are always asked.
    return Draft("\n\n".join(parts) + "\n", len(lines) - asked, asked + 2, missing)


def _head(files: Files, name: str, lang: Lang) -> tuple[str, str]:
    """Return the head of the draft and the currency that it assumes ('?' where none is seen)."""
    seen = [p for f in files for p in (*(m.seen for m in f.matches), *f.unused)]
    signs = [s for p in seen for s in p.remove]
    chinese = any(re.search("[\u4e00-\u9fff]", p.name) for p in seen)
    currency, zone, reason = _ASKED, _ASKED, "reason_none"
    if signs:
        (currency, zone), reason = _SIGNS.get(signs[0], (_ASKED, _ASKED)), "reason_sign"
    elif chinese:
        (currency, zone), reason = _SIGNS["¥"], "reason_language"
    nulls = sorted({n for p in seen for n in p.nulls})
    named = ", ".join(_comment(f.file) for f in files)
    comments = say("head", lang, rows=max(f.rows for f in files), files=named)
    return "\n".join([
        *(f"# {line}" for line in comments.strip().splitlines()),
        f"name = {quoted(re.sub(r'[^A-Za-z0-9_-]', '_', name)[:40] or 'mapping')}",
        f"currency = {quoted(currency)}  # ? {say('currency', lang, reason=say(reason, lang))}",
        f"time_zone = {quoted(zone)}  # ? {say('zone', lang)}",
        f'unit = "claim"  # {say("unit", lang)}',
        f"nulls = [{', '.join(map(quoted, nulls))}]  # {say('nulls', lang)}",
    ]), currency  # fmt: skip


def _comment(text: str) -> str:
    """Return a name as it may stand in a comment: on one line."""
    return re.sub(r"\s+", " ", re.sub(r"[\x00-\x1f\x7f]", " ", text))


def _table(
    name: str, group: Files, lines: Sequence[_Line], lacking: Sequence[str], lang: Lang
) -> str:
    """Return the part of the draft for one table."""
    sure = "table_sure" if all(f.table_sure for f in group) else "table_unsure"
    files = ", ".join(_comment(f.file) for f in group)
    out = [f"# ---- {say(sure, lang, label=table(name).label(lang), files=files)}"]
    if lacking:
        out.append(f"# {say('missing_head', lang)} {', '.join(lacking)}")
    patterns = dict.fromkeys(_pattern(f.file) for f in group)
    out += [f"[tables.{name}]", f"files = [{', '.join(map(quoted, patterns))}]",
            f"[tables.{name}.columns]"]  # fmt: skip
    out += [_missing_line(name, column, group, lang) for column in lacking]
    order = list(mappable(name))
    out += [line.text() for line in sorted(lines, key=lambda x: order.index(x.column))]
    have = {line.column for line in lines}
    for column in sorted(ASSUMED.get(name, frozenset()) - have):
        label = shown_names([table(name).columns[column].label(lang)])
        out.append(f"# {say(f'assumed_{column}', lang, label=label)}")
    if absent := [c for c in order if c not in {*have, *lacking, *ASSUMED.get(name, ())}]:
        out.append(f"# {say('optional_head', lang)} {', '.join(absent)}")
    if unused := [p for f in group for p in f.unused]:
        out.append(f"# {say('unused_head', lang)}")
        out += [f"#   {quoted(p.name)}: {evidence(p, lang)}" for p in unused]
    return "\n".join(out)


def _pattern(file: str) -> str:
    """Return a pattern for files of the same kind: years, months and numbers in the name vary."""
    return re.sub(r"[0-9]{4,}([-_][0-9]{1,2})*", "*", glob.escape(file))


def _missing_line(name: str, column: str, group: Files, lang: Lang) -> str:
    """Return the commented line of a required column for which no name spoke."""
    target = table(name).columns[column]
    notes = [target.label(lang)]
    able = able_by_content([p for f in group for p in f.unused], target, table(name))[:5]
    if able:
        notes.append(say("missing_candidates", lang, names=shown_names(p.name for p in able)))
    if target.values:
        notes.append(say("missing_permitted", lang, values=", ".join(target.values)))
    way = f"from = {quoted(able[0].name if able else _ASKED)}"
    if target.values and not able:
        way = f"constant = {quoted(_ASKED)}"
    parts = [_formats(target, able[:1], lang)[0], _number(target, able[:1], "", lang)[0]]
    body = ", ".join([way, *filter(None, parts)])
    return f"# {column} = {{ {body} }}  # ? {'; '.join(notes)}"


def _found_lines(name: str, group: Files, currency: str, lang: Lang) -> Iterator[_Line]:
    """Yield a line for each column that any file of the table may give."""
    for column, target in mappable(name).items():
        matches = [m for f in group for m in f.matches if m.column == column]
        if matches:
            yield _line(name, target, matches, currency, lang)


def _line(name: str, target: Column, matches: Sequence[Match], currency: str, lang: Lang) -> _Line:
    """Return the line for a column; where files name it differently, the first that is filled."""
    sources = list(dict.fromkeys(m.seen.name for m in matches))
    origin = quoted(sources[0])
    if len(sources) > 1:
        origin = f"[{', '.join(map(quoted, sources))}]"
    body, asked = [f"from = {origin}"], list[str]()
    if not all(m.sure for m in matches):
        rivals = dict.fromkeys(n for m in matches for n, _ in m.others)
        asked.append(
            say("other_columns", lang, names=shown_names(rivals)) if rivals
            else say("ask_name", lang)
        )  # fmt: skip
    seen = [m.seen for m in matches if m.seen.filled]
    for part, question in (
        _formats(target, seen, lang), _codes(name, target, seen, lang),
        _number(target, seen, currency, lang),
    ):  # fmt: skip
        body += [part] if part else []
        asked += [question] if question else []
    reasons = "; ".join(
        f"{_comment(quoted(m.seen.name))}: {evidence(m.seen, lang, target.name)}" for m in matches
    )
    return _Line(target.name, ", ".join(body), f"{target.label(lang)} – {reasons}", tuple(asked))


Part = tuple[str, str]


def _formats(target: Column, seen: Sequence[Profile], lang: Lang) -> Part:
    if target.type not in ("date", "timestamp") or not seen:
        return "", ""
    formats = list(dict.fromkeys(f for p in seen for f in p.formats))
    for p in seen:
        if p.rivals:
            asked = say("ask_order", lang, one=p.rivals[0], other=p.rivals[1])
            return f"formats = [{quoted(_ASKED)}]", asked
    low = min(p.dates for p in seen)
    asked = say("ask_dates", lang, share=percent(low)) if low < 1 else ""
    return (
        "" if formats == ["%Y-%m-%d"] else f"formats = [{', '.join(map(quoted, formats))}]"
    ), asked


def _codes(name: str, target: Column, seen: Sequence[Profile], lang: Lang) -> Part:
    """Return the code list of a coded column; what is not known is asked, or not shown at all."""
    if not is_coded(target) or not seen:
        return "", ""
    texts = sorted({t for p in seen for t in p.values})
    permitted = list(target.values) or ["1", "0"]
    if texts and all(t in permitted for t in texts):
        return "", ""
    known = {t: c for t in texts if (c := code_of(t, target)) is not None}
    national = {t: c for t in texts if t not in known and (c := national_code(t, target))}
    rest = [t for t in texts if t not in known and t not in national]
    shown = [t for t in rest if all(_presentable(name, target, p, t) for p in seen)]
    pairs = {**known, **national, **dict.fromkeys(shown, _ASKED)}
    part = ", ".join(f"{quoted(t)} = {quoted(c)}" for t, c in sorted(pairs.items()))
    values = ", ".join(permitted)
    asked = [say("ask_national", lang)] if national else []
    if shown:
        asked.append(say("ask_codes", lang, values=values))
    if len(shown) < len(rest) or not texts:
        asked.append(say("ask_hidden", lang, values=values))
    return (f"codes = {{ {part} }}" if part else ""), "; ".join(asked)


def _presentable(name: str, target: Column, seen: Profile, text: str) -> bool:
    """Tell whether a value that nobody knows may be written: it must be a code, not someone.

    The column must be named as a coded one. A code of up to three letters or digits has to return;
    a longer text has to be frequent where most rows hold known codes, for a row that slipped by one
    field puts a name into any column.
    """
    times = seen.values.get(text, 0)
    if not times:
        return bool(seen.values)
    named = name_likeness(seen.name, name, target.name) >= 0.6
    if target.identity or target.private or not named:
        return False
    if re.fullmatch("[A-Za-z0-9]{1,3}", text):
        return times > 1
    known = sum(n for t, n in seen.values.items() if code_of(t, target) is not None)
    digits = re.sub("[^0-9]", "", text)
    return times >= 5 and known >= 0.5 * seen.filled and len(digits) < 5


def _number(target: Column, seen: Sequence[Profile], currency: str, lang: Lang) -> Part:
    """Return unit, signs and separators of an amount or quantity."""
    if target.unit == "1/1000":
        return 'unit = "piece"', ""
    if target.type != "money" or not seen:
        return "", ""
    parts, low = list[str](), min(p.numbers for p in seen)
    asked = say("ask_numbers", lang, share=percent(low)) if low < 1 else ""
    major, minor = {"CNY": ("yuan", "fen"), "USD": ("dollar", "cent")}.get(
        currency, ("major", "minor")
    )
    said = " ".join(p.name for p in seen)
    if re.search(r"万元", said):
        parts.append('unit = "ten_thousand_yuan"')
    elif re.search(r"[（(\[]分|\b(fen|cents?)\b|_(fen|cents?)\b", said, re.IGNORECASE):
        parts.append(f"unit = {quoted(minor)}")
    elif not any(p.places or p.remove for p in seen) and "元" not in said:
        parts.append(f"unit = {quoted(major)}")
        asked = say("ask_unit", lang, major=major, minor=minor)
    if signs := sorted({s for p in seen for s in p.remove}):
        parts.append(f"remove = [{', '.join(map(quoted, signs))}]")
    if any(p.thousands for p in seen):
        parts.append('thousands = ","')
    return ", ".join(parts), asked


def _by_file_name(name: str, group: Files, lang: Lang) -> list[_Line]:
    """Return the kind of claim where no column holds it and the files' names say it."""
    if name != "claims" or any("claim_type" not in f.missing for f in group):
        return []
    kinds = known_codes("claim_type", "text")
    said: Mapping[str, str] = {
        f.file: next(
            (c for t, c in kinds.items() if (len(t) > 2 and t in words(f.file))
             or (len(t) > 1 and not t.isascii() and t in f.file)), _ASKED)
        for f in group
    }  # fmt: skip
    if set(said.values()) == {_ASKED}:
        return []
    body = f"constant = {quoted(next(iter(said.values())))}"
    if len(set(said.values())) > 1:
        pairs = ", ".join(f"{quoted(f)} = {quoted(kind)}" for f, kind in said.items())
        body = f'from = "source_file", codes = {{ {pairs} }}'
    label = table(name).columns["claim_type"].label(lang)
    return [
        _Line("claim_type", body, f"{label} – {say('by_file', lang)}", (say("ask_name", lang),))
    ]
