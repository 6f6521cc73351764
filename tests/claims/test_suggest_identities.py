"""What a draft never holds: names, numbers of people, codes that nobody called codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from claims.contracts import LANGS, Lang
from claims.draft import draft
from claims.profiling import profile
from claims.suggest import FileSuggestion, Match, suggest
from tests.claims.draft_files import claims_file, drafted, written_file

NAME, PHONE, CARD = "司徒金丝雀", "19912345678", "110101199001017777"


@pytest.mark.parametrize("rows", [4, 40])
@pytest.mark.parametrize("lang", LANGS)
def test_no_identity_is_ever_written(lang: Lang, rows: int, tmp_path: Path) -> None:
    half = rows // 2
    names = [NAME, "欧阳金丝雀"] * half
    columns = [
        ("patient name", names),
        ("sex", names),
        ("visit type", [NAME, PHONE] * half),
        ("phone", [PHONE] * rows),
        ("department", names),
        ("insurance type", [CARD] * rows),
        ("birth date", ["1990-01-01"] * rows),
        ("doctor id", [NAME, PHONE] * half),
        ("chronic", [NAME, ""] * half),
        ("diagnosis", [CARD, ""] * half),
        ("remarks", names),
        ("单价", [PHONE] * rows),
        ("drg", names),
    ]
    claims = claims_file(tmp_path / "claims.csv", *columns, rows=rows)
    people = written_file(
        tmp_path / "people.csv",
        ("patient id", [f"CANARY{i}" for i in range(rows)]),
        ("sex", names),
        ("chronic", [PHONE, NAME] * half),
        ("birth date", ["1990-01-01"] * rows),
    )
    for paths in ([claims, people], [claims], [people]):
        text = drafted(paths, lang)
        for needle in (NAME, "欧阳金丝雀", PHONE, CARD, "CANARY", "1990", "C1", "P1", "H1"):
            assert needle not in text, needle


def test_short_names_in_a_coded_column_are_not_written(tmp_path: Path) -> None:
    """Few short returning texts look like codes; without a name that says so they stay hidden."""
    seen = [profile("医保类别姓名", ["王五", "李四"] * 50), profile("patient id", ["a", "b"] * 50)]
    text = draft([suggest("x.csv", seen, 100, "insured")], "mine", "en").text
    assert "王五" not in text


def test_codes_are_shown_only_where_the_name_says_that_there_are_codes() -> None:
    seen = [profile(name, ["AB", "CD"] * 50) for name in ("gender", "qwzx")]
    for one, shown in zip(seen, (True, False), strict=True):
        made = FileSuggestion("x.csv", "insured", True, 100, (Match("sex", one, 0.6),), ())
        assert ('"AB"' in draft([made], "mine", "en").text) is shown
