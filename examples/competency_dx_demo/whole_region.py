"""The demo of a whole region: two diagnoses of every category a year apart, groups, routes and growth; faults planted and named.

A teacher has one general ability in the test of the category and in that of all. In the volunteers' municipalities a third was
assessed, those who are sure of themselves; elsewhere most were, by lot. Between the diagnoses some take a programme.
"""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr
from dataclasses import replace
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, Names
from competency_dx.bank import Form, ItemBank, Text, load_bank, shipped_banks
from competency_dx.cli.arguments import Estimation
from competency_dx.cli.steps import ONE_SCALE, advised_model, calibrated
from competency_dx.cli.terminal import LanguageCode, Row, Terminal, heard
from competency_dx.competencies import DeficitProfiles, diagnose
from competency_dx.display import count, interval, percent
from competency_dx.errors import CommandError
from competency_dx.groups import GroupReport, compare_groups
from competency_dx.growth import Growth, measure_growth
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.linking import link
from competency_dx.models import moved
from competency_dx.raters import check_agreement, load_ratings
from competency_dx.reports import report
from competency_dx.responses import Reason, load_responses
from competency_dx.routes import Effect, Routes, load_catalogue, recommend
from competency_dx_demo import INDENT, Study, prepared, show_table, study, write_page
from competency_dx_demo.raw_answers import words
from competency_dx_demo.region import (
    RegionCohort,
    Sitting,
    Truth,
    asked_items,
    cohort_of,
    domain_weights,
    draw_truth,
    plant_wrong_key,
    write_cohort,
)  # fmt: skip

COMMON, HOURS, BY_COMPETENCY = "common", 72.0, Estimation(dimensions="competencies")
EXPERTS, SLIPS, FAR = 24, 0.1, 5.0
MUNICIPALITIES, VOLUNTEERS = 26, 2
FEWEST = 1000  # persons who fill them and the categories: ten of a category and more
ASSESSED, SELECTED = 0.85, 0.35
"""Shares of the teachers of a municipality who were assessed, by lot and as volunteers."""
BETWEEN, SURE = 0.35, 0.7  # SD of municipal means, and of what besides the general ability makes a volunteer
PROCESSES = min(2, os.cpu_count() or 1)
BLOCKS = 3  # of items of the test of all; a form has all but one of them
STAYED, TOOK = 0.85, 0.6  # shares of those who came again, and of those with a route who took its first step
GAIN, YEAR = 0.5, 0.25  # in θ: what a programme brings in the domains it is for, and the SD of what a year does anyhow
EASIER, HALF = 1.0, 0.5  # by how much the drifted item became, in θ; the coverage below which a municipality has a mark


class Teachers(NamedTuple):
    """All teachers of the region (N): places of municipality and category, general ability, whether assessed; and municipal means."""

    persons: Names
    municipality: Ints
    category: Ints
    general: Floats
    assessed: Bools
    means: Floats
    volunteers: Ints


class Fault(NamedTuple):
    """What was planted, and what the check that looks for it named."""

    kind: str
    planted: tuple[str, ...]
    named: tuple[str, ...]


class Subject(NamedTuple):
    """A test of the region, done, and what is true: of `known` teachers, and of those who came again, whose papers are `second`."""

    study: Study
    groups: GroupReport
    routes: Routes
    growth: Growth
    faults: tuple[Fault, ...]
    cohort: RegionCohort
    second: RegionCohort
    known: Ints
    truth: Truth
    later: Truth
    rng: np.random.Generator


def run_region(
    folder: Path, *, persons: int, seed: int, terminal: Terminal, processes: int = PROCESSES
) -> tuple[Teachers, list[Subject]]:
    """Run the demo of a region into a folder and tell which page to open."""
    start, t, language = time.perf_counter(), words(terminal.language), terminal.language
    names = [*(name for name in shipped_banks() if name != COMMON), COMMON]
    prepared(folder, names)
    if persons < FEWEST:
        raise CommandError("cli.demo_region", persons=persons, places=MUNICIPALITIES, categories=len(names) - 1, least=FEWEST)
    terminal.say(t["start"].format_map(t))
    teachers = draw_teachers(persons, len(names) - 1, np.random.default_rng([seed, len(names)]))
    subjects, faults = [*side_by_side(names, teachers, (folder, terminal), seed, processes)], list[Row]()
    for kind, planted, named in (fault for s in subjects for fault in s.faults):
        verdict = "missed" if {*planted} - {*named} else "others" if {*named} - {*planted} else "named"
        faults.append((t["faults"][kind], ", ".join(planted), ", ".join(named) or "—", t["verdicts"][verdict]))
    terminal.say()
    show_table(terminal, t["fault_heads"], faults, texts=4)
    g = subjects[-1].groups
    places = [_line(g, r, language) for r in range(1, len(g)) if g.shown[r]]
    tests = [(s.study.name, s.study.title, *_line(s.groups, 0, language)[2:5], *_sums(s.routes, language)) for s in subjects]
    of_category = subjects[:-1]
    demand = [s.routes.demand(s.study.profiles, t["columns"][1]) for s in of_category]
    report([s.groups for s in of_category], folder / "categories", language=language, demand=demand)
    numbers = {"persons": persons, "everybody": len(teachers.persons), "seed": seed}
    write_page(folder, "region", numbers | {"faults": faults, "places": places, "tests": tests}, terminal, start)
    return teachers, subjects


def side_by_side(
    names: Sequence[str], teachers: Teachers, into: tuple[Path, Terminal], seed: int, processes: int = PROCESSES
) -> Iterator[Subject]:
    """Yield the tests in order, worked out by processes side by side or by this one; that of all takes longest and is begun first."""
    jobs: dict[str, tuple[str, Teachers, Ints, tuple[Path, Terminal], np.random.Generator]] = {}
    for k, name in enumerate(names):
        rows = np.flatnonzero(teachers.assessed & ((teachers.category == k) | (name == COMMON)))
        jobs[name] = (name, teachers, rows, into, np.random.default_rng([seed, k]))
    if processes == 1:
        yield from (_subject(*job) for job in jobs.values())
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        begun = {name: pool.submit(_heard_subject, *jobs[name]) for name in sorted(names, key=lambda name: name != COMMON)}
        for name in names:
            subject, told = begun[name].result()
            into[1].lines(told.splitlines())
            yield subject


def _heard_subject(
    name: str, teachers: Teachers, rows: Ints, into: tuple[Path, Terminal], rng: np.random.Generator
) -> tuple[Subject, str]:
    """Return a test, and what the process that took it through has told."""
    with redirect_stderr(io.StringIO()) as told, one_blas_thread():  # the other core has a process of its own
        return _subject(name, teachers, rows, into, rng), told.getvalue()


def draw_teachers(assessed: int, categories: int, rng: np.random.Generator) -> Teachers:
    """Draw the teachers of a region of whom so many were assessed."""
    shares = rng.gamma(4.0, size=MUNICIPALITIES)
    n = 20 + rng.multinomial(assessed - 20 * MUNICIPALITIES, shares / shares.sum())
    volunteers = np.sort(rng.choice(MUNICIPALITIES, size=VOLUNTEERS, replace=False))
    heads = np.rint(n / np.where(np.isin(np.arange(MUNICIPALITIES), volunteers), SELECTED, ASSESSED)).astype(np.int64)
    municipality = np.repeat(np.arange(MUNICIPALITIES), heads)
    general, chosen = rng.normal(size=len(municipality)), np.zeros(len(municipality), dtype=np.bool_)
    eager = general + SURE * rng.normal(size=len(general))
    for m in range(MUNICIPALITIES):
        rows = np.flatnonzero(municipality == m)
        order = np.argsort(-eager[rows]) if m in volunteers else rng.permutation(len(rows))
        chosen[rows[order[: n[m]]]] = True
    mix = rng.gamma(6.0, size=categories)
    category = rng.choice(categories, size=len(municipality), p=mix / mix.sum())
    persons = np.array([f"T{k + 1:05d}" for k in range(len(municipality))], dtype=object)
    return Teachers(persons, municipality, category, general, chosen, BETWEEN * rng.normal(size=MUNICIPALITIES), volunteers)


def _subject(name: str, teachers: Teachers, rows: Ints, into: tuple[Path, Terminal], rng: np.random.Generator) -> Subject:
    """Take a test through both diagnoses: of a category, or of all."""
    (folder, terminal), everybody = into, name == COMMON
    language, t, inner = terminal.language, words(terminal.language), replace(terminal, indent=terminal.indent + INDENT)
    bank = linked_forms(asked_items(load_bank(name))) if everybody else asked_items(load_bank(name))
    known = np.arange(len(teachers.persons)) if everybody else rows
    truth = draw_truth(bank, teachers.means[teachers.municipality[known]], rng, teachers.general[known])
    form = rng.permutation(np.arange(len(rows)) % len(bank.forms))
    sitting, here = Sitting(teachers.persons[rows], teachers.municipality[rows], form), np.searchsorted(known, rows)
    cohort = cohort_of(bank, truth.of(here), sitting, rng, language=language)
    largest = np.bincount(teachers.category[teachers.assessed]).max()  # the category with most answers to find a wrong key by
    keyed, wrong = plant_wrong_key(cohort) if len(rows) == largest and not everybody else (bank, "")
    scale = BY_COMPETENCY if everybody else ONE_SCALE  # few persons cannot carry the correlations of so many competencies
    done = study(cohort, keyed, folder / "data" / f"{name}.csv", terminal, scale=scale)
    faults = [Fault("key", (wrong,), tuple(c.suspected.item for c in done.checks if c.right != c.key))] if wrong else []
    heads = dict(zip(t["municipalities"], np.bincount(teachers.municipality).tolist(), strict=True)) if everybody else {}
    with inner.stage(t["acting"]):
        groups = heard(inner, lambda: compare_groups(done.profiles, t["columns"][1], population_sizes=heads))
        routes = heard(inner, lambda: recommend(done.profiles, load_catalogue("synthetic"), hours=HOURS))
    second, later, easier = _a_year_later(cohort, truth.of(here), routes, language, rng)
    profiles, drift = _diagnosed_again(second, done, folder / "data" / f"{name}-2.csv", inner)
    if everybody:
        placed, few = [t["municipalities"][m] for m in teachers.volunteers], "groups.few_assessed"
        named = tuple(x for f in groups.findings if f.code == few for x in f.scope)
        faults += [Fault("volunteers", tuple(placed), named), Fault("drift", (easier,), drift)]
        faults.append(protocol(cohort, folder / "data" / "ratings.csv", rng.spawn(1)[0]))
    growth = heard(inner, lambda: measure_growth(done.profiles, profiles, by=t["columns"][-1]))
    for result, part in ((groups, "groups"), (routes, "routes"), (growth, "growth")):
        report(result, folder / name / part, language=language)
    return Subject(done, groups, routes, growth, tuple(faults), cohort, second, known, truth, later, rng)


def protocol(cohort: RegionCohort, path: Path, rng: np.random.Generator) -> Fault:
    """Write what two experts of each work marked, of whom a careless one gives all criteria one mark; and who is named for it."""
    import pandas as pd

    pairs, careless = np.array([rng.choice(EXPERTS, size=2, replace=False) for _ in cohort.persons]), int(rng.integers(EXPERTS))
    marks = []
    for i, item in ((i, item) for i, item in enumerate(cohort.bank.items) if item.rubric):
        for k in np.flatnonzero(np.repeat(cohort.reasons[:, i] == Reason.ANSWERED, 2)).tolist():
            p, expert = k // 2, int(pairs.ravel()[k])
            levels = [int(level) for level in re.findall(r"(\d+)(?=;|$)", cohort.answers[p, i])]
            one = rng.random()  # how good the work looks to somebody who does not read it
            for c, level in zip(item.rubric, levels, strict=True):
                slip = int(rng.integers(c.max_score + 1)) if rng.random() < SLIPS else level
                mark = round(one * c.max_score) if expert == careless else slip
                marks.append((cohort.persons[p], item.id, c.id, f"E{expert + 1:02d}", mark))
    pd.DataFrame(marks, columns=["person", "task", "criterion", "expert", "mark"]).to_csv(path, index=False)
    table = check_agreement(load_ratings(path, bank=cohort.bank)).to_frame()
    pairs_met = table[table["first"] != ""]
    codes = sorted({*pairs_met["first"], *pairs_met["second"]})
    of = [pairs_met[(pairs_met["first"] == code) | (pairs_met["second"] == code)] for code in codes]
    exact = np.array([float(np.average(rows["exact"], weights=rows["marks"])) for rows in of])
    low = exact < np.median(exact) - FAR * 1.4826 * np.median(np.abs(exact - np.median(exact)))
    return Fault("expert", (f"E{careless + 1:02d}",), tuple(code for code, far in zip(codes, low, strict=True) if far))


def linked_forms(bank: ItemBank) -> ItemBank:
    """Return the bank with forms that have all but one block of its items, so that any two have a block in common."""
    parts = [tuple(item.id for k, item in enumerate(bank.items) if k % BLOCKS != b) for b in range(BLOCKS)]
    titles = [Text(ru=f"Вариант {b}", en=f"Form {b}") for b in range(1, BLOCKS + 1)]
    forms = tuple(Form(id=title.text("en")[-1], title=title, items=part) for title, part in zip(titles, parts, strict=True))
    return replace(bank, header=bank.header.model_copy(update={"forms": forms}))


def _a_year_later(
    cohort: RegionCohort, truth: Truth, routes: Routes, language: LanguageCode, rng: np.random.Generator
) -> tuple[RegionCohort, Truth, str]:
    """Return what those hand in who came again, what is true of them, and the item of the test of all that has become easier."""
    stayed = np.flatnonzero(rng.random(len(cohort.persons)) < STAYED)
    step = routes.steps[stayed, 0] if routes.steps.size else np.full(len(stayed), -1)
    step[rng.random(len(stayed)) > TOOK] = -1
    later = after_programmes(cohort.bank, truth.of(stayed), [routes.programmes[k].brings if k >= 0 else () for k in step], rng)
    seen, easier = drifted(cohort.bank, later) if cohort.bank.id == COMMON else (later, "")
    taken = np.array([*(one.id for one in routes.programmes), ""], dtype=object)[step]
    sitting = Sitting(cohort.persons[stayed], cohort.municipality[stayed], (cohort.form[stayed] + 1) % len(cohort.bank.forms), taken)
    return cohort_of(cohort.bank, seen, sitting, rng, language=language), later, easier


def after_programmes(bank: ItemBank, truth: Truth, brings: Sequence[Sequence[Effect]], rng: np.random.Generator) -> Truth:
    """Return the truth after a year; `brings` (P,) are the effects of each person's programme."""
    weights, domains = domain_weights(bank)
    gain = YEAR * np.repeat(rng.normal(size=(len(truth.theta), 1)), len(domains), axis=1)
    for p, effects in enumerate(brings):
        gain[p] += [GAIN * any(bank.framework.within(d, e.competency) for e in effects) for d in domains]
    theta = truth.theta + gain
    return truth._replace(theta=theta, ability=theta @ weights.T)


def drifted(bank: ItemBank, truth: Truth) -> tuple[Truth, str]:
    """Return the truth where the right-or-wrong item that tells strong from weak persons best has become easier, and the item."""
    at = int((truth.expected.std(axis=0) * [item.max_score == 1 for item in bank.items]).argmax())
    known, easier = truth.parameters, moved(truth.parameters, 1.0, -EASIER).intercepts
    intercepts = np.where((np.arange(len(bank.items)) == at)[:, None], easier, known.intercepts)
    return truth._replace(parameters=replace(known, intercepts=intercepts)), bank.items[at].id


def _diagnosed_again(second: RegionCohort, first: Study, path: Path, terminal: Terminal) -> tuple[DeficitProfiles, tuple[str, ...]]:
    """Return the profiles of the second diagnosis on the scale of the first, and the items that drifted and were left out."""
    write_cohort(second, path, terminal.language)
    data, drift = heard(terminal, lambda: load_responses(path, bank=first.bank)), tuple[str, ...]()
    if first.name == COMMON:
        old, new = (calibrated(terminal, x, first.bank, model=advised_model(x), priors="weak") for x in (first.data, data))
        found = heard(terminal, lambda: link(new, old))
        drift = tuple(x for f in found.findings if f.code == "linking.drift" for x in f.scope)
        data = data.select(items=[i for i in data.items if i not in drift])
    with terminal.stage(words(terminal.language)["diagnosing"]):
        return heard(terminal, lambda: diagnose(data, first.bank), known=data.findings), drift


def _line(groups: GroupReport, r: int, language: LanguageCode) -> Row:
    """Return name, teachers, assessed, share with a deficit in the whole test, its interval, and how many are in need."""
    heads, n, low, high = (
        count(int(np.nan_to_num(x)), language)
        for x in (groups.headcount[r], groups.n[r], groups.need_low[r, 0], groups.need_high[r, 0])
    )
    share, least, most = (100 * float(x[r, 0, 0]) for x in (groups.share, groups.share_low, groups.share_high))
    name = groups.groups[r] + " *" * bool(groups.coverage[r] < HALF)
    return name, heads, n, percent(share, language), interval(least, most, language), f"{low}–{high}"


def _sums(routes: Routes, language: LanguageCode) -> Row:
    """Return the steps of all routes, their hours and price, and how many persons wait for a seat."""
    steps = [routes.programmes[k] for k in routes.steps[routes.steps >= 0]]
    hours, price = (sum(getattr(one, what) for one in steps) for what in ("hours", "price"))
    return tuple(count(int(x), language) for x in (len(steps), hours, price, len({*chain(*routes.waiting.values())})))
