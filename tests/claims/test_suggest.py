"""How good drafts of mappings are for layouts that the program does not know: six invented ones."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from claims.draft_words import SuggestError
from claims.suggest import suggest_file
from tests.claims.draft_files import claims_file
from tests.claims.invented_layouts import LAYOUTS, write_layout

Found = tuple[str, str | None, str | None, bool]


@pytest.fixture(scope="module")
def found(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[tuple[str, str, list[Found]]]]:
    """For each layout and file: its table, the guessed one, and (header, truth, guess, sure)."""
    results: dict[str, list[tuple[str, str, list[Found]]]] = {}
    for layout in LAYOUTS:
        results[layout] = []
        for path in write_layout(layout, tmp_path_factory.mktemp(layout)):
            truth, columns = LAYOUTS[layout][path.name]
            made = suggest_file(path)
            got = {m.seen.name: m for m in made.matches}
            results[layout].append(
                (
                    truth,
                    made.table,
                    [
                        (h, t, got[h].column if h in got else None, h in got and got[h].sure)
                        for h, t, _ in columns
                    ],
                )
            )
    return results


@pytest.mark.parametrize(
    ("layout", "right", "wanted"),
    [
        ("english_his", 23, 23),
        ("chinese", 22, 22),
        ("pinyin", 25, 25),
        ("us_claims", 18, 18),
        ("held_out_camel", 17, 18),
        ("held_out_chinese", 19, 23),
    ],
)
def test_columns_that_are_right_at_first(
    layout: str, right: int, wanted: int, found: dict[str, list[tuple[str, str, list[Found]]]]
) -> None:
    columns = [c for _, _, file in found[layout] for c in file]
    assert [guess for _, guess, _ in found[layout]] == [truth for truth, _, _ in found[layout]]
    assert sum(t is not None for _, t, _, _ in columns) == wanted
    assert sum(t is not None and g == t for _, t, g, _ in columns) >= right
    # What is wrong carries a question mark, always; on these layouts nothing is wrong at all.
    assert not [c for c in columns if c[3] and c[1] != c[2]]
    assert not [c for c in columns if c[2] is not None and c[1] != c[2]]
    # A question at every line would be no help.
    assert sum(sure for *_, sure in columns) >= 0.6 * wanted


def test_the_order_of_columns_and_rows_does_not_matter(tmp_path: Path) -> None:
    (path, *_) = write_layout("us_claims", tmp_path, 60)
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = list(csv.reader(file))
    order = list(range(len(head)))
    random.Random(3).shuffle(order)
    random.Random(4).shuffle(rows)
    turned = tmp_path / "turned" / path.name
    turned.parent.mkdir()
    with turned.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([r[i] for i in order] for r in [head, *rows])
    one, other = suggest_file(path), suggest_file(turned)
    assert [(m.column, m.seen.name, m.score) for m in one.matches] == [
        (m.column, m.seen.name, m.score) for m in other.matches
    ]


def test_two_columns_that_could_both_be_meant_are_a_question(tmp_path: Path) -> None:
    days = [f"2024-03-{d:02d}" for d in range(1, 21)] * 2
    both = claims_file(tmp_path / "x.csv", ("settlement date", days), ("settlement time", days))
    (known,) = [m for m in suggest_file(both).matches if m.column == "known_at"]
    assert not known.sure
    assert known.others
    one = claims_file(tmp_path / "y.csv", ("settlement date", days))
    assert [m.sure for m in suggest_file(one).matches if m.column == "known_at"] == [True]
    vague = claims_file(tmp_path / "z.csv", ("bill settled on", days))
    assert [m.sure for m in suggest_file(vague).matches if m.column == "known_at"] == [False]


def test_files_that_cannot_be_drafted_say_why(tmp_path: Path) -> None:
    data = tmp_path / "x.csv"
    data.write_text("C1,2024-03-05,10.50\nC2,2024-03-06,11.50\n", "utf-8")
    with pytest.raises(SuggestError, match=r"x.csv: the first row looks like data") as caught:
        suggest_file(data)
    assert "首行像是数据" in caught.value.text("zh")
    assert "10.50" not in str(caught.value)
    data.write_text("C1,2024-03-05,x\nC2,2024-03-06,y\n", "utf-8")
    with pytest.raises(SuggestError, match="the first row looks like data"):
        suggest_file(data)
    data.write_text("claim id,total\n", "utf-8")
    with pytest.raises(SuggestError, match="no row below the header"):
        suggest_file(data)
    data.write_text("", "utf-8")
    with pytest.raises(SuggestError, match=r"x.csv: The file holds not even a header"):
        suggest_file(data)
