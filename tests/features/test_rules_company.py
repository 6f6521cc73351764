"""The rule about groups that come together: three over three days, and whom it leaves alone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.features.companions import TRIO_DAYS, quiet_clinic, trio


@pytest.mark.parametrize(("people", "days", "hit"), [(3, 4, True), (2, 4, False), (3, 2, False)])
def test_the_rule_hits_groups_of_three_over_three_days(town, people, days, hit):
    quiet_clinic(town)
    trio(town, TRIO_DAYS[:days], ("a", "b", "c")[:people])
    found = town.judged("CO_VISIT_GROUP", "2024-07-01")
    assert found.hits == (dict.fromkeys(("a", "b", "c"), (2, 0)) if hit else {})
    if hit:
        assert all(len(found.evidence[who]) == days for who in found.hits)


@pytest.mark.parametrize("column", ["village_id", "employer_id"])
@pytest.mark.parametrize("shared", [2, 3])
def test_the_rule_leaves_a_village_or_a_firm_alone(town, column, shared):
    quiet_clinic(town)
    trio(town)
    for number, who in enumerate(("a", "b", "c")):
        town.add("insured", insured_id=who, sex="F", birth_date=date(1970, 1, 1),
                 **{column: "here" if number < shared else "there"})  # fmt: skip
    assert bool(town.judged("CO_VISIT_GROUP", "2024-07-01").hits) is (shared == 2)


def test_the_rule_leaves_people_on_the_list_alone(town):
    quiet_clinic(town)
    trio(town)
    town.add("whitelists", whitelist_id="w1", reason="care_home", insured_id="b",
             valid_from=date(2020, 1, 1), known_at=datetime(2020, 1, 1, tzinfo=UTC))  # fmt: skip
    assert not town.judged("CO_VISIT_GROUP", "2024-07-01").hits
