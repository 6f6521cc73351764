"""The simulator's parameters: all faults at once, a user's own file, folders and extremes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from claims.simulator.county import Parameters, SimulationError, simulate
from tests.claims.simulated_county import tiny


def test_unknown_and_wrong_parameters_are_refused_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'start = 2024-01-15\n[care]\nvisits = 3\nstays_per_year = "many"\n'
        "[schemes.overpriced]\nshare = 1.5\nenabled = 1\nactors = 2.5\n"
        "[schemes.nonsense]\nshare = 0.1\n",
        encoding="utf-8",
    )
    with pytest.raises(SimulationError) as caught:
        Parameters.load(path)
    text = str(caught.value)
    for expected in (
        "'care.visits'",
        "'care.stays_per_year' must be a number",
        "'schemes.overpriced.share' must lie between 0 and 1",
        "'schemes.overpriced.enabled' must be true or false",
        "'schemes.overpriced.actors' must be a whole number",
        "'schemes.nonsense'",
        "'start' must be the first of a month",
    ):
        assert expected in text


def test_a_users_file_overrides_only_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[schemes.overpriced]\nenabled = false\n", encoding="utf-8")
    mine, shipped = Parameters.load(path), Parameters.load(None)
    assert not mine.schemes["overpriced"].enabled
    assert mine.schemes["overpriced"].share == shipped.schemes["overpriced"].share
    assert mine.care == shipped.care
    with pytest.raises(SimulationError, match="does not exist"):
        Parameters.load(tmp_path / "absent.toml")
    with pytest.raises(SimulationError, match="no scheme wishful"):
        shipped.only("wishful")


def test_a_folder_in_use_and_silly_sizes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(SimulationError, match="not an empty folder") as caught:
        simulate(tmp_path / "used", insured=1, faults=2.0)
    assert "'insured'" in str(caught.value)
    assert "'faults'" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["used"]
    (tmp_path / "empty").mkdir()
    steps: list[tuple[str, float]] = []
    tiny(tmp_path / "empty", seed=1, progress=lambda step, share: steps.append((step, share)))
    assert (tmp_path / "empty" / "setl_list.csv").exists()
    assert [share for _, share in steps] == sorted(share for _, share in steps)
    assert steps[-1] == ("done", 1.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "used"]


def _changed(**tables: dict[str, float]) -> Parameters:
    """The shipped parameters with some values of some tables replaced."""
    shipped = Parameters.load(None)
    return replace(
        shipped, **{name: replace(getattr(shipped, name), **new) for name, new in tables.items()}
    )


EXTREMES = {
    "nobody_comes": _changed(
        care={"visits_per_year": 0.0, "chronic_visits_per_year": 0.0, "swipes_per_year": 0.0}
    ),
    "nobody_is_admitted": _changed(
        care={"stays_per_year": 0.0}, people={"births_per_year": 0.0, "chemotherapy_share": 0.0}
    ),
    "nobody_is_ill": _changed(
        people={"chronic_share": 0.0, "dialysis_share": 0.0, "care_home_share": 0.0}
    ),
    "only_men_at_home": _changed(people={"female_share": 0.0, "employee_share": 0.0}),
    "only_women_at_work": _changed(people={"female_share": 1.0, "employee_share": 1.0}),
    "everybody_leaves": _changed(care={"doctor_turnover": 1.0, "leave_share": 1.0}),
    "no_policy_ever": _changed(
        policy={"community_month": 400, "tender_month": 400, "drg_month": 400, "trace_month": 400}
    ),
    "no_history": _changed(history={"past_cases_per_year": 0.0, "looked_at_share": 0.0}),
    "everything_told": _changed(history={"looked_at_share": 1.0, "tip_off_share": 1.0}),
}


@pytest.mark.parametrize("name", EXTREMES)
def test_extreme_counties_are_simulated(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "county"
    summary = simulate(
        folder, insured=300, months=6, institutions=6, pharmacies=3, seed=2,
        parameters=EXTREMES[name],
    )  # fmt: skip
    assert summary.files["setl_list.csv"] > 0
    assert (folder / "truth" / "county.json").exists()
