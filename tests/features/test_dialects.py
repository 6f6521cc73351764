"""What sqlglot would leave or change, and Spark reads rightly only in its own words."""

from __future__ import annotations

import pytest

from features.dialects import DialectError, dialect


@pytest.mark.parametrize(("text", "written"), [
    ("SELECT a // b", "SELECT a DIV NULLIF(b, 0)"),
    ("SELECT a // 1000 % b", "SELECT a DIV 1000 % NULLIF(b, 0)"),
    ("SELECT a % (b - c) // d", "SELECT a % NULLIF((b - c), 0) DIV NULLIF(d, 0)"),
    ("SELECT epoch_us(timezone('Asia/Shanghai', t))",
     "SELECT UNIX_MICROS(FROM_UTC_TIMESTAMP(t, 'Asia/Shanghai'))"),
    ("SELECT x > $days + 1", "SELECT x > CAST(:days AS BIGINT) + 1"),
    ('SELECT 1 AS "claims_90:0"', "SELECT 1 AS `claims_90:0`"),
    ("SELECT quantile_disc(a // b, 0.5)", "SELECT CAST(PERCENTILE_DISC(0.5) WITHIN GROUP "
     "(ORDER BY a DIV NULLIF(b, 0) NULLS LAST) AS BIGINT)"),
])  # fmt: skip
def test_spark_words(text, written):
    assert dialect(text, "spark") == written


@pytest.mark.parametrize("text", [
    "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY x)", "SELECT approx_quantile(x, 0.5)",
])  # fmt: skip
def test_what_spark_would_only_approximate_is_refused(text):
    with pytest.raises(DialectError, match="quantile_disc"):
        dialect(text, "spark")


def test_the_other_engines_get_the_text_as_it_is():
    assert dialect("SELECT a // b, $n FROM t", "duckdb") == "SELECT a // b, $n FROM t"
    assert "$" not in dialect("SELECT a // b FROM t", "sqlite")
