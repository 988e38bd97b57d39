"""The commands: load, one verb, write. Declared for typer, which reads the annotations at run time.

Each command imports the rooms it needs, so that a short one starts quickly.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from competency_dx.cli import arguments, steps
from competency_dx.cli.arguments import Language, LanguageOption, MethodName, ModelName, declared
from competency_dx.cli.terminal import Terminal, heard, table_lines
from competency_dx.display import code_word, column_title, decimal
from competency_dx.errors import BankError, CommandError, DocumentError
from competency_dx.provenance import library_version
from competency_dx.storage import write_whole

if TYPE_CHECKING:
    from competency_dx.bank import BankRegistry
    from competency_dx.responses import Layout, Omissions
    from competency_dx.result import DataFrame

REFUSED = 1  # exit code
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
BAD_INPUT = 2  # exit code
Bank = Annotated[str, declared("shipped_or_folder")]
Folder = Annotated[Path, declared("registry")]
Alias = Annotated[str, declared("published_alias")]
NewBook = Annotated[Path, declared("new_workbook")]
RU = Language.ru


def _version(wanted: bool) -> None:
    if wanted:
        print(library_version())
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version")] = False,
) -> None:
    """Read the options that stand before the command."""


@app.command(short_help="Whole path on a synthetic region")
def demo(
    folder: Annotated[Path, declared("demo_folder")] = Path("competency-dx-demo"),
    language: arguments.LanguageOption = Language.ru,
    persons: Annotated[int | None, declared("persons")] = None,
    seed: Annotated[int, declared("seed")] = 20,
    region: Annotated[bool, declared("region")] = False,
) -> None:
    """Show the whole path on a synthetic region: three subjects against the known truth, or all with groups and routes."""
    from competency_dx.cli.demo import run_demo, whole_region

    run, usual = (whole_region.run_region, 2217) if region else (run_demo, 240)
    run(folder, persons=persons or usual, seed=seed, terminal=Terminal(language=language.code))


@app.command(short_help="Check an item bank")
def validate(
    bank: Annotated[str, declared("shipped_or_folder")],
    content: Annotated[bool, declared("content")] = False,
    language: arguments.LanguageOption = Language.ru,
) -> None:
    """Check an item bank: summary, findings, coverage of the framework."""
    from competency_dx.bank import load_bank

    items, terminal = load_bank(bank), Terminal(language=language.code)
    if not content:
        steps.refuse_ambiguous(items)
        print("\n".join(steps.bank_lines(items, terminal)))
        return
    from competency_dx.quality import check_content

    refused = check_content(items)
    print("\n".join([*steps.bank_lines(items, terminal), *steps.content_lines(refused, terminal)]))
    raise typer.Exit(REFUSED if refused else 0)


@app.command(short_help="Analyse items before any model")
@arguments.with_table_options
def items(
    responses: arguments.ResponsesFile,
    *,
    bank: arguments.BankIfAny = None,
    out: arguments.OutIfNamed = None,
    language: arguments.LanguageOption = Language.ru,
    layout: "Layout",
) -> None:
    """Analyse items before any model: what to do with each and why, the worst first; page, workbook, tables."""
    from competency_dx.bank import load_bank
    from competency_dx.quality import check_items
    from competency_dx.reports import report as write_report

    terminal, keys = Terminal(language=language.code), load_bank(bank) if bank else None
    data = steps.read_answers(terminal, responses, keys, layout)
    analysis = heard(terminal, lambda: check_items(data, keys), known=data.findings)
    page = write_report(analysis, out or Path(f"{responses.stem}-items"), language=language.code)
    print("\n".join(steps.analysis_lines(analysis, terminal)))
    terminal.result(page)


@app.command(short_help="Calibrate items on answers")
@arguments.with_table_options
@arguments.with_estimation_options
def calibrate(
    responses: arguments.ResponsesFile,
    *,
    bank: arguments.BankName,
    out: arguments.OutFolder,
    model: Annotated[ModelName | None, declared("model")] = None,
    priors: Annotated[arguments.PriorsName, declared("priors")] = arguments.PriorsName.weak,
    language: arguments.LanguageOption = Language.ru,
    layout: "Layout",
    estimation: arguments.Estimation,
) -> None:
    """Calibrate the items of a bank on answers: new bank, calibration.json, report."""
    from competency_dx.bank import load_bank, save_bank
    from competency_dx.reports import report as write_report

    terminal, items = Terminal(language=language.code), load_bank(bank)
    data = steps.read_answers(terminal, responses, items, layout)
    chosen = model.value if model else steps.advised_model(data)
    stated = None if priors == arguments.PriorsName.none else "weak"
    result = steps.calibrated(terminal, data, items, model=chosen, priors=stated, estimation=estimation)
    terminal.result(save_bank(items.with_calibration(result), out / "bank"))
    terminal.result(write_whole(out / "calibration.json", result.to_json().encode()))
    terminal.result(write_report(result, out / "report", language=language.code))


@app.command(short_help="Estimate abilities with errors")
@arguments.with_table_options
def score(
    responses: arguments.ResponsesFile,
    *,
    bank: arguments.BankName,
    out: arguments.OutFile,
    method: Annotated[MethodName, declared("method")] = MethodName.EAP,
    language: arguments.LanguageOption = Language.ru,
    layout: "Layout",
    row_numbers: arguments.RowNumbers = False,
) -> None:
    """Estimate every person's ability with its error: one table."""
    from competency_dx import scoring
    from competency_dx.bank import load_bank
    from competency_dx.reports import report as write_report

    if out.suffix.lower() not in SCORE_FILES:
        raise CommandError("cli.score_files", out=out, score_files=SCORE_FILES)
    terminal, items = Terminal(language=language.code), load_bank(bank)
    data = steps.read_answers(terminal, responses, items, layout, row_numbers=row_numbers)
    chosen: scoring.Method = getattr(scoring, method.value)()
    scores = heard(terminal, lambda: scoring.score(data, items, method=chosen), known=data.findings)
    terminal.result(write_report(scores, out, language=language.code))


@app.command(short_help="Write deficit profiles")
@arguments.with_table_options
def diagnose(
    responses: arguments.ResponsesFile,
    *,
    bank: arguments.BankName,
    out: arguments.OutFolder,
    language: arguments.LanguageOption = Language.ru,
    layout: "Layout",
    row_numbers: arguments.RowNumbers = False,
    cohort: arguments.FromCohort = False,
    omitted: arguments.Omitted = arguments.OmittedChoice.incorrect,
    aggregates_only: arguments.AggregatesOnly = False,
) -> None:
    """Write deficit profiles: profiles.json, tables, a page for the cohort and one for each person."""
    from competency_dx.bank import load_bank
    from competency_dx.competencies import Cohort, DeficitRule
    from competency_dx.competencies import diagnose as diagnose_persons
    from competency_dx.reports import report as write_report
    from competency_dx.responses import MissingPolicy

    terminal, items = Terminal(language=language.code), load_bank(bank)
    data = steps.read_answers(terminal, responses, items, layout, row_numbers=row_numbers)
    rule = DeficitRule(missing=MissingPolicy(omitted=cast("Omissions", omitted.value)))
    population = Cohort() if cohort else None
    profiles = heard(terminal, lambda: diagnose_persons(data, items, rule=rule, population=population), known=data.findings)
    with terminal.stage(terminal.words("report")):
        page = write_report(profiles, out, language=language.code, show="aggregates" if aggregates_only else "persons")
    if (document := out / "profiles.json").is_file():
        terminal.result(document)
    terminal.result(page)


@app.command(short_help="Report of any result document")
def report(
    result: Annotated[Path, declared("result")],
    out: Annotated[Path, declared("out")],
    language: arguments.LanguageOption = Language.ru,
    aggregates_only: arguments.AggregatesOnly = False,
) -> None:
    """Write the report of a result document: bank, responses, calibration, scores or profiles."""
    from competency_dx.reports import report as write_report

    page = write_report(steps.read_result(result), out, language=language.code, show="aggregates" if aggregates_only else "persons")
    Terminal(language=language.code).result(page)


def _registry(folder: Path) -> "BankRegistry":
    from competency_dx.bank import BankRegistry

    return BankRegistry(folder=folder)


@bank_app.command(short_help="Publish a version of a bank")
def publish(bank: Bank, *, registry: Folder, alias: Alias = "latest", language: LanguageOption = RU) -> None:
    """Publish a version of a bank in a registry: it stays as it is, and the alias points to it."""
    from competency_dx.bank import load_bank

    items = load_bank(bank)
    steps.refuse_ambiguous(items)
    Terminal(language=language.code).findings(items.findings())
    print(_registry(registry).publish(items, alias=alias))


@bank_app.command(short_help="Let an alias point to a version")
def alias(
    name: Annotated[str, declared("alias_name")],
    reference: Annotated[str, declared("reference")],
    *,
    registry: Folder,
    language: LanguageOption = RU,  # noqa: ARG001 - read before commands are
) -> None:
    """Let an alias point to a published version."""
    print(_registry(registry).move_alias(name, reference))


@bank_app.command(short_help="Let an alias point where it pointed before")
def rollback(
    bank: Annotated[str, declared("bank_id")],
    *,
    registry: Folder,
    alias: Alias = "latest",
    language: LanguageOption = RU,  # noqa: ARG001 - as above
) -> None:
    """Let an alias point where it pointed before."""
    print(_registry(registry).roll_back(bank, alias=alias))


@bank_app.command("list", short_help="Published versions")
def published(*, registry: Folder, language: LanguageOption = RU) -> None:  # noqa: ARG001 - as above
    """List the published versions, and the aliases that point to them."""
    for index in _registry(registry).banks():
        for version, digest in index.versions.items():
            print(f"{index.id}@{version}  {digest[:23]}…  {', '.join(index.aliases_of(version))}".rstrip())


@bank_app.command(short_help="Empty workbook for a new bank")
def template(file: NewBook, *, subject: Annotated[str, declared("subject")] = "", language: LanguageOption = RU) -> None:
    """Write an empty workbook for a new bank: sheets, lists to choose from, an example of each type."""
    from competency_dx.bank import save_bank_template

    Terminal(language=language.code).result(save_bank_template(file, subject=subject, language=language.code))


@bank_app.command("from-xlsx", short_help="Bank out of a workbook")
def from_xlsx(
    file: Annotated[Path, declared("bank_workbook")], folder: Annotated[Path, declared("bank_folder")], *, language: LanguageOption = RU
) -> None:
    """Read the bank of a workbook and write its folder; with faults they are listed by cell and nothing is written."""
    from competency_dx.bank import load_bank_workbook, save_bank

    terminal = Terminal(language=language.code)
    try:
        bank = load_bank_workbook(file)
    except BankError as fault:  # a line for each cell
        terminal.lines(fault.text(language.code).splitlines())
        raise typer.Exit(BAD_INPUT) from None
    terminal.findings(bank.findings())
    terminal.result(save_bank(bank, folder))


@bank_app.command("to-xlsx", short_help="Bank as a workbook")
def to_xlsx(bank: Bank, file: NewBook, *, language: LanguageOption = RU) -> None:
    """Write a bank as a workbook, from which from-xlsx reads the same bank."""
    from competency_dx.bank import load_bank, save_bank_workbook

    Terminal(language=language.code).result(save_bank_workbook(load_bank(bank), file, language=language.code))


@bank_app.command(short_help="What changed between two versions")
def diff(bank: Bank, other: Annotated[str, declared("other_version")], *, language: LanguageOption = RU) -> None:
    """List what changed between two versions of a bank: content, keys, competencies and parameters apart."""
    from competency_dx.bank import ledger_of, load_bank

    _table(ledger_of(load_bank(other)).changes(ledger_of(load_bank(bank))), Terminal(language=language.code))


@bank_app.command(short_help="Whose conclusions would change")
def impact(
    profiles: Annotated[Path, declared("profiles")], bank: Annotated[str, declared("other_version")], *, language: LanguageOption = RU
) -> None:
    """List whose conclusions another version of the bank would change, from the answers that profiles.json keeps."""
    from competency_dx.bank import load_bank
    from competency_dx.competencies import DeficitProfiles, bank_impact

    terminal, found = Terminal(language=language.code), steps.read_result(profiles)
    if not isinstance(found, DeficitProfiles):
        raise DocumentError("result.kind", found=found.kind, kind=DeficitProfiles.kind)
    _table(heard(terminal, lambda: bank_impact(found, load_bank(bank)), known=found.findings), terminal)


def _table(rows: "DataFrame", terminal: Terminal) -> None:
    """Print a table, its numbers with two decimal places, or that there is nothing to print."""
    language = terminal.language
    for name in rows.columns:
        code = name.removesuffix("_after")
        rows[name] = [decimal(x, 2, language) if isinstance(x, float) else code_word(code, str(x), language) for x in rows[name]]
    heads = [column_title(name, language) for name in rows.columns]
    print("\n".join(table_lines(heads, rows.to_numpy().tolist(), len(heads))) if len(rows) else terminal.words("nothing_changed"))
