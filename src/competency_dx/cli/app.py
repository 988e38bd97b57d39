"""The commands: load, one verb, write. Declared for typer, which reads the annotations at run time.

Each command imports the rooms it needs, so that a short one starts quickly.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from competency_dx.cli import steps
from competency_dx.cli.arguments import Estimation, command
from competency_dx.cli.terminal import Terminal, heard
from competency_dx.errors import BankError, CommandError, DocumentError
from competency_dx.provenance import library_version
from competency_dx.storage import write_whole

if TYPE_CHECKING:
    from competency_dx.responses import Layout

BAD_INPUT, REFUSED = 2, 1  # exit codes
Model = Literal["Rasch", "2PL", "PCM", "GPCM", "GRM"]
SCORE_FILES = (".csv", ".xlsx", ".json", ".html")

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Diagnostics of teachers' competencies: item bank and raw answers in, deficit profiles out.",
)
bank_app = typer.Typer(short_help="Write and publish banks", help="Banks as workbooks and by version: write, read, publish.")
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
    print("\n".join([*steps.bank_lines(items, terminal), *steps.content_lines(refused, terminal)]))
    raise typer.Exit(REFUSED if refused else 0)


@command(app, "Analyse items before any model", bank="bank_if_any", out="out_if_named")
def items(responses: Path, *, bank: str | None = None, out: Path | None = None, terminal: Terminal, layout: "Layout") -> None:
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

    items = steps.bank_of(bank)
    data = steps.read_answers(terminal, responses, items, layout)
    stated = None if priors == "none" else priors
    result = steps.calibrated(terminal, data, items, model=model or steps.advised_model(data), priors=stated, estimation=estimation)
    if result.parameters.between:  # a bank keeps items of one competency each, not those of testlets
        terminal.result(save_bank(items.with_calibration(result), out / "bank"))
    terminal.result(write_whole(out / "calibration.json", result.to_json().encode()))
    terminal.result(steps.reported(result, out / "report", terminal))


@command(app, "Check items, model and persons", out="out_fit")
def fit(responses: Path, *, bank: str, out: Path | None = None, terminal: Terminal, layout: "Layout") -> None:
    """Check whether answers follow the parameters of a bank: each item, the model, each person, and what it does to conclusions."""
    from competency_dx.fit import check_fit

    items = steps.bank_of(bank)
    data = steps.read_answers(terminal, responses, items, layout)
    found = heard(terminal, lambda: check_fit(data, items), known=data.findings)
    steps.summarised(found, out or Path(f"{responses.stem}-fit"), terminal)


@command(app, "Compare items between groups", bank="bank_if_any", out="out_dif")
def dif(
    responses: Path,
    *,
    by: str,
    reference: str | None = None,
    bank: str | None = None,
    out: Path | None = None,
    model: Model | None = None,
    terminal: Terminal,
    layout: "Layout",
) -> None:
    """Find items that work differently in groups of equally able persons, and what that does to the deficit rates of the groups."""
    from competency_dx.dif import check_dif

    data = steps.read_answers(terminal, responses, steps.bank_of(bank) if bank else None, layout)
    chosen = model or steps.advised_model(data)
    found = heard(terminal, lambda: check_dif(data, by, reference=reference, model=chosen), known=data.findings)
    steps.summarised(found, out or Path(f"{responses.stem}-dif"), terminal)


@command(app, "Compare experts who mark", bank="bank_of_rubrics", out="out_raters")
def raters(marks: Path, *, bank: str | None = None, out: Path | None = None, severity: bool = False, terminal: Terminal) -> None:
    """Compare the marks of experts: how far they agree, when a third one is called; with --severity how severe each of them is."""
    from competency_dx.raters import calibrate_raters, check_agreement, load_ratings

    items, out = steps.bank_of(bank) if bank else None, out or Path(f"{marks.stem}-raters")
    ratings = heard(terminal, lambda: load_ratings(marks, bank=items))
    steps.summarised(heard(terminal, lambda: check_agreement(ratings), known=ratings.findings), out, terminal)
    if severity:
        beside = out.with_stem(f"{out.stem}-severity") if out.suffix else out / "severity"
        steps.summarised(heard(terminal, lambda: calibrate_raters(ratings), known=ratings.findings), beside, terminal)


@command(app, "Estimate abilities with errors", out="out_file")
def score(
    responses: Path,
    *,
    bank: str,
    out: Path,
    method: Literal["EAP", "MAP", "ML", "WLE", "SumScore"] = "EAP",
    terminal: Terminal,
    row_numbers: bool = False,
    layout: "Layout",
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


@command(app, "Report of any result document")
def report(result: Path, *, out: Path, terminal: Terminal, aggregates_only: bool = False) -> None:
    """Write the report of a result document: bank, responses, calibration, scores or profiles."""
    terminal.result(steps.reported(steps.read_result(result), out, terminal, aggregates_only=aggregates_only))


@command(bank_app, "Publish a version of a bank", bank="shipped_or_folder", alias="published_alias")
def publish(bank: str, *, registry: Path, alias: str = "latest", terminal: Terminal) -> None:
    """Publish a version of a bank in a registry: it stays as it is, and the alias points to it."""
    items = steps.bank_of(bank)
    steps.refuse_ambiguous(items)
    terminal.findings(items.findings())
    print(steps.registry_of(registry).publish(items, alias=alias))


@command(bank_app, "Let an alias point to a version", name="alias_name", reference="published_version")
def alias(name: str, reference: str, *, registry: Path) -> None:
    """Let an alias point to a published version."""
    print(steps.registry_of(registry).move_alias(name, reference))


@command(bank_app, "Let an alias point where it pointed before", bank="bank_id", alias="published_alias")
def rollback(bank: str, *, registry: Path, alias: str = "latest") -> None:
    """Let an alias point where it pointed before."""
    print(steps.registry_of(registry).roll_back(bank, alias=alias))


@command(bank_app, "Published versions", called="list")
def published(*, registry: Path) -> None:
    """List the published versions, and the aliases that point to them."""
    for index in steps.registry_of(registry).banks():
        for version, digest in index.versions.items():
            print(f"{index.id}@{version}  {digest[:23]}…  {', '.join(index.aliases_of(version))}".rstrip())


@command(bank_app, "Empty workbook for a new bank", file="new_workbook")
def template(file: Path, *, subject: str = "", terminal: Terminal) -> None:
    """Write an empty workbook for a new bank: sheets, lists to choose from, an example of each type."""
    from competency_dx.bank import save_bank_template

    terminal.result(save_bank_template(file, subject=subject, language=terminal.language))


@command(bank_app, "Bank out of a workbook", called="from-xlsx", file="bank_workbook", folder="bank_folder")
def from_xlsx(file: Path, folder: Path, *, terminal: Terminal) -> None:
    """Read the bank of a workbook and write its folder; with faults they are listed by cell and nothing is written."""
    from competency_dx.bank import load_bank_workbook, save_bank

    try:
        bank = load_bank_workbook(file)
    except BankError as fault:  # a line for each cell
        terminal.lines(fault.text(terminal.language).splitlines())
        raise typer.Exit(BAD_INPUT) from None
    terminal.findings(bank.findings())
    terminal.result(save_bank(bank, folder))


@command(bank_app, "Bank as a workbook", called="to-xlsx", bank="shipped_or_folder", file="new_workbook")
def to_xlsx(bank: str, file: Path, *, terminal: Terminal) -> None:
    """Write a bank as a workbook, from which from-xlsx reads the same bank."""
    from competency_dx.bank import save_bank_workbook

    terminal.result(save_bank_workbook(steps.bank_of(bank), file, language=terminal.language))


@command(bank_app, "What changed between two versions", bank="shipped_or_folder", other="other_version")
def diff(bank: str, other: str, *, terminal: Terminal) -> None:
    """List what changed between two versions of a bank: content, keys, competencies and parameters apart."""
    from competency_dx.bank import ledger_of

    steps.print_table(ledger_of(steps.bank_of(other)).changes(ledger_of(steps.bank_of(bank))), terminal)


@command(bank_app, "Whose conclusions would change", bank="other_version")
def impact(profiles: Path, bank: str, *, terminal: Terminal) -> None:
    """List whose conclusions another version of the bank would change, from the answers that profiles.json keeps."""
    from competency_dx.competencies import DeficitProfiles, bank_impact

    found = steps.read_result(profiles)
    if not isinstance(found, DeficitProfiles):
        raise DocumentError("result.kind", found=found.kind, kind=DeficitProfiles.kind)
    steps.print_table(heard(terminal, lambda: bank_impact(found, steps.bank_of(bank)), known=found.findings), terminal)
