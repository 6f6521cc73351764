"""Parameters by region and period: each claim is judged once, by the values that hold for it."""

from __future__ import annotations

from datetime import date

import pytest

from features.build import build
from features.effects import effects
from features.online import OnlineFeatures, claim_row
from features.parameters import ParameterBook, ParameterError, read_book, read_parameters
from features.published import write_features
from features.rules import rules, rules_version

RULE = "FREQUENT_OUTPATIENT"
RULES = {rule.id: rule for rule in rules()}


def file(tmp_path, name: str = "a", *, limit: int = 2, head: str = ""):
    """Write a file that changes how many claims in a month are too many."""
    path = tmp_path / f"{name}.toml"
    path.write_text(
        f'version = "{name}"\n{head}\n[{RULE}]\n'
        f'claims_30d = {{ value = {limit}, source = "notice" }}\n'
    )
    return path


def visits(town, number: int = 4, month: int = 3) -> list[str]:
    """Plant a visit every three days; each knows those before it."""
    return [town.claim(f"2024-{month:02}-{1 + 3 * n:02} 10:00") for n in range(number)]


def hit(town, book: ParameterBook) -> set[str]:
    made = build(town.store(), date(2024, 12, 1), book=book)
    rows = made.con.execute("SELECT claim_id FROM rule_hits WHERE rule_id = ?", [RULE]).fetchall()
    return {claim_id for (claim_id,) in rows}


def test_values_of_a_file_replace_the_defaults(town, tmp_path):
    planted = visits(town)
    assert hit(town, ParameterBook()) == set()
    book = ParameterBook((read_parameters(file(tmp_path, limit=3)),))
    # The limit counts the claim itself: its third visit is too many, and so is its fourth.
    assert hit(town, book) == set(planted[2:])


def test_a_period_is_half_open_and_by_service_day(town, tmp_path):
    planted = visits(town)  # 1, 4, 7 and 10 March
    head = "valid_from = 2024-03-07\nvalid_to = 2024-03-10"
    book = ParameterBook((read_parameters(file(tmp_path, limit=2, head=head)),))
    assert hit(town, book) == {planted[2]}


def test_a_region_is_the_beginning_of_the_district(town, tmp_path):
    planted = visits(town)  # at o1, district d1
    for region, found in (("d", planted[1:]), ("d1", planted[1:]), ("d12", []), ("e", [])):
        head = f'region = "{region}"'
        book = ParameterBook((read_parameters(file(tmp_path, limit=2, head=head)),))
        assert hit(town, book) == set(found), region


def test_the_file_activated_last_goes_before(town, tmp_path):
    planted = visits(town)
    strict = read_parameters(file(tmp_path, "a", limit=2))
    lax = read_parameters(file(tmp_path, "b", limit=50, head="valid_from = 2024-03-07"))
    assert hit(town, ParameterBook((strict, lax))) == {planted[1]}
    assert hit(town, ParameterBook((lax, strict))) == set(planted[1:])


def test_files_are_in_force_in_the_order_of_their_names(tmp_path):
    file(tmp_path, "0002-b"), file(tmp_path, "0001-a")
    assert [one.version for one in read_book(tmp_path).sets] == ["0001-a", "0002-b"]
    assert read_book(tmp_path / "none").sets == ()


def test_the_version_covers_every_value(tmp_path):
    books = [ParameterBook((read_parameters(file(tmp_path, limit=n)),)) for n in (2, 3)]
    versions = {ParameterBook().version, *(book.version for book in books)}
    assert len(versions) == 3
    assert ParameterBook().version == rules_version()
    assert ParameterBook.from_json(books[0].to_json()) == books[0]


def test_online_judges_by_the_same_values(town, tmp_path):
    planted = visits(town)
    book = ParameterBook((read_parameters(file(tmp_path, limit=3)),))
    store = town.store()
    made = build(store, date(2024, 12, 1), book=book)
    write_features(made, tmp_path / "f.sqlite", made.matrix("claim").names)
    online = OnlineFeatures(tmp_path / "f.sqlite")
    claims = {row["claim_id"]: row for row in store.read("claims").to_pylist()}
    for place, claim_id in enumerate(planted):
        found = {h.rule_id for h in online.row(claim_row(claims[claim_id], made.zone)).hits}
        assert (RULE in found) is (place >= 2)
    online.close()


def test_the_effect_counts_what_the_last_quarter_would_gain_and_lose(town, tmp_path):
    visits(town, 4, month=1), visits(town, 4, month=6)
    book = ParameterBook((read_parameters(file(tmp_path, limit=2)),))
    (one,) = effects(town.store(), date(2024, 8, 1), ParameterBook(), book)
    # In June the second, third and fourth; each has 10,000 at stake or less.
    assert (one.rule_id, one.before, one.after, one.gone, one.new) == (RULE, 0, 3, 0, 3)
    (back,) = effects(town.store(), date(2024, 8, 1), book, ParameterBook())
    assert (back.before, back.after, back.gone, back.new) == (3, 0, 3, 0)
    assert back.amount_before == one.amount_after > 0
    assert effects(town.store(), date(2024, 8, 1), book, book) == []


@pytest.mark.parametrize(("body", "told"), [
    ("version = 3", "'version'"),
    ('version = "a"', "changes no rule"),
    ('version = "a"\nregion = "d\'1"\n[X]', "'region'"),
    ('version = "a"\nvalid_from = 2024-01-01\nvalid_to = 2024-01-01\n[X]', "before 'valid_to'"),
    ('version = "a"\nvalid_from = "2024-01-01"\n[X]', "must be dates"),
    ('version = "a"\n[NO_RULE]\nx = 1', "no rule 'NO_RULE'"),
    (f'version = "a"\n[{RULE}]\nx = {{ value = 1, source = "s" }}', "no parameter 'x'"),
    (f'version = "a"\n[{RULE}]\nclaims_30d = 1', "value = …"),
    (f'version = "a"\n[{RULE}]\nclaims_30d = {{ value = 1.5, source = "s" }}', "whole number"),
    (f'version = "a"\n[{RULE}]\nclaims_30d = {{ value = true, source = "s" }}', "whole number"),
    (f'version = "a"\n[{RULE}]\nclaims_30d = {{ value = 1, source = " " }}', "'source'"),
    ("version = ", "no TOML"),
])  # fmt: skip
def test_a_fault_of_a_file_is_named(tmp_path, body, told):
    (tmp_path / "p.toml").write_text(body)
    with pytest.raises(ParameterError, match=r"p\.toml") as error:
        read_parameters(tmp_path / "p.toml")
    assert told in str(error.value)


def test_every_fault_is_told_at_once(tmp_path):
    (tmp_path / "p.toml").write_text(f"[NO_RULE]\n[{RULE}]\nx = 1\nclaims_30d = 1\n")
    with pytest.raises(ParameterError) as error:
        read_parameters(tmp_path / "p.toml")
    assert all(word in str(error.value) for word in ("'version'", "NO_RULE", "'x'", "claims_30d"))
