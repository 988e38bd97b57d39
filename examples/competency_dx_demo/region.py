"""A synthetic cohort: teachers with known abilities in every domain, their points, and how they wrote their answers.

It is written as an analyst would have it: a workbook with a title and totals, a CSV of the old code page, a parquet. The
truth of the cohort is what real data never show, so that conclusions can be compared with it. Item parameters are
those of the bank moved at random, as experts' judgement misses reality; abilities of a person in the domains are
correlated (.75 within a cluster, .60 between clusters); municipalities differ in their means.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints, Names, value
from competency_dx.bank import ItemBank
from competency_dx.errors import needing
from competency_dx.models import ItemParameters, bank_parameters, expected_scores, simulate
from competency_dx.responses import Reason, Reasons
from competency_dx.result import DataFrame
from competency_dx_demo.raw_answers import answer_pools, draw_answers, reachable, words

Papers = tuple[list[Ints], Ints, Reasons, Names]
"""What the persons hand in: columns of each form, points, `Reason` and answers (P, I)."""

GENERAL, CLUSTER, DOMAIN = 0.60, 0.15, 0.25
"""Parts of the variance of an ability within a municipality."""
MUNICIPAL_MEANS = (-0.5, -0.3, -0.1, 0.1, 0.3, 0.5)
MUNICIPAL_SHARES = (0.30, 0.22, 0.18, 0.14, 0.10, 0.06)
SLOPE_MISS, DIFFICULTY_MISS = 0.20, 0.40
"""By how much the truth differs from the bank: SD of log a and of b."""
NOT_REACHED_SHARE, ABSENT_SHARE = 0.08, 0.0125
OMITTED = {"open": 0.25, "number": 0.15, "text": 0.15, "digits": 0.08}
OMITTED_ELSEWHERE = 0.05
"""Probability that somebody who would earn nothing leaves the item out."""
EXPERIENCE_CUTS = (5, 21)
CREATED = datetime(2026, 11, 20)  # fixed: same seed, same bytes; a workbook knows no zones


class Truth(NamedTuple):
    """What is true and seen by nobody: item parameters, θ in the domains (P, D) and on the items (P, I)."""

    parameters: ItemParameters
    domains: tuple[str, ...]
    theta: Floats
    ability: Floats

    @property
    def expected(self) -> Floats:
        """Return the expected points of each person on each item (P, I)."""
        return np.stack([expected_scores(self.parameters.take([i]), x)[0] for i, x in enumerate(self.ability.T)], axis=1)

    def of(self, rows: Ints) -> Truth:
        """Return the truth of some persons."""
        return self._replace(theta=self.theta[rows], ability=self.ability[rows])


class Sitting(NamedTuple):
    """Who sits a test: ids, places among municipalities and forms (P,), and the programmes since the last one, none at first."""

    persons: Names
    municipality: Ints
    form: Ints
    programme: Names | None = None


@value
class RegionCohort:
    """Synthetic teachers of one subject.

    Attributes
    ----------
    bank : ItemBank
        The bank with the right keys.
    expected : ndarray, shape (P, I)
        True expected points of each person on each item of the bank.
    municipality, form, experience : int array (P,)
        Place among the municipalities, place among the forms of the bank, years of work.
    programme : array (P,) or None
        The programme since the last diagnosis, "" for none.
    points, reasons, answers : arrays (P, I)
        Points earned, 0 where nothing was answered; `Reason` of each cell; what stands in the table, "" for a blank.
    """

    bank: ItemBank
    expected: Floats
    persons: Names
    municipality: Ints
    form: Ints
    experience: Ints
    programme: Names | None
    points: Ints
    reasons: Reasons
    answers: Names

    @property
    def top(self) -> Floats:
        """Return the highest number of points of each item (I,)."""
        return np.array([item.max_score for item in self.bank.items], dtype=float)


def asked_items(bank: ItemBank) -> ItemBank:
    """Return a bank without the reserve: with the items of its forms only, since nobody answers others."""
    asked = {item for form in bank.forms for item in form.items}
    items = (i.model_copy(update={"enemies": tuple(e for e in i.enemies if e in asked)}) for i in bank.items if i.id in asked)
    named = bank.header.reference_set
    left = named if isinstance(named, str) else tuple(i for i in named if i in asked)
    header = bank.header.model_copy(update={"reference_set": left})
    parameters = tuple(record for record in bank.parameters if record.item in asked)
    return replace(bank, header=header, items=tuple(items), parameters=parameters)


def make_cohort(bank: ItemBank, persons: int, rng: np.random.Generator, *, language: str = "ru") -> RegionCohort:
    """Draw a cohort for a bank with forms; the same generator state gives the same cohort."""
    municipality = rng.choice(len(MUNICIPAL_MEANS), size=persons, p=MUNICIPAL_SHARES)
    truth = draw_truth(bank, np.array(MUNICIPAL_MEANS)[municipality], rng)
    form = rng.permutation(np.arange(persons) % len(bank.forms))
    names = np.array([f"{bank.header.subject}-T{k + 1:04d}" for k in range(persons)], dtype=object)
    return cohort_of(bank, truth, Sitting(names, municipality, form), rng, language=language)


def cohort_of(bank: ItemBank, truth: Truth, of: Sitting, rng: np.random.Generator, *, language: str) -> RegionCohort:
    """Draw what persons with these abilities hand in; a few did not come."""
    persons = len(of.persons)
    order, points, reasons, answers = papers = _answered(bank, truth, of.form, rng)
    _leave_out(bank, papers, words(language)["omitted"], rng)
    absent = rng.choice(persons, size=max(1, round(ABSENT_SHARE * persons)), replace=False)
    points[absent], answers[absent], reasons[absent] = 0, "", Reason.NOT_ADMINISTERED
    for p in absent.tolist():  # one mark in the first cell of the form, the rest blank
        answers[p, order[p][0]] = words(language)["absent"]
    years = np.clip(np.rint(rng.gamma(2.2, 7.0, size=persons)), 0, 45).astype(np.int64)
    return RegionCohort(
        bank=bank, expected=truth.expected, points=points, reasons=reasons, answers=answers, experience=years, **of._asdict()
    )


def draw_truth(bank: ItemBank, means: Floats, rng: np.random.Generator, general: Floats | None = None) -> Truth:
    """Draw item parameters around those of the bank, steps of an item together, and abilities around the means (P,).

    `general` (P,) is what a person has in all domains, where other tests share it.
    """
    weights, domains = domain_weights(bank)
    records, standing = [], {record.item: record for record in bank.parameters}
    for record in (standing[item.id] for item in bank.items):
        slope, shift = float(np.exp(rng.normal(0.0, SLOPE_MISS))), float(rng.normal(0.0, DIFFICULTY_MISS))
        records.append(record.model_copy(update={"a": record.a * slope, "b": tuple(b + shift for b in record.b)}))
    above = [bank.framework.node(d).parent or "" for d in domains]
    clusters = sorted(set(above))
    everywhere, apart = rng.normal(size=(len(means), 1)), rng.normal(size=(len(means), len(domains)))
    everywhere = everywhere if general is None else general[:, None]
    shared = rng.normal(size=(len(means), len(clusters)))[:, [clusters.index(a) for a in above]]
    theta = means[:, None] + np.sqrt(GENERAL) * everywhere + np.sqrt(CLUSTER) * shared + np.sqrt(DOMAIN) * apart
    return Truth(bank_parameters(replace(bank, parameters=tuple(records))), domains, theta, theta @ weights.T)


def domain_weights(bank: ItemBank) -> tuple[Floats, tuple[str, ...]]:
    """Return how much each domain counts in each item (I, D), rows summing to 1, and the codes of the domains."""
    codes = {code for item in bank.items for code in item.competencies}
    domain = {code: next((n.code for n in bank.framework.lineage(code) if n.kind == "domain"), code) for code in codes}
    rows = [{domain[code]: w for code, w in item.competencies.items()} for item in bank.items]
    domains = tuple(n.code for n in bank.framework.nodes if any(n.code in row for row in rows))
    weights = np.array([[row.get(d, 0.0) for d in domains] for row in rows])
    return weights / weights.sum(axis=1, keepdims=True), domains


def _answered(bank: ItemBank, truth: Truth, form: Ints, rng: np.random.Generator) -> Papers:
    """Return papers before anybody leaves an item out: of the items of the form a few persons do not reach the last.

    Points are drawn from the model, and an answer that earns exactly them.
    """
    place = {item.id: i for i, item in enumerate(bank.items)}
    order = [np.array([place[i] for i in bank.forms[f].items]) for f in form]
    reasons = np.full((len(form), len(place)), Reason.NOT_ADMINISTERED, dtype=np.uint8)
    late = rng.random(len(form)) < NOT_REACHED_SHARE
    left = np.where(late, rng.integers(2, 8, size=len(form)), 0)
    for p, columns in enumerate(order):
        reasons[p, columns] = Reason.ANSWERED
        reasons[p, columns[len(columns) - left[p] :]] = Reason.NOT_REACHED
    points, answers = np.zeros(reasons.shape, dtype=np.int64), np.full(reasons.shape, "", dtype=object)
    for i, item in enumerate(bank.items):
        pools = answer_pools(item, rng)
        drawn = simulate(truth.parameters.take([i]), truth.ability[:, i], rng=rng).scores[:, 0]
        there = reasons[:, i] == Reason.ANSWERED
        points[there, i] = reachable(drawn[there].astype(np.int64), pools)
        answers[there, i] = draw_answers(points[there, i], pools, rng)
    return order, points, reasons, answers


def _leave_out(bank: ItemBank, papers: Papers, word: str, rng: np.random.Generator) -> None:
    """Turn some of the answers that earn nothing into omitted ones: a blank inside the form, or a word that says so."""
    order, points, reasons, answers = papers
    chance = np.array([OMITTED.get(item.type, OMITTED_ELSEWHERE) for item in bank.items])
    omitted = (reasons == Reason.ANSWERED) & (points == 0) & (rng.random(points.shape) < chance)
    tokens = np.array(["", word, "-"], dtype=object)[rng.choice(3, size=points.shape, p=[0.55, 0.35, 0.10])]
    for p, columns in enumerate(order):
        kept = np.flatnonzero((reasons[p, columns] == Reason.ANSWERED) & ~omitted[p, columns])
        after = columns[kept[-1] + 1 :] if kept.size else columns
        tokens[p, after] = word  # a blank at the end would say that the item was not reached
    answers[omitted] = tokens[omitted]
    reasons[omitted] = Reason.OMITTED


def plant_wrong_key(cohort: RegionCohort) -> tuple[ItemBank, str]:
    """Return the bank with the key of one single-choice item moved to its most popular wrong option, and the item.

    The item is in every form and tells strong from weak persons best, so that a check has data to work on.
    """
    common = set.intersection(*(set(form.items) for form in cohort.bank.forms))
    places = [i for i, item in enumerate(cohort.bank.items) if item.type == "single" and item.id in common]
    chosen = max(places, key=lambda i: float(cohort.expected[:, i].std()))
    item = cohort.bank.items[chosen]
    written = [text.rstrip(")") for text in cohort.answers[:, chosen]]
    wrong = max((c for c in item.options if c != item.key), key=written.count)
    return with_key(cohort.bank, item.id, wrong), item.id


def with_key(bank: ItemBank, item_id: str, key: str) -> ItemBank:
    """Return the bank with another key for one single-choice item."""
    items = tuple(item.model_copy(update={"key": key}) if item.id == item_id else item for item in bank.items)
    return replace(bank, items=items)


def cohort_frame(cohort: RegionCohort, language: str) -> DataFrame:
    """Return the table that the analyst gets: background, then one column of raw answers per item."""
    import pandas as pd

    t = words(language)
    forms = [f.title.text(language) if f.title else f.id for f in cohort.bank.forms]
    background = (
        cohort.persons,
        [t["municipalities"][m] for m in cohort.municipality],
        [forms[f] for f in cohort.form],
        [t["experience"][bisect_right(EXPERIENCE_CUTS, years)] for years in cohort.experience],
    )
    frame = pd.DataFrame(dict(zip(t["columns"], background, strict=False)), dtype=object)
    if cohort.programme is not None:
        frame[t["columns"][-1]] = cohort.programme
    return frame.join(pd.DataFrame(cohort.answers, columns=[item.id for item in cohort.bank.items], dtype=object))


def write_cohort(cohort: RegionCohort, path: Path, language: str) -> Path:
    """Write the table in the form that the ending of the path asks for: .xlsx, .csv or .parquet."""
    t, frame = words(language), cohort_frame(cohort, language)
    title = f"{t['synthetic']}. {cohort.bank.title.text(language)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with needing("pyarrow and xlsxwriter", "io", path.name):
        if path.suffix == ".xlsx":
            _write_workbook(frame, cohort, path, title, t["total"])
        elif path.suffix == ".csv":
            text = frame.to_csv(None, sep=";", index=False, lineterminator="\r\n")
            head = title + ";" * (frame.shape[1] - 1) + "\r\n"
            try:
                path.write_bytes((head + text).encode("cp1251"))
            except UnicodeEncodeError:  # km² is not in that code page, and an answer must not be lost
                path.write_bytes((head + text).encode("utf-8-sig"))
        else:
            frame.attrs["title"] = title
            frame.replace({"": None}).to_parquet(path, index=False)
    return path


def _write_workbook(frame: DataFrame, cohort: RegionCohort, path: Path, title: str, total: str) -> None:
    """Write a title above the header, a row of totals below the persons, whole numbers as numbers.

    The column of the first item whose key begins with a zero is stored as numbers too, as happens in spreadsheets:
    "013" becomes 13.
    """
    import pandas as pd

    items = cohort.bank.items
    zeros = [item.id for item in items if item.type == "digits" and str(item.key).startswith("0")]
    numeric = {item.id for item in items if item.type in {"single", "number"}} | {*zeros[:1]}
    cells = frame.copy()
    for name in numeric:
        cells[name] = pd.Series([int(text) if text.isdigit() else text for text in frame[name]], dtype=object)
    totals = (frame.iloc[:, -len(items) :] != "").sum().tolist()
    cells.loc[len(cells)] = [total, *[""] * (frame.shape[1] - len(items) - 1), *totals]
    with pd.ExcelWriter(path, engine="xlsxwriter") as writer:
        cells.to_excel(writer, startrow=2, index=False, freeze_panes=(3, 1))
        book: Any = writer.book
        book.set_properties({"title": title, "created": CREATED})
        page = book.worksheets()[0]
        page.merge_range(0, 0, 0, cells.shape[1] - 1, title, book.add_format({"bold": True, "font_size": 13}))
        page.set_column(0, 1, 24)
