"""The commands: load, one verb, write; for typer, which reads annotations at run time. Rooms are imported where they are used."""

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from competency_dx.cli import steps
from competency_dx.cli.arguments import Estimation, command
from competency_dx.cli.bank_commands import bank_app
from competency_dx.cli.terminal import MARKS, Terminal, folded, heard
from competency_dx.errors import CommandError, phrase
from competency_dx.result import library_version
from competency_dx.storage import write_whole
from competency_dx.wording import SHOWN_IDS

if TYPE_CHECKING:
    from competency_dx.responses import Layout

REFUSED = 1  # exit code
Model = Literal["Rasch", "2PL", "PCM", "GPCM", "GRM"]
Method = Literal["EAP", "MAP", "ML", "WLE", "SumScore"]
Form = Literal["person", "group"]
Purpose = Literal["support", "certification"]
Given = Path | None
SCORE_FILES = (".csv", ".xlsx", ".json", ".html")
app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Diagnostics of teachers' competencies: item bank and raw answers in, deficit profiles out.",
)
app.add_typer(bank_app, name="bank")


def _version(wanted: bool) -> None:
    if wanted:
        print(library_version())
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version")] = False,
) -> None:
    """Read the options that stand before the command."""


@command(app, "Whole path on a synthetic region", folder="demo_folder")
def demo(
    folder: Path = Path("competency-dx-demo"), *, terminal: Terminal, persons: int | None = None, seed: int = 20, region: bool = False
) -> None:
    """Show the whole path on a synthetic region: three subjects against the known truth, or all with groups and routes."""
    from competency_dx_demo import run_demo, whole_region

    run, usual = (whole_region.run_region, 2217) if region else (run_demo, 240)
    run(folder, persons=persons or usual, seed=seed, terminal=terminal)


@command(app, "Check an item bank", bank="shipped_or_folder")
def validate(bank: str, *, content: bool = False, terminal: Terminal) -> None:
    """Check an item bank: summary, findings, coverage of the framework."""
    items = steps.bank_of(bank)
    if not content:
        steps.refuse_ambiguous(items)
        print("\n".join(steps.bank_lines(items, terminal)))
        return
    from competency_dx.quality import check_content

    refused = check_content(items)
    lines = [*steps.bank_lines(items, terminal), "", *([] if refused else [terminal.words("nothing_refused")])]
    for finding in refused:  # all the ids where the sentence names only some
        ids = ": " + ", ".join(finding.scope) if len(finding.scope) > SHOWN_IDS else ""
        lines += folded(f"{MARKS['error'].strip()} {finding.text(terminal.language)} [{finding.code}{ids}]", hang=2)
    print("\n".join(lines))
    raise typer.Exit(REFUSED if refused else 0)


@command(app, "Analyse items before any model", bank="bank_if_any", out="out_if_named")
def items(responses: Path, *, bank: str | None = None, out: Given = None, terminal: Terminal, layout: "Layout") -> None:
    """Analyse items before any model: what to do with each and why, the worst first; page, workbook, tables."""
    from competency_dx.quality import check_items

    keys = steps.bank_of(bank) if bank else None
    data = steps.read_answers(terminal, responses, keys, layout)
    analysis = heard(terminal, lambda: check_items(data, keys), known=data.findings)
    page = steps.reported(analysis, out or Path(f"{responses.stem}-items"), terminal)
    print("\n".join(steps.analysis_lines(analysis, terminal)))
    terminal.result(page)


@command(app, "Calibrate items on answers", out="out_folder")
def calibrate(
    responses: Path,
    *,
    bank: str,
    out: Path,
    model: Model | None = None,
    priors: Literal["weak", "none"] = "weak",
    terminal: Terminal,
    estimation: Estimation,
    layout: "Layout",
) -> None:
    """Calibrate the items of a bank on answers: new bank, calibration.json, report."""
    from competency_dx.bank import save_bank
    from competency_dx.reports import FILES

    if out.suffix.lower() in FILES and not out.is_dir():
        raise CommandError("cli.folder_only", out=out)
    items = steps.bank_of(bank)
    data = steps.read_answers(terminal, responses, items, layout)
    stated = None if priors == "none" else priors
    result = steps.calibrated(terminal, data, items, model=model or steps.advised_model(data), priors=stated, estimation=estimation)
    if estimation.dimensions not in {"clusters", "testlets"}:  # a bank keeps its leaves, or one scale
        terminal.result(save_bank(items.with_calibration(result), out / "bank"))
    terminal.result(write_whole(out / "calibration.json", result.to_json().encode()))
    terminal.result(steps.reported(result, out / "report", terminal))


@command(app, "Check items, model and persons", out="out_fit")
def fit(responses: Path, *, bank: str, out: Given = None, terminal: Terminal, layout: "Layout") -> None:
    """Check whether answers follow the parameters of a bank: each item, the model, each person, and what it does to conclusions."""
    from competency_dx.fit import check_fit

    items = steps.bank_of(bank)
    data = steps.read_answers(terminal, responses, items, layout)
    steps.summarised(terminal, out or Path(f"{responses.stem}-fit"), lambda: check_fit(data, items), data.findings)


@command(app, "Compare items between groups", bank="bank_if_any", out="out_dif")
def dif(
    responses: Path,
    *,
    by: str,
    reference: str | None = None,
    bank: str | None = None,
    out: Given = None,
    model: Model | None = None,
    terminal: Terminal,
    layout: "Layout",
) -> None:
    """Find items that work differently in groups of equally able persons, and what that does to the deficit rates of the groups."""
    from competency_dx.dif import check_dif

    data = steps.read_answers(terminal, responses, steps.bank_of(bank) if bank else None, layout)
    how: dict[str, Any] = {"reference": reference, "model": model or steps.advised_model(data)}
    steps.summarised(terminal, out or Path(f"{responses.stem}-dif"), lambda: check_dif(data, by, **how), data.findings)


@command(app, "Put one scale on another", new="new_scale", old="old_scale", out="out_link")
def link(
    new: str, old: str, *, competency: str = "", without: str = "", equivalents: bool = False, out: Given = None, terminal: Terminal
) -> None:
    """Put the scale of a new calibration on that of an old one by common items: constants, errors, what moved; table of points."""
    from competency_dx import linking

    scales: list[Any] = [steps.read_result(Path(x)) if x.endswith(".json") else steps.bank_of(x) for x in (new, old)]
    names: Any = without if without == "drifted" else tuple(filter(None, without.split(",")))
    how: dict[str, Any] = {"without": names, "competency": competency}
    steps.summarised(terminal, out or Path(f"{Path(new).stem}-link"), lambda: linking.link(*scales, **how))
    if equivalents:
        steps.print_table(linking.equate(*scales, **how).to_frame(), terminal)


@command(app, "Compare experts who mark", bank="bank_of_rubrics", out="out_raters")
def raters(marks: Path, *, bank: str | None = None, out: Given = None, severity: bool = False, terminal: Terminal) -> None:
    """Compare the marks of experts: how far they agree, when a third one is called; with --severity how severe each of them is."""
    from competency_dx.raters import calibrate_raters, check_agreement, load_ratings

    items, out = steps.bank_of(bank) if bank else None, out or Path(f"{marks.stem}-raters")
    ratings = heard(terminal, lambda: load_ratings(marks, bank=items))
    steps.summarised(terminal, out, lambda: check_agreement(ratings), ratings.findings)
    if severity:
        beside = out.with_stem(f"{out.stem}-severity") if out.suffix else out / "severity"
        steps.summarised(terminal, beside, lambda: calibrate_raters(ratings), ratings.findings)


@command(app, "Estimate abilities with errors", out="out_file")
def score(
    responses: Path, *, bank: str, out: Path, method: Method = "EAP", terminal: Terminal, row_numbers: bool = False, layout: "Layout"
) -> None:
    """Estimate every person's ability with its error: one table."""
    from competency_dx import scoring

    if out.suffix.lower() not in SCORE_FILES:
        raise CommandError("cli.score_files", out=out, score_files=SCORE_FILES)
    items = steps.bank_of(bank)
    data = steps.read_answers(terminal, responses, items, layout, row_numbers=row_numbers)
    scores = heard(terminal, lambda: scoring.score(data, items, method=getattr(scoring, method)()), known=data.findings)
    terminal.result(steps.reported(scores, out, terminal))


@command(app, "Write deficit profiles", out="out_folder")
def diagnose(
    responses: Path,
    *,
    bank: str,
    out: Path,
    terminal: Terminal,
    row_numbers: bool = False,
    cohort: bool = False,
    omitted: Literal["incorrect", "ignore", "modelled"] = "incorrect",
    aggregates_only: bool = False,
    layout: "Layout",
) -> None:
    """Write deficit profiles: profiles.json, tables, a page for the cohort and one for each person."""
    from competency_dx.competencies import Cohort, DeficitRule
    from competency_dx.competencies import diagnose as diagnose_persons
    from competency_dx.responses import MissingPolicy

    items = steps.bank_of(bank)
    data = steps.read_answers(terminal, responses, items, layout, row_numbers=row_numbers)
    rule, population = DeficitRule(missing=MissingPolicy(omitted=omitted)), Cohort() if cohort else None
    profiles = heard(terminal, lambda: diagnose_persons(data, items, rule=rule, population=population), known=data.findings)
    with terminal.stage(terminal.words("report")):
        page = steps.reported(profiles, out, terminal, aggregates_only=aggregates_only)
    if (document := out / "profiles.json").is_file():
        terminal.result(document)
    terminal.result(page)


@command(app, "Compare groups of persons", by="by_columns", out="out_groups")
def groups(
    profiles: Path,
    *,
    by: str,
    headcount: Given = None,
    weights: str | None = None,
    published: list[Path] | None = None,
    linking_error: float = 0.0,
    out: Given = None,
    terminal: Terminal,
) -> None:
    """Compare groups of persons in profiles.json: mean percents, true shares of deficits, who needs what, each with its interval."""
    from competency_dx.groups import GroupReport, Suppression, compare_groups

    persons, columns = steps.profiles_of(profiles), steps.columns_of(by)
    guard = Suppression(published=[steps.result_of(path, GroupReport) for path in published or ()])
    sizes = steps.pairs_of(headcount, phrase("cli.headcount"), r"\d+")[1] if headcount else ()
    given: dict[str, Any] = {"population_sizes": {name: int(n) for name, n in sizes}, "weights": weights, "smallest": guard}
    given["linking_error"] = linking_error
    out = out or Path(f"{profiles.stem}-groups")
    steps.summarised(terminal, out, lambda: compare_groups(persons, columns, **given), persons.findings)


@command(app, "Measure change between two diagnoses", by="by_programme", out="out_growth")
def growth(
    before: Path, after: Path, *, by: str | None = None, linking_error: float = 0.0, out: Given = None, terminal: Terminal
) -> None:
    """Measure how persons changed between two diagnoses with one bank: percents, closed deficits, programmes beside other persons."""
    from competency_dx.growth import measure_growth

    first, second = steps.profiles_of(before), steps.profiles_of(after)
    out, known = out or Path(f"{after.stem}-growth"), (*first.findings, *second.findings)
    steps.summarised(terminal, out, lambda: measure_growth(first, second, by=by, linking_error=linking_error), known)


@command(app, "Recommend programmes and mentors", by="by_places", out="out_routes")
def routes(
    profiles: Path,
    *,
    catalogue: str,
    hours: float = 72.0,
    price: float = math.inf,
    budget: str | None = None,
    wishes: Given = None,
    since: datetime | None = None,
    mentors: str | None = None,
    methodists: str | None = None,
    near: str = "",
    by: str | None = None,
    out: Given = None,
    terminal: Terminal,
) -> None:
    """Recommend each person programmes that close most of what is missing, and mentors from among those who agreed."""
    from competency_dx.routes import load_catalogue, recommend

    if near and not mentors and not methodists:
        raise CommandError("cli.near_alone")
    persons, offers = steps.profiles_of(profiles), load_catalogue(catalogue, since=since and since.date())
    limits: dict[str, Any] = {"hours": hours, "price": price, "budget": steps.budget_of(budget) if budget else math.inf}
    limits["wishes"] = steps.wishes_of(wishes) if wishes else None
    found = heard(terminal, lambda: recommend(persons, offers, **limits), known=persons.findings)
    if mentors or methodists:
        found = found.with_mentors(persons, mentors or (), near=steps.columns_of(near), methodists=methodists or ())
    found = found.with_places(persons, by) if by else found
    steps.summarised(terminal, out or Path(f"{profiles.stem}-routes"), lambda: found, found.findings)


@command(app, "Catalogue as a workbook", called="catalogue", file="new_workbook")
def write_catalogue(file: Path, *, catalogue: str = "synthetic", terminal: Terminal) -> None:
    """Write a catalogue of programmes as a workbook to fill in: the invented one to overwrite, or one of your own."""
    from competency_dx.routes import load_catalogue, save_catalogue_workbook

    terminal.result(save_catalogue_workbook(load_catalogue(catalogue), file, language=terminal.language))


@command(app, "Decide by minima", out="out_decisions")
def certify(
    profiles: Path,
    *,
    minimum: list[str],
    certain: float = 0.8,
    compensation: float = 0.0,
    purpose: Purpose = "support",
    out: Given = None,
    terminal: Terminal,
) -> None:
    """Decide who reaches the minima, who does not, and who needs more evidence: how sure, how right, on what."""
    from competency_dx.competencies import CertificationRule
    from competency_dx.competencies import certify as certify_persons

    persons, minima = steps.profiles_of(profiles), steps.minima_of(minimum)
    rule = CertificationRule(minimum=minima, certain=certain, purpose=purpose, compensation=compensation)
    out = out or Path(f"{profiles.stem}-decisions")
    steps.summarised(terminal, out, lambda: certify_persons(persons, rule), persons.findings)


@command(app, "Choose further items to ask", form="form_kind", out="out_next")
def ask(
    profiles: Path, *, bank: str, n: int = 12, form: Form = "person", decisions: Given = None, out: Given = None, terminal: Terminal
) -> None:
    """Choose the items whose answers would decide most of what is open, for each person or one form for all of them."""
    from competency_dx.adaptive import next_items
    from competency_dx.competencies import Decisions

    persons, items = steps.profiles_of(profiles), steps.bank_of(bank)
    rule, out = steps.result_of(decisions, Decisions) if decisions else None, out or Path(f"{profiles.stem}-next")
    steps.summarised(terminal, out, lambda: next_items(persons, items, n=n, form=form, decisions=rule), persons.findings)


@command(app, "Report of any result document")
def report(result: Path, *, out: Path, terminal: Terminal, aggregates_only: bool = False) -> None:
    """Write the report of a result document: bank, responses, calibration, scores or profiles."""
    terminal.result(steps.reported(steps.read_result(result), out, terminal, aggregates_only=aggregates_only))
