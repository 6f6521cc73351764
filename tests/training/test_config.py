"""Experiment configs: everything shipped is valid, everything unknown is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.config import TREE_ROWS, ConfigError, TreeSettings, load_config, parse_config

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.mark.parametrize("path", sorted(EXPERIMENTS.glob("*.toml")), ids=lambda p: p.stem)
def test_shipped_experiments_are_valid_and_named_as_their_file(path: Path):
    assert load_config(path).name == path.stem


def test_unknown_keys_are_refused_all_at_once_with_what_is_allowed():
    raw = {"name": "x", "unit": "claim", "tree": {}, "trees": {"round": 1}, "splits": {"k": 2}}
    with pytest.raises(ConfigError) as caught:
        parse_config(raw)
    message = str(caught.value)
    assert "unknown key 'tree'; allowed are name, unit, detector, trees" in message
    assert "unknown key 'round' in [trees]; allowed are rounds" in message
    assert "unknown key 'k' in [splits]" in message


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ({"unit": "claim"}, "'name' is missing"),
        ({"name": "x", "unit": "pharmacy"}, "unit must be one of"),
        ({"name": "x", "unit": "claim", "trees": {"rounds": "many"}}, r"'trees\.rounds' must be"),
        ({"name": "x", "unit": "claim", "trees": {"rounds": True}}, r"'trees\.rounds' must be"),
        ({"name": "x", "unit": "claim", "trees": {"seeds": 3}}, r"'trees\.seeds' must be a list"),
        ({"name": "x", "unit": "claim", "trees": 3}, "'trees' must be a table"),
        ({"name": "x", "unit": "claim", "detector": {"floor": 0}}, r"detector\.floor"),
        ({"name": "x", "unit": "claim", "labels": {"min_positives": 1}}, r"labels\.min_positives"),
        (
            {"name": "x", "unit": "claim", "hybrid": {"slope": 0.1}},
            r"hybrid\.slope must be at least",
        ),
        ({"name": "x", "unit": "claim", "detector": {"kind": "isolation_forest"}}, "no sum"),
        ({"name": "x", "unit": "claim", "detector": {"lead": -1}}, r"detector\.violation"),
        ({"name": "x", "unit": "claim", "amount": {"leaves": 1}}, r"amount\.least, rounds"),
        ({"name": "x", "unit": "claim", "labels": {"power": 2}}, r"labels\.power"),
    ],
)
def test_wrong_values_are_refused(raw: dict, fault: str):
    with pytest.raises(ConfigError, match=fault):
        parse_config(raw)


def test_the_hash_follows_the_meaning_not_the_spelling():
    one = parse_config({"name": "x", "unit": "claim"})
    spelt_out = parse_config({"unit": "claim", "name": "x", "trees": {"lambda_l2": 1}})
    other = parse_config({"name": "x", "unit": "claim", "trees": {"lambda_l2": 1.5}})
    assert one.hash == spelt_out.hash != other.hash
    assert len(one.hash) == 64


def test_unreadable_files_are_named(tmp_path: Path):
    (tmp_path / "broken.toml").write_text("name = ", encoding="utf-8")
    for name in ("broken.toml", "absent.toml"):
        with pytest.raises(ConfigError, match=f"{name} cannot be read"):
            load_config(tmp_path / name)


def test_few_labels_get_small_trees():
    sizes = [TreeSettings().sized(n, 80_000) for n in (99, 100, 499, 500, 1999, 2000)]
    assert [(t.leaves, t.leaf_size) for t in sizes] == [
        (4, 10), (6, 10), (6, 24), (12, 25), (12, 99), (31, 100),
    ]  # fmt: skip
    assert {t.bagging_fraction for t in sizes} == {TreeSettings().bagging_fraction}
    fixed = TreeSettings(leaves=8, leaf_size=3).sized(10, 100)
    assert (fixed.leaves, fixed.leaf_size) == (8, 3)


def test_a_tree_sees_a_bounded_sample_of_many_rows_and_its_leaves_shrink_with_it():
    many = TreeSettings(bagging_fraction=0.8).sized(70_000, 1_000_000)
    assert many.bagging_fraction == TREE_ROWS / 1_000_000
    # 3,500 rows in a leaf of 800,000 are 437 of 100,000.
    assert many.leaf_size == 437
    assert TreeSettings(leaf_size=50).sized(70_000, 1_000_000).leaf_size == 50
