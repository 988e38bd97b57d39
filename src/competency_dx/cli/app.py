"""The commands: load, one verb, write. Declared for typer, which reads the annotations at run time."""

from pathlib import Path
from typing import Annotated

import typer

from competency_dx.bank import ItemBank, load_bank, save_bank
from competency_dx.calibration import Calibration, MarginalML
from competency_dx.calibration import calibrate as calibrate_items
from competency_dx.cli import options
from competency_dx.cli.demo.run import run_demo
from competency_dx.cli.documents import read_result, write_result
from competency_dx.cli.options import Language, MethodName, Model, PriorsName
from competency_dx.cli.terminal import Terminal, heard
from competency_dx.cli.validation import bank_lines
from competency_dx.competencies import diagnose as diagnose_persons
from competency_dx.errors import CommandError
from competency_dx.provenance import library_version
from competency_dx.reports import report as write_report
from competency_dx.responses import Layout, Responses, load_responses
from competency_dx.scoring import EAP, MAP, ML, WLE, Method, SumScore
from competency_dx.scoring import score as score_persons

FEW_PERSONS = 300
"""Below this number slopes are not estimated freely (the sample-size adviser)."""
METHODS: dict[MethodName, Method] = {
    MethodName.EAP: EAP(),
    MethodName.MAP: MAP(),
    MethodName.ML: ML(),
    MethodName.WLE: WLE(),
    MethodName.SumScore: SumScore(),
}
SCORE_FILES = (".csv", ".xlsx", ".json", ".html")

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Diagnostics of teachers' competencies: item bank and raw answers in, deficit profiles out.\n\n"
    "Диагностика компетенций учителей: банк заданий и ответы на входе, профили дефицитов на выходе.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(library_version())
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version")
    ] = False,
) -> None:
    """Read the options that stand before the command."""


@app.command(short_help="Whole path on a synthetic region. Весь путь на примере")
def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write into")] = Path("competency-dx-demo"),
    language: options.LanguageOption = Language.ru,
    persons: Annotated[int, typer.Option("--persons", min=40, max=5000, help="Persons per subject")] = 240,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the synthetic data")] = 20,
) -> None:
    """Show the whole path on a synthetic region: three subjects, reports, comparison with the known truth.

    Показать весь путь на синтетическом регионе: три предмета, отчёты, сравнение с известной истиной.
    """
    run_demo(folder, persons=persons, seed=seed, terminal=Terminal(language=language.code))


@app.command(short_help="Check an item bank. Проверить банк заданий")
def validate(
    bank: Annotated[str, typer.Argument(metavar="BANK", help="Shipped bank by name, or folder", show_default=False)],
    language: options.LanguageOption = Language.ru,
) -> None:
    """Check an item bank: summary, findings, coverage of the framework.

    Проверить банк заданий: сводка, замечания, покрытие рамки компетенций.
    """
    print("\n".join(bank_lines(load_bank(bank), Terminal(language=language.code))))


@app.command(short_help="Calibrate items on answers. Откалибровать задания")
def calibrate(
    responses: options.ResponsesFile,
    *,
    bank: options.BankName,
    out: options.OutFolder,
    model: Annotated[
        Model | None, typer.Option("--model", help="[default: PCM below 300 persons, otherwise GPCM]")
    ] = None,
    priors: Annotated[PriorsName, typer.Option("--priors", help="weak, or none for plain maximum likelihood")] = (
        PriorsName.weak
    ),
    language: options.LanguageOption = Language.ru,
    person: options.PersonColumn = None,
    form: options.FormColumn = None,
    sheet: options.SheetName = None,
    drop_personal_data: options.DropPersonal = False,
    attempts: options.AttemptsOption = options.Attempts.error,
    cells: options.CellsOption = options.Cells.auto,
) -> None:
    """Calibrate the items of a bank on answers: new bank, calibration.json, report.

    Откалибровать задания банка по ответам: новый банк, calibration.json, отчёт.
    """
    terminal, known = Terminal(language=language.code), load_bank(bank)
    data = _read(
        terminal, responses, known, options.layout_of(person, form, sheet, drop_personal_data, (attempts, cells))
    )
    chosen = model or _advised(terminal, data)
    found = _calibrated(terminal, data, known, chosen, None if priors == PriorsName.none else "weak")
    terminal.result(save_bank(known.with_calibration(found), out / "bank"))
    terminal.result(write_result(found, out / "calibration.json"))
    terminal.result(write_report(found, out / "report", language=language.code))


@app.command(short_help="Estimate abilities with errors. Оценить участников")
def score(
    responses: options.ResponsesFile,
    *,
    bank: options.BankName,
    out: options.OutFile,
    method: Annotated[MethodName, typer.Option("--method", help="Kind of estimate")] = MethodName.EAP,
    language: options.LanguageOption = Language.ru,
    person: options.PersonColumn = None,
    form: options.FormColumn = None,
    sheet: options.SheetName = None,
    drop_personal_data: options.DropPersonal = False,
    attempts: options.AttemptsOption = options.Attempts.error,
    cells: options.CellsOption = options.Cells.auto,
    row_numbers: options.RowNumbers = False,
) -> None:
    """Estimate every person's ability with its error: one table.

    Оценить подготовку каждого участника с погрешностью: одна таблица.
    """
    if out.suffix.lower() not in SCORE_FILES:
        raise CommandError(f"{out}: scores are written as {', '.join(SCORE_FILES)}; give --out such a file")
    terminal, known = Terminal(language=language.code), load_bank(bank)
    data = _read(
        terminal, responses, known, options.layout_of(person, form, sheet, drop_personal_data, (attempts, cells))
    )
    _need_ids(data, responses, row_numbers)
    found = heard(terminal, lambda: score_persons(data, known, method=METHODS[method]), known=data.findings)
    terminal.result(write_report(found, out, language=language.code))


@app.command(short_help="Write deficit profiles. Построить профили дефицитов")
def diagnose(
    responses: options.ResponsesFile,
    *,
    bank: options.BankName,
    out: options.OutFolder,
    language: options.LanguageOption = Language.ru,
    person: options.PersonColumn = None,
    form: options.FormColumn = None,
    sheet: options.SheetName = None,
    drop_personal_data: options.DropPersonal = False,
    attempts: options.AttemptsOption = options.Attempts.error,
    cells: options.CellsOption = options.Cells.auto,
    row_numbers: options.RowNumbers = False,
) -> None:
    """Write deficit profiles: profiles.json, tables, a page for the cohort and one for each person.

    Построить профили дефицитов: profiles.json, таблицы, страница группы и страница каждого участника.
    """
    terminal, known = Terminal(language=language.code), load_bank(bank)
    data = _read(
        terminal, responses, known, options.layout_of(person, form, sheet, drop_personal_data, (attempts, cells))
    )
    _need_ids(data, responses, row_numbers)
    profiles = heard(terminal, lambda: diagnose_persons(data, known), known=data.findings)
    with terminal.stage("Отчёт", "Report"):
        page = write_report(profiles, out, language=language.code)
    terminal.result(write_result(profiles, out / "profiles.json"))
    terminal.result(page)


@app.command(short_help="Report of any result document. Отчёт по документу")
def report(
    result: Annotated[Path, typer.Argument(metavar="RESULT.json", help="Any result document", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER_OR_FILE", help="Where to write", show_default=False)],
    language: options.LanguageOption = Language.ru,
) -> None:
    """Write the report of a result document: bank, responses, calibration, scores or profiles.

    Сделать отчёт по документу результата: банк, ответы, калибровка, оценки или профили.
    """
    Terminal(language=language.code).result(write_report(read_result(result), out, language=language.code))


def _read(terminal: Terminal, path: Path, bank: ItemBank, layout: Layout) -> Responses:
    """Read a table of answers and tell what was found in it."""
    data = heard(terminal, lambda: load_responses(path, bank=bank, layout=layout))
    terminal.say(
        f"Прочитано: участников {len(data.persons)}, заданий {len(data.items)}, ответов {int(data.observed.sum())}",
        f"Read: {len(data.persons)} persons, {len(data.items)} items, {int(data.observed.sum())} answers",
    )
    terminal.remarks(data.findings)
    return data


def _need_ids(data: Responses, path: Path, row_numbers: bool) -> None:
    """Refuse results for persons whom nobody could find again."""
    if not row_numbers and any(f.code == "responses.row_numbers" for f in data.findings):
        raise CommandError(
            f"{path}: no column of person ids was found; name it with --person COLUMN, or number the rows with "
            "--row-numbers"
        )


def _advised(terminal: Terminal, data: Responses) -> Model:
    n = int(data.observed.any(axis=1).sum())
    model = Model.PCM if n < FEW_PERSONS else Model.GPCM
    terminal.say(f"Модель {model.value}: участников с ответами {n}", f"Model {model.value}: {n} persons with answers")
    return model


def _calibrated(terminal: Terminal, data: Responses, bank: ItemBank, model: Model, priors: str | None) -> Calibration:
    def verb() -> Calibration:
        with terminal.stage("Калибровка", "Calibration") as show:
            method = MarginalML(progress=lambda step, value, _: show(f"{step}, log L {value:.1f}"))
            return calibrate_items(data, model=model.value, bank=bank, priors=priors, method=method)

    return heard(terminal, verb, known=data.findings)
