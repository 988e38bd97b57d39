"""The demo: three subjects of a synthetic region, from the analyst's files to reports, and what the flags are worth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from competency_dx.arrays import value
from competency_dx.bank import ItemBank, Text, load_bank, save_bank
from competency_dx.calibration import Calibration, MarginalML, calibrate
from competency_dx.cli.demo.cohort import make_cohort
from competency_dx.cli.demo.cohort_files import SYNTHETIC, write_cohort
from competency_dx.cli.demo.findings import SYNTHETIC_DATA
from competency_dx.cli.demo.key_review import KeyDoubt, key_doubts, plant_wrong_key, with_key
from competency_dx.cli.demo.pages import (
    HEADS,
    KEY_HEADS,
    LEGEND,
    LEVEL_NAMES,
    TEXT_COLUMNS,
    comparison_rows,
    index_page,
    key_rows,
    narrow,
    readme,
    table_lines,
)
from competency_dx.cli.demo.practice import LEVELS, Comparison, compare, pooled
from competency_dx.cli.terminal import Terminal, heard
from competency_dx.competencies import STATES, DeficitProfiles, diagnose
from competency_dx.display import decimal
from competency_dx.findings import Finding
from competency_dx.reports import report
from competency_dx.responses import Reason, Responses, check_design, load_responses

SUBJECTS = (("mathematics", ".xlsx"), ("history", ".csv"), ("physics", ".parquet"))
PLANTED_IN = "mathematics"
FEW_PERSONS = 300
INDENT = 2

SYNTHETIC_FINDING = SYNTHETIC_DATA.of()


@value
class Study:
    """One subject of the demo, done: where its pages are and how its flags compare with the truth."""

    name: str
    title: Text
    persons: int
    page: Path
    wrong_keys: tuple[tuple[KeyDoubt, str], ...]
    comparisons: tuple[Comparison, ...]


def run_demo(folder: Path, *, persons: int, seed: int, terminal: Terminal) -> None:
    """Run the demo into a folder and tell on stdout which page to open."""
    start = time.perf_counter()
    terminal.say(f"{SYNTHETIC['ru']}: придуманный регион.", f"{SYNTHETIC['en']}: an invented region.")
    terminal.say(
        f"Предметов: {len(SUBJECTS)}, участников по каждому: {persons}, seed {seed}, папка: {folder}",
        f"Subjects: {len(SUBJECTS)}, persons in each: {persons}, seed {seed}, folder: {folder}",
    )
    studies = []
    for place, (name, ending) in enumerate(SUBJECTS):
        rng = np.random.default_rng([seed, place])
        studies.append(_study(name, ending, folder, persons, rng, terminal))
    comparisons = pooled([s.comparisons for s in studies])
    _tell_comparison(comparisons, terminal)
    page = _write_index(folder, studies, comparisons, seed, terminal)
    seconds = decimal(time.perf_counter() - start, 0, terminal.language)
    terminal.say(f"Готово за {seconds} с. Откройте в браузере:", f"Done in {seconds} s. Open in a browser:")
    terminal.result(page)


def _study(name: str, ending: str, folder: Path, persons: int, rng: np.random.Generator, terminal: Terminal) -> Study:
    """Make the cohort of a subject and take it through the whole path."""
    shipped = load_bank(name)
    terminal.say()
    terminal.say(shipped.title.text("ru"), shipped.title.text("en"))
    cohort = make_cohort(shipped, persons, rng, language=terminal.language)
    path = write_cohort(cohort, folder / "data" / f"{name}{ending}", terminal.language)
    bank = plant_wrong_key(cohort)[0] if name == PLANTED_IN else shipped
    data = _load(path, bank, terminal)
    calibration = _calibrate(data, bank, terminal)
    doubts = key_doubts(calibration.findings, data, bank)
    mended = _mended(doubts, bank, shipped, terminal)
    if mended is not bank:
        bank, data = mended, heard(terminal, lambda: load_responses(path, bank=mended), known=data.findings)
        calibration = _calibrate(data, bank, terminal, known=calibration.findings)
    new = labelled(bank.with_calibration(calibration))
    save_bank(new, folder / name / "bank")
    report(_marked(calibration), folder / name / "calibration", language=terminal.language)
    profiles = _diagnose(data, new, terminal)
    with terminal.stage("отчёт", "report", indent=INDENT):
        page = report(profiles, folder / name, language=terminal.language)
    answers = [(d, str(shipped.item(d.item).key)) for d in doubts]
    return Study(
        name=name,
        title=shipped.title,
        persons=persons,
        page=page,
        wrong_keys=tuple((doubt, right) for doubt, right in answers if doubt.key != right),
        comparisons=compare(cohort, profiles),
    )


def labelled(bank: ItemBank) -> ItemBank:
    """Return the bank under an id and titles that say that its parameters come from synthetic data."""
    title = Text(ru=f"{bank.title.text('ru')} — {SYNTHETIC['ru']}", en=f"{bank.title.text('en')} — {SYNTHETIC['en']}")
    note = Text(ru=SYNTHETIC_FINDING.ru, en=SYNTHETIC_FINDING.en)
    return replace(
        bank, header=bank.header.model_copy(update={"id": f"{bank.id}-synthetic", "title": title, "note": note})
    )


def _load(path: Path, bank: ItemBank, terminal: Terminal) -> Responses:
    """Read the analyst's file back and tell what was in it."""
    data = heard(terminal, lambda: load_responses(path, bank=bank), indent=INDENT)
    counts = np.bincount(data.reasons.ravel(), minlength=len(Reason))
    absent = int((~data.observed.any(axis=1)).sum())
    terminal.say(
        f"прочитан data/{path.name}: участников {len(data.persons)} (не явились {absent}), ответов "
        f"{counts[Reason.ANSWERED]}, пропущено {counts[Reason.OMITTED]}, не достигнуто {counts[Reason.NOT_REACHED]}",
        f"read data/{path.name}: {len(data.persons)} persons ({absent} absent), {counts[Reason.ANSWERED]} answers, "
        f"{counts[Reason.OMITTED]} omitted, {counts[Reason.NOT_REACHED]} not reached",
        indent=INDENT,
    )
    terminal.findings([f for f in check_design(data) if f.severity == "error"], indent=INDENT)
    return data


def _calibrate(data: Responses, bank: ItemBank, terminal: Terminal, *, known: Sequence[Finding] = ()) -> Calibration:
    """Calibrate with the model that the number of persons allows."""
    n = int(data.observed.any(axis=1).sum())
    model = "PCM" if n < FEW_PERSONS else "GPCM"

    def verb() -> Calibration:
        with terminal.stage(
            f"калибровка {model}, {n} чел.", f"calibration {model}, {n} persons", indent=INDENT
        ) as show:
            method = MarginalML(progress=lambda step, log_l, _: show(f"{step}, log L {log_l:.1f}"))
            return calibrate(data, model=model, bank=bank, priors="weak", method=method)

    return heard(terminal, verb, known=[*data.findings, *known], indent=INDENT)


def _mended(doubts: Sequence[KeyDoubt], bank: ItemBank, shipped: ItemBank, terminal: Terminal) -> ItemBank:
    """Show each doubtful key, look it up with the author of the item, and return the bank with wrong ones put right."""
    out = bank
    for doubt in doubts:
        _tell_doubt(doubt, terminal)
        right = str(shipped.item(doubt.item).key)
        if right == doubt.key:
            terminal.say(
                f"по решению автора задания ключ {doubt.key} верен: оставлен",
                f"the author's solution confirms the key {doubt.key}: kept",
                indent=INDENT + 3,
            )
            continue
        terminal.say(
            f"по решению автора задания верен {right}: ключ исправлен, ответы оцениваются заново",
            f"the author's solution says {right}: the key is corrected, the answers are scored again",
            indent=INDENT + 3,
        )
        out = with_key(out, doubt.item, right)
    return out


def _tell_doubt(doubt: KeyDoubt, terminal: Terminal) -> None:
    other = doubt.suggestion
    terminal.say(
        f"проверка ключа {doubt.item}: в банке {doubt.key}, "
        + (f"на ключ похоже {other}" if other else "другого ответа, похожего на ключ, нет"),
        f"key check of {doubt.item}: the bank says {doubt.key}, "
        + (f"{other} behaves like the key" if other else "no other answer behaves like a key"),
        indent=INDENT + 3,
    )
    rows = key_rows(doubt, terminal.language)
    terminal.lines(table_lines(KEY_HEADS[terminal.language], rows, texts=1), indent=INDENT + 3)


def _diagnose(data: Responses, bank: ItemBank, terminal: Terminal) -> DeficitProfiles:
    """Diagnose, mark the result as synthetic, and tell what can be concluded at all."""

    def verb() -> DeficitProfiles:
        with terminal.stage("диагностика", "diagnosis", indent=INDENT):
            return diagnose(data, bank)

    profiles = heard(terminal, verb, known=data.findings, indent=INDENT)
    texts = {language: _conclusions(profiles, language) for language in ("ru", "en")}
    terminal.say(texts["ru"], texts["en"], indent=INDENT)
    return replace(profiles, findings=(SYNTHETIC_FINDING, *profiles.findings))


def _conclusions(profiles: DeficitProfiles, language: str) -> str:
    """Return how many conclusions the data carry at each level, and how many deficits are confirmed."""
    state, given = profiles.state, profiles.n_items > 0
    drawn = given & (state != STATES.index("insufficient_data"))
    kinds = np.array([c.kind for c in profiles.competencies])
    of = "из" if language == "ru" else "of"
    levels = ", ".join(
        f"{LEVEL_NAMES[language][level]} {int(drawn[:, kinds == level].sum())} {of} {int(given[:, kinds == level].sum())}"
        for level in reversed(LEVELS)
    )
    confirmed = int((state == STATES.index("confirmed")).sum())
    if language == "ru":
        return f"данных хватает на выводы: {levels}; подтверждённых дефицитов {confirmed}"
    return f"enough data for conclusions: {levels}; confirmed deficits {confirmed}"


def _marked(calibration: Calibration) -> Calibration:
    return replace(calibration, findings=(SYNTHETIC_FINDING, *calibration.findings))


def _tell_comparison(comparisons: Sequence[Comparison], terminal: Terminal) -> None:
    terminal.say()
    terminal.say(
        "Сравнение с истиной, по которой порождены ответы (дефицит: меньше 60 % на всём наборе заданий):",
        "Against the truth the answers were drawn from (deficit: below 60 % of the whole item set):",
    )
    language = terminal.language
    heads, *rows = narrow([HEADS[language], *comparison_rows(comparisons, language)])
    terminal.lines(table_lines(heads, rows, texts=TEXT_COLUMNS), indent=INDENT)
    terminal.say()
    for line in (LEGEND[language][0], LEGEND[language][2]):
        terminal.say(line, line, indent=INDENT)
    terminal.say()


def _write_index(
    folder: Path, studies: Sequence[Study], comparisons: Sequence[Comparison], seed: int, terminal: Terminal
) -> Path:
    language = terminal.language
    links = [(s.name, s.title.text(language)) for s in studies]
    keys = [pair for s in studies for pair in s.wrong_keys]
    page = folder / "index.html"
    page.write_text(index_page(links, keys, comparisons, studies[0].persons, seed, language), encoding="utf-8")
    (folder / "README.txt").write_text(readme(language, seed), encoding="utf-8")
    return page
