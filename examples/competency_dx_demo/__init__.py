"""The demo: three subjects of a synthetic region, from the analyst's files to reports, and what the flags are worth.

The latter is measured on a cohort whose truth is known: today's percent-correct rule against the engine. Today's practice calls a
block a deficit when less than 60 % of its points were earned, blanks counting as 0. A block is truly a deficit when the person's
expected percent on the whole reference set, under the parameters and abilities that the answers were drawn with, lies below 60.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from competency_dx.adaptive import next_items
from competency_dx.arrays import Bools, Floats
from competency_dx.bank import ItemBank, Text, load_bank, save_bank
from competency_dx.calibration import SuspectedKey, suspected_keys
from competency_dx.cli.arguments import Estimation
from competency_dx.cli.steps import ONE_SCALE, advised_model, calibrated
from competency_dx.cli.terminal import Row, Terminal, heard, table_lines, width
from competency_dx.competencies import STATES, DeficitProfiles, diagnose
from competency_dx.display import FONT, count, decimal, percent
from competency_dx.errors import CommandError
from competency_dx.findings import Template
from competency_dx.misconceptions import find_misconceptions
from competency_dx.reports import page_templates, report
from competency_dx.responses import Reason, Responses, check_design, load_responses
from competency_dx.result import DataFrame
from competency_dx.storage import write_whole
from competency_dx_demo.raw_answers import words
from competency_dx_demo.region import RegionCohort, asked_items, make_cohort, plant_wrong_key, with_key, write_cohort

SUBJECTS = (("mathematics", ".xlsx"), ("history", ".csv"), ("physics", ".parquet"))
PLANTED_IN = "mathematics"
INDENT, NARROW = 2, 12
ASKED = 3  # items that a person's page says to ask next
README = "README.txt"
WRITTEN = ("data", "index.html")
"""What an earlier demo may have left in its folder, beside its subjects."""
SYNTHETIC_FINDING = Template("cli.synthetic").of()
LEVELS = ("domain", "cluster", "category")
LINE = 60.0
CONFIRMED, LIKELY, NOT_FOUND = (STATES.index(s) for s in ("confirmed", "likely", "not_found"))


class KeyCheck(NamedTuple):
    """A doubtful key, the one of the item's author, and a row for each option: code (* the key), share, % on the rest."""

    suspected: SuspectedKey
    key: str
    right: str
    rows: list[Row]


class Study(NamedTuple):
    """One subject of the demo, done: the keys that were looked at, and how its flags compare with the truth."""

    name: str
    title: str
    checks: list[KeyCheck]
    counts: DataFrame
    data: Responses
    bank: ItemBank
    profiles: DeficitProfiles


def prepared(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder that holds more than an earlier demo of these subjects left in it."""
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if folder.exists() and (not folder.is_dir() or (held and not (README in held and held <= {*WRITTEN, README, *names}))):
        raise CommandError("cli.demo_folder", folder=folder, held=sorted(held))


def run_demo(folder: Path, *, persons: int, seed: int, terminal: Terminal) -> None:
    """Run the demo into a folder and tell on stdout which page to open."""
    prepared(folder, [name for name, _ in SUBJECTS])
    start = time.perf_counter()
    t = words(terminal.language)
    terminal.say(t["start"].format_map(t))
    terminal.say(t["plan"].format(subjects=len(SUBJECTS), persons=persons, seed=seed, folder=folder))
    studies = []
    for place, (name, ending) in enumerate(SUBJECTS):
        rng = np.random.default_rng([seed, place])
        cohort = make_cohort(asked_items(load_bank(name)), persons, rng, language=terminal.language)
        bank = plant_wrong_key(cohort)[0] if name == PLANTED_IN else cohort.bank
        studies.append(study(cohort, bank, folder / "data" / f"{name}{ending}", terminal))
    rows = comparison_rows(sum((s.counts for s in studies[1:]), studies[0].counts), terminal.language)
    terminal.say()
    terminal.say(t["against_truth"])
    narrow = [(*row[:5], *row[6:]) for row in (t["heads"], *rows)]  # 80 columns have no room for the announced share
    inner = replace(terminal, indent=terminal.indent + INDENT)
    show_table(inner, narrow[0], narrow[1:], texts=2)
    terminal.say()
    for line in (t["legend"][0], t["legend"][2]):
        inner.say(line)
    terminal.say()
    checks = [check for study in studies for check in study.checks if check.right != check.key]
    write_page(
        folder, "start", {"studies": studies, "checks": checks, "persons": persons, "seed": seed, "comparison": rows}, terminal, start
    )


def write_page(folder: Path, name: str, values: Mapping[str, object], terminal: Terminal, start: float) -> None:
    """Write the page of a template and the file that says what is in the folder, and tell which page to open."""
    t = words(terminal.language)
    write_whole(folder / README, t[f"{name}_readme"].format_map(values).encode())
    template = page_templates().from_string(files("competency_dx_demo").joinpath(f"{name}.html").read_text("utf-8"))
    text = template.render({"t": t, "language": terminal.language, "font": FONT, **values})
    page = write_whole(folder / "index.html", text.encode())
    terminal.say(t["done"].format(seconds=decimal(time.perf_counter() - start, 0, terminal.language)))
    terminal.result(page)


def study(cohort: RegionCohort, bank: ItemBank, path: Path, terminal: Terminal, *, scale: Estimation = ONE_SCALE) -> Study:
    """Take the cohort of a subject through the whole path, with the keys of a bank."""
    shipped, folder, language = cohort.bank, path.parents[1] / path.stem, terminal.language
    terminal.say()
    terminal.say(shipped.title.text(language))
    terminal = replace(terminal, indent=terminal.indent + INDENT)
    write_cohort(cohort, path, language)
    data = _read(path, bank, terminal)
    model = advised_model(data)
    calibration = calibrated(terminal, data, bank, model=model, priors="weak", estimation=scale)
    suspected = [s for s in suspected_keys(data) if bank.item(s.item).type == "single"]
    checks = [_key_check(s, bank, shipped, replace(terminal, indent=terminal.indent + 3)) for s in suspected]
    if any(check.right != check.key for check in checks):
        for check in checks:
            bank = with_key(bank, check.suspected.item, check.right)
        data = heard(terminal, lambda: load_responses(path, bank=bank), known=data.findings)
        calibration = calibrated(terminal, data, bank, model=model, priors="weak", estimation=scale, known=calibration.findings)
    labelled = bank.with_calibration(calibration, date="")  # the same bytes on any day
    title = Text(**{lang: f"{bank.title.text(lang)} — {words(lang)['synthetic']}" for lang in ("ru", "en")})
    update = {"id": f"{bank.id}-synthetic", "title": title, "note": Text(ru=SYNTHETIC_FINDING.ru, en=SYNTHETIC_FINDING.en)}
    labelled = replace(labelled, header=labelled.header.model_copy(update=update))
    save_bank(labelled, folder / "bank")
    calibration = replace(calibration, findings=(SYNTHETIC_FINDING, *calibration.findings))
    report(calibration, folder / "calibration", language=language)
    profiles = _diagnosed(data, labelled, terminal)
    with terminal.stage(words(language)["reporting"]):
        report(profiles, folder, language=language)
    return Study(path.stem, shipped.title.text(language), checks, compare(cohort, profiles), data, labelled, profiles)


def _read(path: Path, bank: ItemBank, terminal: Terminal) -> Responses:
    """Read the analyst's file back and tell what was in it."""
    data = heard(terminal, lambda: load_responses(path, bank=bank))
    counts = np.bincount(data.reasons.ravel(), minlength=len(Reason))
    absent = int((~data.observed.any(axis=1)).sum())
    cells = {reason.name.lower(): counts[reason] for reason in Reason}
    t = words(terminal.language)
    terminal.say(t["read"].format(file=path.name, persons=len(data.persons), absent=absent, **cells))
    terminal.findings([f for f in check_design(data) if f.severity == "error"])
    return data


def _key_check(suspected: SuspectedKey, bank: ItemBank, shipped: ItemBank, terminal: Terminal) -> KeyCheck:
    """Show a doubtful key and the use of its options, and look the right one up with the author of the item."""
    t, key, right = words(terminal.language), *(str(b.item(suspected.item).key) for b in (bank, shipped))
    shares = {use.code: [percent(100 * x, terminal.language) for x in (use.share, use.rest)] for use in suspected.options}
    rows: list[Row] = [(code + "*" * (code == key), *texts) for code, texts in shares.items()]
    seen = t["suggested" if suspected.suggestion else "nothing_suggested"].format(suggestion=suspected.suggestion)
    terminal.say(t["key_check"].format(item=suspected.item, key=key, seen=seen))
    show_table(terminal, t["key_heads"], rows, texts=1)
    terminal.say(t["kept" if right == key else "corrected"].format(right=right))
    return KeyCheck(suspected, key, right, rows)


def _diagnosed(data: Responses, bank: ItemBank, terminal: Terminal) -> DeficitProfiles:
    """Diagnose, mark the result as synthetic, and tell how many conclusions the data carry at each level."""
    t = words(terminal.language)

    def verb() -> DeficitProfiles:
        with terminal.stage(t["diagnosing"]):
            profiles = diagnose(data, bank)
            profiles = profiles.with_next_items(next_items(profiles, bank, n=ASKED))
            return profiles.with_misconceptions(find_misconceptions(data, bank)) if bank.misconceptions else profiles

    profiles = heard(terminal, verb, known=data.findings)
    given = profiles.n_items > 0
    drawn = given & (profiles.state != STATES.index("insufficient_data"))
    kinds = np.array([c.kind for c in profiles.competencies])
    counts = {k: {"drawn": drawn[:, kinds == k].sum(), "given": given[:, kinds == k].sum()} for k in reversed(LEVELS)}
    levels = [t["concluded"].format(level=t["levels"][k], **n) for k, n in counts.items()]
    terminal.say(t["conclusions"].format(levels=", ".join(levels), confirmed=(profiles.state == CONFIRMED).sum()))
    return replace(profiles, findings=(SYNTHETIC_FINDING, *profiles.findings))


def comparison_rows(counts: DataFrame, language: str) -> list[Row]:
    """Return two rows for each level: today's practice and the engine."""
    t, table, out = words(language), shares(counts), list[Row]()
    for (level, way), row in zip(table.index.tolist(), table.to_numpy(dtype=float).tolist(), strict=True):
        name = t["levels"][level] if way == "practice" else ""
        numbers = (count(int(n), language) for n in row[:2])
        out.append((name, t["ways"][way], *numbers, *(percent(100 * x, language) for x in row[2:])))
    return out


def compare(cohort: RegionCohort, profiles: DeficitProfiles) -> DataFrame:
    """Count how both ways of judging agree with the truth on domains, clusters and the whole test.

    The frame has two rows for each level, ``practice`` and ``engine``; those of several subjects can be added. Columns:
    ``judged`` persons × blocks with items in the form, ``deficits`` true ones among them, ``flags`` blocks called a
    deficit, ``false_flags`` those that are none, ``missed`` true deficits declared to be none, ``undecided`` blocks
    about which nothing is said, ``announced`` false flags that the engine itself predicts (the sum of 1 - P over its flags).
    """
    import pandas as pd

    kinds = np.array([c.kind for c in profiles.competencies])
    of = {fact.item: fact.competencies for fact in profiles.items}
    member = np.array([[c.code in of[item.id] for item in cohort.bank.items] for c in profiles.competencies])
    truly = true_percent(cohort, member) < LINE
    earned, given = percent_correct(cohort, member)
    flagged = np.isin(profiles.state, (CONFIRMED, LIKELY))
    ways = {"practice": (earned < LINE, earned >= LINE), "engine": (flagged, profiles.state == NOT_FOUND)}
    out = {}
    for level in LEVELS:
        chosen = given & (kinds == level)
        for way, (flags, cleared) in ways.items():
            out[level, way] = {
                "judged": chosen.sum(),
                "deficits": (chosen & truly).sum(),
                "flags": (chosen & flags).sum(),
                "false_flags": (chosen & flags & ~truly).sum(),
                "missed": (chosen & cleared & truly).sum(),
                "undecided": (chosen & ~flags & ~cleared).sum(),
                "announced": (1 - profiles.p_deficit)[chosen & flags].sum() if way == "engine" else np.nan,
            }
    return pd.DataFrame.from_dict(out, orient="index")


def shares(counts: DataFrame) -> DataFrame:
    """Return the counts with false and announced flags as shares of the flags, the rest as shares of the deficits."""
    flags, deficits = counts["flags"].replace(0, np.nan), counts["deficits"].replace(0, np.nan)
    hits = counts["flags"] - counts["false_flags"]
    return counts[["judged", "flags"]].assign(
        false=counts["false_flags"] / flags,
        announced=counts["announced"] / flags,
        found=hits / deficits,
        missed=counts["missed"] / deficits,
        open=(counts["deficits"] - hits - counts["missed"]) / deficits,
    )


def true_percent(cohort: RegionCohort, member: Bools) -> Floats:
    """Return the expected percent (P, C) on the reference items of every competency; `member` (C, I) tells its items."""
    reference = set(cohort.bank.reference_set)
    weight = member * np.array([item.id in reference for item in cohort.bank.items], dtype=float)
    return np.asarray(100 * (cohort.expected @ weight.T) / (weight @ cohort.top))


def percent_correct(cohort: RegionCohort, member: Bools) -> tuple[Floats, Bools]:
    """Return the percent of the form's points that was earned (P, C), and where the form has items of the competency.

    Blanks count as 0, as they do in a spreadsheet; whoever did not come is judged on nothing.
    """
    possible = ((cohort.reasons != Reason.NOT_ADMINISTERED) * cohort.top) @ member.T.astype(float)
    given = possible > 0
    return 100 * (cohort.points @ member.T.astype(float)) / np.where(given, possible, 1.0), given


def show_table(terminal: Terminal, heads: Row, rows: Sequence[Row], texts: int = 0) -> None:
    """Write a table on stderr: the first `texts` columns flush left, the others flush right, long cells over several lines."""
    widths, room = [max(map(len, column)) for column in zip(heads, *rows, strict=True)], width() - terminal.indent - 2 * len(heads) + 2
    while sum(widths) > room and max(widths) > NARROW:
        widths[widths.index(max(widths))] -= 1
    lines: list[Row] = []
    for row in (heads, *rows):
        cells = (textwrap.wrap(c, w, break_long_words=False, break_on_hyphens=False) for c, w in zip(row, widths, strict=True))
        lines += zip_longest(*cells, fillvalue="")
    terminal.lines(" " * terminal.indent + line for line in table_lines(lines[0], lines[1:], texts))
