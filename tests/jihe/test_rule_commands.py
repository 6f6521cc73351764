"""``jihe rules``: explained in both languages, compared before activation, activated on record."""

from __future__ import annotations

import json

import pytest

from features.parameters import ParameterBook, ParameterError, read_book
from features.rules import rules
from jihe.home import Home
from jihe.rule_parameters import activate, value_rows
from jihe.rule_words import explain_rule
from sampling.ledger import Ledger


@pytest.fixture
def parameter_file(tmp_path):
    path = tmp_path / "city.toml"
    path.write_text(
        'version = "2026-11"\nregion = "3301"\nvalid_from = 2026-07-01\n'
        '[HANGING_BED]\nidle_days = { value = 4, source = "city notice" }\n'
    )
    return path


@pytest.mark.parametrize("rule", rules(), ids=[rule.id for rule in rules()])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_rule_is_explained(rule, lang):
    text = "\n".join(explain_rule(rule.id.lower(), ParameterBook(), lang))
    assert rule.label(lang) in text
    assert all(f"({name})" in text for name in rule.needs)
    assert all(f"{name} = {value}" in text for name, value in rule.parameters.items())
    assert "{" not in text


def test_an_unknown_rule_is_named():
    with pytest.raises(ParameterError, match="'NONE'"):
        explain_rule("NONE", ParameterBook(), "en")


def test_activation_is_recorded_and_shown(tmp_path, parameter_file):
    home = Home(tmp_path / "home")
    home.root.mkdir()
    assert activate(home, parameter_file).version == "2026-11"
    (row,) = value_rows(read_book(home.parameters))
    assert (row["rule"], row["value"], row["region"]) == ("HANGING_BED", "4", "3301")
    assert (row["valid_from"], row["valid_to"]) == ("2026-07-01", "")
    assert "idle_days = 4  (2026-11, 3301, 2026-07-01 – …; city notice)" in "\n".join(
        explain_rule("HANGING_BED", read_book(home.parameters), "en")
    )
    ledger = Ledger(home.ledger_url)
    assert ledger.head().count == 1
    assert not ledger.verify_trail()
    ledger.close()


def test_a_version_is_activated_once_and_a_faulty_file_never(tmp_path, parameter_file):
    home = Home(tmp_path / "home")
    home.root.mkdir()
    activate(home, parameter_file)
    with pytest.raises(ParameterError, match="new version"):
        activate(home, parameter_file)
    parameter_file.write_text('version = "next"\n[HANGING_BED]\nidle_days = 4\n')
    with pytest.raises(ParameterError, match="idle_days"):
        activate(home, parameter_file)
    assert len(list(home.parameters.iterdir())) == 1
    ledger = Ledger(home.ledger_url)
    assert ledger.head().count == 1
    ledger.close()


def test_rows_are_plain(tmp_path, parameter_file):
    home = Home(tmp_path)
    activate(home, parameter_file)
    assert json.dumps(value_rows(read_book(home.parameters)))
