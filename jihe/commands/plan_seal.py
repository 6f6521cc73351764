"""``plan commit|seal|reveal|draw|void|publish-seal``: a committee's plan, step by step."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jihe import console
from jihe.commands.options import (
    AsOf,
    BesideOption,
    Chances,
    ChancesOption,
    ClaimsEachOption,
    HomeOption,
    Lang,
    Language,
    PlanOption,
    Unit,
    day_of,
    fitting_unit,
    lang_of,
    option,
    told,
)
from jihe.texts import say

if TYPE_CHECKING:
    from sampling.drawing.seal import Contributor

FrameFile = Annotated[Path | None, option("sealed_frame", "--frame", exists=True, dir_okay=False)]
DesignFile = Annotated[
    Path | None, option("sealed_design", "--design", exists=True, dir_okay=False)
]
AssignSettings = Annotated[
    Path | None, option("sealed_settings", "--assign-settings", exists=True, dir_okay=False)
]
PartFile = Annotated[Path, option("part_file", "--part", dir_okay=False)]


class Alphabet(StrEnum):
    """How a public number is written."""

    decimal = "decimal"
    hexadecimal = "hexadecimal"


def register(plan_app: typer.Typer) -> None:
    """Add the commands of this module to ``jihe plan``."""
    plan_app.command("commit", help=told("plan_commit"))(commit)
    plan_app.command("seal", help=told("plan_seal"))(seal)
    plan_app.command("reveal", help=told("plan_reveal"))(reveal)
    plan_app.command("draw", help=told("plan_draw"))(draw)
    plan_app.command("void", help=told("plan_void"))(void)
    plan_app.command("publish-seal", help=told("plan_publish_seal"))(publish_seal)


def commit(
    contributor: Annotated[str, option("contributor_name", "--contributor")],
    part: PartFile,
    lang: Lang = Language.en,
) -> None:
    """Make a part of a seed and print the commitment to it."""
    from sampling.drawing.part_file import make_part

    hashed = make_part(part, contributor)
    console.out.print(say("part_made", lang_of(lang), file=part), soft_wrap=True, markup=False)
    console.out.print(f"{contributor}={hashed}", soft_wrap=True, markup=False, highlight=False)


def seal(
    contributor: Annotated[list[str], option("contributors", "--contributor")],
    number_source: Annotated[str, option("number_source", "--number-source")],
    number_day: Annotated[str, option("number_day", "--number-day", metavar="YYYY-MM-DD")],
    number_digits: Annotated[int, option("number_digits", "--number-digits")],
    number_alphabet: Annotated[
        Alphabet, option("number_alphabet", "--number-alphabet")
    ] = Alphabet.decimal,
    unit: Annotated[Unit, option("drawn_unit", "--unit")] = Unit.claim,
    capacity: Annotated[str | None, option("capacity")] = None,
    random_share: Annotated[str, option("random_share")] = "0.3",
    as_of: AsOf = None,
    frame_from: Annotated[str | None, option("frame_from", metavar="YYYY-MM-DD")] = None,
    frame: FrameFile = None,
    design: DesignFile = None,
    beside: BesideOption = None,
    chances: ChancesOption = Chances.strata,
    claims_each: ClaimsEachOption = None,
    assign_settings: AssignSettings = None,
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Seal frame, design, commitments and a future public number; nothing is drawn."""
    from jihe import plan_sealing
    from jihe.home import Home
    from jihe.plan_basis import basis_of_files
    from jihe.planning import PlanChoices
    from jihe.staged_basis import Stages, basis_by
    from sampling.drawing.seal import PublicNumber, record_sha256

    day = day_of(number_day, "--number-day")
    assert day is not None  # noqa: S101 - the option is required
    number = PublicNumber(number_source, day, number_alphabet.value, number_digits)
    people = [_contributor(text) for text in contributor]
    place = Home(home)
    if (frame is None) != (design is None):
        raise typer.BadParameter("name both or neither", param_hint="--frame, --design")
    stages = Stages(chances is Chances.size, claims_each)
    if frame is not None and (stages.each or stages.by_size):
        told_ = say("stages_in_file", lang_of(lang))
        raise typer.BadParameter(told_, param_hint="--chances, --claims-each")
    fitting_unit(unit, chances, claims_each, lang)
    if frame and design:
        basis = basis_of_files(frame, design, beside)
    else:
        with console.progress("jihe plan seal") as tell:
            basis = basis_by(
                place, unit.value, PlanChoices(capacity, random_share), stages,
                day_of(as_of, "--as-of"), day_of(frame_from, "--frame-from"), tell,
            )  # fmt: skip
    sealed = plan_sealing.seal(place, basis, people, number, datetime.now(UTC), assign_settings)
    language = lang_of(lang)
    console.out.print(
        say("plan_sealed_now", language, plan=sealed.plan_id, day=sealed.day,
            names=", ".join(sealed.contributors)),
        soft_wrap=True, markup=False,
    )  # fmt: skip
    console.facts([
        (say("frame_hash", language), sealed.record["frame"]["sha256"]),
        (say("sealed_hash", language), record_sha256(sealed.record)),
        (say("public_file", language), place.plan(sealed.plan_id) / "public.json"),
    ])  # fmt: skip


def reveal(
    plan: PlanOption, part: PartFile, home: HomeOption = Path(), lang: Lang = Language.en
) -> None:
    """Show a part; a wrong or late one makes the plan void under the contributor's name."""
    from jihe import plan_sealing
    from jihe.home import Home
    from sampling.drawing.part_file import read_part

    name, content = read_part(part)
    sealed = plan_sealing.reveal(Home(home), plan, name, content, datetime.now(UTC))
    language = lang_of(lang)
    if sealed.missing:
        told_ = say("part_revealed", language, name=name, missing=", ".join(sealed.missing))
    else:
        told_ = say("parts_complete", language, name=name, plan=plan, day=sealed.day)
    console.out.print(told_, soft_wrap=True, markup=False)


def draw(
    plan: PlanOption,
    number: Annotated[str, option("number_value", "--number")],
    yes: Annotated[bool, option("yes", "--yes")] = False,
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Derive the seed from all parts and the public number, and draw, once."""
    from jihe import plan_sealing
    from jihe.home import Home
    from sampling.ledger import Ledger
    from sampling.seal_store import sealed_plan

    place, language = Home(home), lang_of(lang)
    if not yes:
        ledger = Ledger(place.ledger_url)
        source = sealed_plan(ledger, plan).record["public_number"]["source"]
        ledger.close()
        typer.confirm(say("confirm_number", language, number=number, source=source), abort=True)
    drawn = plan_sealing.draw_sealed(place, plan, number, datetime.now(UTC), language)
    certificate = drawn.certificate
    psus = set(drawn.draws["psu_id"].to_pylist()) - {None}
    console.out.print(
        say("plan_drawn_stages" if psus else "plan_drawn_now", language, plan=plan,
            drawn=drawn.draws.num_rows, units=certificate["frame"]["units"],
            institutions=len(psus), hash=certificate["list"]["sha256"]),
        soft_wrap=True,
    )  # fmt: skip
    console.out.print(certificate["seal"]["note"][language], soft_wrap=True)
    console.out.print(str(place.plan(plan)), soft_wrap=True, markup=False)


def void(
    plan: PlanOption,
    reason: Annotated[str, option("void_reason", "--reason")],
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Give a plan up openly; it stays listed."""
    from jihe import plan_sealing
    from jihe.home import Home
    from sampling.drawing.seal_faults import voided

    sealed = plan_sealing.void(Home(home), plan, reason, datetime.now(UTC))
    assert sealed.void is not None  # noqa: S101 - the step made it so
    text = voided(plan, sealed.void).text(lang_of(lang))
    console.out.print(text, soft_wrap=True, markup=False)


def publish_seal(
    plan: PlanOption,
    out: Annotated[Path, option("public_out", "--out", dir_okay=False)],
    home: HomeOption = Path(),
    lang: Lang = Language.en,
) -> None:
    """Write what anybody may see of a plan: commitment and counts."""
    from jihe import plan_sealing
    from jihe.home import Home

    out.write_bytes(plan_sealing.publish(Home(home), plan))
    console.out.print(say("public_written", lang_of(lang), file=out), soft_wrap=True, markup=False)


def _contributor(text: str) -> Contributor:
    """Return what ``NAME=COMMITMENT`` says; the form of both is checked when they are sealed."""
    from sampling.drawing.seal import Contributor

    name, _, commitment = text.rpartition("=")
    if not name:
        raise typer.BadParameter(
            f"{text!r} is not NAME=COMMITMENT as jihe plan commit prints it",
            param_hint="--contributor",
        )
    return Contributor(name, commitment)
