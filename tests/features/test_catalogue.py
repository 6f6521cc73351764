"""The catalogue says of every feature and rule what a person and an engine need to know."""

from __future__ import annotations

import dataclasses

import pytest
import sqlglot
from sqlglot import exp

from claims.contracts import tables
from claims.simulator.schemes import NAMES as SCHEMES
from features import catalogue as module
from features import profile_texts, queries
from features.catalogue import TABLES, catalogue, catalogue_version, reasons
from features.finishing import FINISHING
from features.rules import LEVELS, rules, rules_version

#: What DuckDB, SQLite and Spark compute alike on integers and text.
PORTABLE = (
    exp.Count, exp.Sum, exp.Min, exp.Max, exp.Distinct, exp.Filter, exp.Where, exp.Case, exp.If,
    exp.Coalesce, exp.Cast, exp.DataType, exp.Column, exp.Identifier, exp.Literal, exp.Null,
    exp.And, exp.Or, exp.Not, exp.Is, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In,
    exp.Add, exp.Sub, exp.Mul, exp.IntDiv, exp.Mod, exp.Neg, exp.DPipe, exp.Paren, exp.Alias,
    exp.Select, exp.From, exp.Join, exp.Table, exp.TableAlias, exp.Subquery, exp.Group, exp.Having,
    exp.Exists, exp.Union, exp.Star, exp.Placeholder, exp.Parameter, exp.Var, exp.Distinct,
    exp.Substring, exp.Length, exp.With, exp.CTE,
)  # fmt: skip
LOOKS_BACK = (
    exp.With, exp.CTE, exp.Window, exp.WindowSpec, exp.Lag, exp.RowNumber, exp.Order, exp.Ordered,
)  # fmt: skip
#: What describes, and is meant to see nothing by itself.
NO_SCHEME: set[str] = set()
IN_ATOMS = tuple(set(PORTABLE) - {exp.IntDiv})


def foreign(sql: str, allowed: tuple[type, ...] = PORTABLE) -> set[str]:
    """Return the names of the constructs that are not portable."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    return {type(node).__name__ for node in tree.walk() if type(node) not in allowed}


FEATURES = catalogue()
NAMES = [feature.name for feature in FEATURES]


def test_size_and_names():
    assert len(NAMES) >= 300
    assert len(set(NAMES)) == len(NAMES)
    assert {f.table for f in FEATURES} <= set(TABLES)
    assert not {f"rule_{r.id.lower()}" for r in rules()} & set(NAMES)


@pytest.mark.parametrize("feature", FEATURES, ids=NAMES)
def test_a_feature_says_all(feature):
    for text in ("en", "zh", "meaning_en", "meaning_zh", "unit", "null_en", "null_zh"):
        assert getattr(feature, text).strip()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in feature.zh + feature.meaning_zh)
    assert feature.label("zh") == feature.zh
    assert feature.label("en") == feature.en
    assert feature.direction in (-1, 0, 1)
    assert feature.reason in reasons()
    assert feature.finish.split(":")[-1] in FINISHING


@pytest.mark.parametrize("owner", [*FEATURES, *rules()], ids=[*NAMES, *(r.id for r in rules())])
def test_needs_are_in_the_contracts(owner):
    for need in owner.needs:
        name, column = need.split(".")
        assert column in tables()[name].columns
        assert tables()[name].stage in ("raw", "reference")


@pytest.mark.parametrize("feature", FEATURES, ids=NAMES)
def test_atoms_are_portable(feature):
    for atom in feature.atoms:
        inside = atom.replace("{in}", "h.service_day >= d.as_of_day - 30")
        assert not foreign(f"SELECT {inside}", IN_ATOMS)
        assert "/" not in atom


@pytest.mark.parametrize("sql", [
    "SELECT median(x)", "SELECT a / b", "SELECT list(x)", "SELECT quantile_cont(x, 0.5)",
    "SELECT ln(x)", "SELECT arg_max(a, b)", "SELECT now()", "SELECT sum(x) OVER ()",
    "SELECT stddev_pop(x)", "SELECT random()",
])  # fmt: skip
def test_the_check_finds_what_is_not_portable(sql):
    assert foreign(sql)


def test_whole_texts_are_portable():
    texts = [
        queries.facts_sql(),
        *queries.history_parts().values(),
        *queries.claim_texts(FEATURES).values(),
    ]
    for text in texts:
        assert not foreign(text)


@pytest.mark.parametrize("entity", queries.PROFILE_KEYS)
def test_profile_texts_are_portable(entity):
    """A profile may look back and count in a total order (LAG, ROW_NUMBER), as Spark can too."""
    plain = [f for f in FEATURES if not f.finish.startswith("peer")]
    for text in profile_texts.profile_texts(plain, entity).values():
        assert not foreign(text, (*PORTABLE, *LOOKS_BACK))
        assert "LAG(" in queries.dialect(text, "spark") or "LAG(" not in text


def test_every_definition_file_of_a_profile_is_read():
    plain = [f for f in FEATURES if not f.finish.startswith("peer")]
    read = {t for e in queries.PROFILE_KEYS for t in profile_texts.profile_texts(plain, e)}
    assert read == {t for t, e in TABLES.items() if e != "claim"}


def test_comparisons_name_their_peers_and_finish_alike():
    for feature in FEATURES:
        if feature.finish.startswith("peer"):
            base = next(
                f for f in FEATURES if f.name == feature.name[: feature.name.rindex("_peer")]
            )
            assert feature.finish.split(":")[1] == base.finish
            assert feature.meaning_en.startswith(base.meaning_en)
            assert ("fewer than 30" in feature.null_en) == (base.entity == "insured")
            if feature.name.endswith("_peer_ratio"):
                assert len(base.atoms) == 2


def test_features_name_the_schemes_they_are_meant_to_see():
    mine = [f for f in FEATURES if f.entity in ("institution", "insured") or f.table == "claim"]
    assert all(set(f.sees) <= set(SCHEMES) for f in FEATURES)
    assert all(f.sees for f in mine if f.name not in NO_SCHEME)


@pytest.mark.parametrize("rule", rules(), ids=[r.id for r in rules()])
def test_a_rule_says_all_and_is_portable(rule):
    assert rule.level in LEVELS
    for text in (
        "en",
        "zh",
        "sentence_en",
        "sentence_zh",
        "basis_en",
        "basis_zh",
        "caveat_en",
        "caveat_zh",
    ):
        assert getattr(rule, text).strip()
    assert "3" in rule.sentence("en", 3) or "{hits}" not in rule.sentence_en
    assert rule.label("zh") == rule.zh
    assert not foreign(rule.sql)
    assert "SELECT" in rule.sql
    if rule.evidence:
        assert not foreign(rule.evidence)
    for name in rule.parameters:
        assert f"${name}" in rule.sql
        assert rule.sources[name].strip()
        assert any("\u4e00" <= letter <= "\u9fff" for letter in rule.sources_zh[name])


@pytest.mark.parametrize("reason", reasons().values(), ids=list(reasons()))
def test_reasons_speak_both_languages(reason):
    assert reason.text("en").strip()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in reason.text("zh"))


def test_every_reason_is_used():
    assert {f.reason for f in FEATURES} == set(reasons())


CHANGES = {
    "atoms": lambda f: dataclasses.replace(f, atoms=("t.fund_amount",)),
    "finish": lambda f: dataclasses.replace(f, finish="value"),
    "direction": lambda f: dataclasses.replace(f, direction=-1),
    "name": lambda f: dataclasses.replace(f, name="other"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_version_follows_what_changes_a_value(monkeypatch, change):
    before = catalogue_version()
    changed = (CHANGES[change](FEATURES[0]), *FEATURES[1:])
    monkeypatch.setattr(module, "catalogue", lambda: changed)
    assert catalogue_version.__wrapped__() != before


def test_the_version_follows_the_query_builders(monkeypatch):
    before = catalogue_version()
    monkeypatch.setitem(queries.LINE_FACTS, "largest_line", "MIN(l.amount)")
    assert catalogue_version.__wrapped__() != before


def test_the_version_does_not_follow_words(monkeypatch):
    before = catalogue_version()
    changed = (dataclasses.replace(FEATURES[0], en="Otherwise"), *FEATURES[1:])
    monkeypatch.setattr(module, "catalogue", lambda: changed)
    assert catalogue_version.__wrapped__() == before


def test_the_rule_version_follows_a_parameter(monkeypatch):
    before = rules_version()
    first, *rest = rules()
    changed = dataclasses.replace(first, parameters={**first.parameters, "persons": 6})
    monkeypatch.setattr("features.rules.rules", lambda: (changed, *rest))
    assert rules_version.__wrapped__() != before
