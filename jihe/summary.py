"""What a run tells its user at the end: what came in, the head of the list, figures, the seal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from claims.contracts import Lang, table
from claims.engine import open_engine, run
from claims.load import LoadReport
from claims.parsing import quote
from claims.vault import VAULT_VARIABLE
from features.as_of import DefaultAsOf
from jihe import console
from jihe.pipeline import RunResult
from jihe.texts import say
from serving.sentences import one_line

SHOWN = 10


def show_load(report: LoadReport, home: Path, lang: Lang) -> None:
    """Print counts by table, absent tables and the faults by kind."""
    console.heading(say("came_in", lang))
    console.rows(
        [say(k, lang) for k in ("table", "records", "accepted", "quarantined", "duplicates")],
        [
            [table(c.table).label(lang), f"{c.records:,}", f"{c.accepted:,}",
             f"{c.quarantined:,}", f"{c.duplicates:,}"]
            for c in report.counts
            if c.records
        ],
        right=(1, 2, 3, 4),
    )  # fmt: skip
    if report.absent_tables:
        names = ", ".join(table(name).label(lang) for name in report.absent_tables)
        console.out.print(say("absent_tables", lang, names=names))
    _show_changes(report, lang)
    show_faults(home, report.version, lang)


def _show_changes(report: LoadReport, lang: Lang) -> None:
    """Print what the load changed, where the store held something before."""
    files = report.files
    if not (files.added or files.replaced or files.read_again or files.forgotten):
        console.out.print(say("nothing_new", lang, version=report.version))
    named = (("files_replaced", files.replaced), ("files_kept", files.kept),
             ("files_forgotten", files.forgotten))  # fmt: skip
    for key, names in named:
        if names:
            console.out.print(say(key, lang, names=", ".join(names)), markup=False)
    if files.replaced or files.kept or files.forgotten:
        for change in report.changes:
            if change.new or change.changed or change.removed:
                counts = {k: f"{getattr(change, k):,}" for k in ("new", "changed", "removed")}
                console.out.print(
                    say("rows_changed", lang, table=table(change.table).label(lang), **counts)
                )


def show_faults(home: Path, version: str, lang: Lang) -> None:
    """Print the most frequent faults of a version by kind, each with an example row."""
    con = open_engine()
    path = quote(str(home / "store" / version / "quarantine.parquet"))
    found = run(
        con,
        f"""SELECT severity, reason_{lang}, count(*) AS hit,
            min_by(source_file, (source_file, row_number)),
            min_by(row_number, (source_file, row_number))
        FROM read_parquet({path}) GROUP BY ALL ORDER BY severity, hit DESC, 2""",
    )
    con.close()
    if not found:
        return
    console.heading(say("faults", lang))
    severities = table("quarantine").columns["severity"].values
    body = []
    for severity, reason, hit, file, row in found[:SHOWN]:
        # Row 0 is the file as a whole.
        place = say("example_place", lang, file=file, row=row) if row else file
        body.append([severities[severity].text(lang), f"{hit:,}", reason, place])
    headers = [severity_label(lang), *(say(k, lang) for k in ("rows", "fault", "example_row"))]
    console.rows(headers, body, right=(1,))
    if len(found) > SHOWN:
        console.out.print(say("more_kinds", lang, n=len(found) - SHOWN, home=home))


def severity_label(lang: Lang) -> str:
    """Return the heading of the severity column."""
    return table("quarantine").columns["severity"].label(lang)


def show_strays(usual: DefaultAsOf, lang: Lang) -> None:
    """Print how many claims lie far behind the date that was taken, if any."""
    if usual.strays:
        text = say("strays", lang, n=usual.strays, first=usual.first_stray, day=usual.day)
        console.out.print(text)


def show_not_run(result: RunResult, lang: Lang) -> None:
    """Print how much could not run and an example of a missing column."""
    missing = result.made.not_run
    if missing:
        features = sum(n.kind == "feature" for n in missing)
        example = f"{missing[0].name} ({', '.join(missing[0].missing)})"
        text = say(
            "not_run", lang, features=features, rules=len(missing) - features, example=example
        )
        console.out.print(text)


def show_list(result: RunResult, lang: Lang) -> None:
    """Print the drawn units that rank highest, each with its reasons in one line."""
    unit = result.sealed.frame.unit
    console.heading(say("top", lang))
    drawn = set(result.sealed.plan.draws["unit_id"].to_pylist())
    records = [r for r in result.records if r["unit"] == unit and r["unit_id"] in drawn]
    head = sorted(records, key=lambda r: r["risk_rank"])[:SHOWN]
    console.rows(
        [say(k, lang) for k in ("rank", "unit", "score", "reason")],
        [[place, r["unit_id"], _score(r), one_line(r, lang)] for place, r in enumerate(head, 1)],
        right=(0, 2),
    )
    scored = result.scored[unit]
    if scored.unfit:
        console.out.print(say("unfit", lang, why=scored.unfit), markup=False)
    key = "by_anomaly" if scored.ranked_by_anomaly else "by_risk"
    console.out.print(say(key, lang))


def _score(record: dict[str, Any]) -> str:
    risk = record["risk_score"]
    return f"{record['anomaly_score']:.1f}" if risk is None else f"{risk:.3f}"


def show_metrics(metrics: dict[str, Any], lang: Lang) -> None:
    """Print the measured figures beside both baselines; nothing where nothing was measured."""
    if metrics.get("average_precision") is None:
        return
    text = say("measured", lang, n=f"{metrics['n']:,}", positives=f"{metrics['positives']:,}")
    console.heading(text)
    cuts = list(metrics["precision_at"])
    headers = [say("ranking", lang), say("average_precision", lang), say("roc_auc", lang)]
    headers += [say("precision", lang, k=k) for k in cuts]
    named = [
        ("model_measured", metrics),
        ("sort_by_amount", metrics["baseline_sort_by_amount"]),
        ("rules_only", metrics["baseline_rules"]),
    ]
    body = [
        [say(name, lang), f"{m['average_precision']:.3f}", f"{m['roc_auc']:.3f}",
         *(f"{m['precision_at'][k]:.2f}" for k in cuts)]
        for name, m in named
    ]  # fmt: skip
    console.rows(headers, body, right=tuple(range(1, len(headers))))


def show_seal(result: RunResult, home: Path, lang: Lang) -> None:
    """Print what identifies the draw and how anyone repeats it."""
    certificate = result.sealed.plan.certificate
    draws = result.sealed.plan.draws
    tags = draws["tag"].to_pylist()
    console.heading(say("seal", lang))
    text = say(
        "plan", lang, plan=certificate["plan_id"], drawn=f"{len(tags):,}",
        units=f"{certificate['frame']['units']:,}", random=tags.count("random"),
    )  # fmt: skip
    console.out.print(text)
    console.facts(
        [
            (say("frame_hash", lang), certificate["frame"]["sha256"]),
            (say("list_hash", lang), certificate["list"]["sha256"]),
            (say("seed", lang), certificate["seed"]),
            (say("public_key", lang), certificate["public_key"]),
        ]
    )
    console.out.print(certificate["seal"]["note"][lang])
    files = {name: str(home / name) for name in ("certificate.json", "frame.tsv")}
    text = say("replay_hint", lang, certificate=files["certificate.json"], frame=files["frame.tsv"])
    console.out.print(text, soft_wrap=True)


def show_files(home: Path, lang: Lang, vault: Path | None = None) -> None:
    """Print where the files are and how to open the pages; ``vault`` where it is not the usual."""
    console.heading(say("where", lang))
    files = {
        "list.xlsx": "file_list", "inspectors.xlsx": "file_inspectors", "cases.jsonl": "file_cases",
        "scores.parquet": "file_scores", "certificate.json": "file_certificate",
        "quarantine.parquet": "file_quarantine", "metrics.json": "file_metrics",
    }  # fmt: skip
    console.facts([(say(key, lang), home / name) for name, key in files.items()])
    prefix = f"{VAULT_VARIABLE}={vault} " if vault else ""
    console.out.print(say("open_pages", lang, home=home, vault=prefix), soft_wrap=True)


def show_use(result: RunResult, home: Path, lang: Lang) -> None:
    """Print what became of a model that was trained on labels that came with the data."""
    if result.use != "kept":
        text = say(result.use, lang, home=home, reason=say("dataset_reason", lang))
        console.out.print(text, soft_wrap=True, markup=False)


def show_run(result: RunResult, home: Path, lang: Lang) -> None:
    """Print the whole summary of a run."""
    show_load(result.report, home, lang)
    show_strays(result.usual, lang)
    show_not_run(result, lang)
    show_list(result, lang)
    show_metrics(result.metrics, lang)
    show_use(result, home, lang)
    show_seal(result, home, lang)
    show_files(home, lang)
