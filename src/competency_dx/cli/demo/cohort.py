"""A synthetic cohort: teachers with known abilities in every domain, their points, and how they wrote their answers.

The truth of the cohort is what real data never show, so that conclusions can be compared with it. Item parameters are
those of the bank moved at random, as experts' judgement misses reality; abilities of a person in the domains are
correlated (.75 within a cluster, .60 between clusters); municipalities differ in their means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from competency_dx import models  # models.simulate: a name shared by a function and the module it lives in
from competency_dx.arrays import Floats, Ints, Names, freeze, value
from competency_dx.bank import ItemBank
from competency_dx.cli.demo.raw_answers import answer_pools, draw_answers, reachable
from competency_dx.models import ItemParameters, bank_parameters, expected_scores
from competency_dx.responses import Reason

Reasons = NDArray[np.uint8]

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


@value
class Truth:
    """What is true of the cohort and seen by nobody.

    Attributes
    ----------
    parameters : ItemParameters
        Item parameters the answers were drawn with.
    domains : tuple of str
        D codes.
    theta : ndarray, shape (P, D)
        Ability of each person in each domain.
    expected : ndarray, shape (P, I)
        Expected points of each person on each item of the bank.
    """

    parameters: ItemParameters
    domains: tuple[str, ...]
    theta: Floats
    expected: Floats

    def __post_init__(self) -> None:
        freeze(self, theta=np.float64, expected=np.float64)


@value
class Cohort:
    """Synthetic teachers of one subject.

    Attributes
    ----------
    bank : ItemBank
        The bank with the right keys.
    truth : Truth
    persons : object array of str (P,)
    municipality : int array (P,)
        Place among the municipalities.
    form : int array (P,)
        Place among the forms of the bank.
    experience : int array (P,)
        Years of work.
    points : int array (P, I)
        Points earned; 0 where nothing was answered.
    reasons : uint8 array (P, I)
        `Reason` of each cell.
    answers : tuple of P tuples of I str
        What stands in the table: raw answers, "" for a blank.
    """

    bank: ItemBank
    truth: Truth
    persons: Names
    municipality: Ints
    form: Ints
    experience: Ints
    points: Ints
    reasons: Reasons
    answers: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        freeze(self, persons=object, municipality=np.int64, form=np.int64, experience=np.int64, points=np.int64)
        freeze(self, reasons=np.uint8)


def make_cohort(bank: ItemBank, persons: int, rng: np.random.Generator, *, language: str = "ru") -> Cohort:
    """Draw a cohort for a bank with forms; the same generator state gives the same cohort."""
    municipality = rng.choice(len(MUNICIPAL_MEANS), size=persons, p=MUNICIPAL_SHARES)
    truth = draw_truth(bank, np.array(MUNICIPAL_MEANS)[municipality], rng)
    form = rng.permutation(np.arange(persons) % len(bank.forms))
    reasons = given_reasons(bank, form, rng)
    points, answers = _answers(bank, truth, reasons, rng)
    _leave_out(bank, form, points, reasons, answers, rng, language)
    _stay_away(bank, form, points, reasons, answers, rng, language)
    return Cohort(
        bank=bank,
        truth=truth,
        persons=np.array([f"{bank.header.subject}-T{k + 1:04d}" for k in range(persons)], dtype=object),
        municipality=municipality,
        form=form,
        experience=np.clip(np.rint(rng.gamma(2.2, 7.0, size=persons)), 0, 45).astype(np.int64),
        points=points,
        reasons=reasons,
        answers=tuple(map(tuple, answers.tolist())),
    )


def draw_truth(bank: ItemBank, means: Floats, rng: np.random.Generator) -> Truth:
    """Draw item parameters around those of the bank, and abilities of persons with the given means (P,)."""
    weights, domains = domain_weights(bank)
    parameters = bank_parameters(_moved(bank, rng))
    theta = means[:, None] + _abilities(bank, domains, len(means), rng)
    ability = theta @ weights.T
    expected = [expected_scores(parameters.take([i]), ability[:, i])[0] for i in range(len(bank.items))]
    return Truth(parameters=parameters, domains=domains, theta=theta, expected=np.stack(expected, axis=1))


def _moved(bank: ItemBank, rng: np.random.Generator) -> ItemBank:
    """Return the bank with parameters moved at random, steps of an item together, in the order of the items."""
    records = []
    known = {record.item: record for record in bank.parameters}
    for record in (known[item.id] for item in bank.items):
        slope, shift = float(np.exp(rng.normal(0.0, SLOPE_MISS))), float(rng.normal(0.0, DIFFICULTY_MISS))
        records.append(record.model_copy(update={"a": record.a * slope, "b": tuple(b + shift for b in record.b)}))
    return replace(bank, parameters=tuple(records))


def domain_weights(bank: ItemBank) -> tuple[Floats, tuple[str, ...]]:
    """Return how much each domain counts in each item (I, D), rows summing to 1, and the codes of the domains."""
    rows = [{_domain(bank, code): w for code, w in item.competencies.items()} for item in bank.items]
    domains = tuple(n.code for n in bank.framework.nodes if any(n.code in row for row in rows))
    weights = np.array([[row.get(d, 0.0) for d in domains] for row in rows])
    return weights / weights.sum(axis=1, keepdims=True), domains


def _domain(bank: ItemBank, code: str) -> str:
    """Return the domain that a competency belongs to, or the competency itself above the domains."""
    return next((n.code for n in bank.framework.lineage(code) if n.kind == "domain"), code)


def _abilities(bank: ItemBank, domains: Sequence[str], persons: int, rng: np.random.Generator) -> Floats:
    """Return deviations (P, D) from the mean of the municipality: a general, a cluster and a domain part."""
    above = [bank.framework.node(d).parent or "" for d in domains]
    clusters = sorted(set(above))
    member = np.array([clusters.index(a) for a in above])
    general, own = rng.normal(size=(persons, 1)), rng.normal(size=(persons, len(domains)))
    shared = rng.normal(size=(persons, len(clusters)))[:, member]
    return np.asarray(np.sqrt(GENERAL) * general + np.sqrt(CLUSTER) * shared + np.sqrt(DOMAIN) * own)


def given_reasons(bank: ItemBank, form: Ints, rng: np.random.Generator) -> Reasons:
    """Return the reasons (P, I) before anybody leaves something out: answered, or not in the form, or not reached."""
    place = {item.id: i for i, item in enumerate(bank.items)}
    out = np.full((len(form), len(bank.items)), Reason.NOT_ADMINISTERED, dtype=np.uint8)
    late = rng.random(len(form)) < NOT_REACHED_SHARE
    left = np.where(late, rng.integers(2, 8, size=len(form)), 0)
    for p, (f, n) in enumerate(zip(form.tolist(), left.tolist(), strict=True)):
        order = [place[i] for i in bank.forms[f].items]
        out[p, order] = Reason.ANSWERED
        out[p, order[len(order) - n :]] = Reason.NOT_REACHED
    return out


def _answers(bank: ItemBank, truth: Truth, reasons: Reasons, rng: np.random.Generator) -> tuple[Ints, Names]:
    """Draw points (P, I) from the model and written answers that earn exactly them; blanks where nothing is answered."""
    weights, _ = domain_weights(bank)
    ability = truth.theta @ weights.T
    points = np.zeros(reasons.shape, dtype=np.int64)
    answers = np.full(reasons.shape, "", dtype=object)
    for i, item in enumerate(bank.items):
        pools = answer_pools(item, rng)
        drawn = models.simulate(truth.parameters.take([i]), ability[:, i], rng=rng).scores[:, 0].astype(np.int64)
        there = reasons[:, i] == Reason.ANSWERED
        points[there, i] = reachable(drawn[there], pools)
        answers[there, i] = np.array(draw_answers(points[there, i], pools, rng), dtype=object)
    return points, answers


def _leave_out(
    bank: ItemBank,
    form: Ints,
    points: Ints,
    reasons: Reasons,
    answers: Names,
    rng: np.random.Generator,
    language: str,
) -> None:
    """Turn some of the answers that earn nothing into omitted ones: a blank inside the form, or a word that says so."""
    chance = np.array([OMITTED.get(item.type, OMITTED_ELSEWHERE) for item in bank.items])
    omitted = (reasons == Reason.ANSWERED) & (points == 0) & (rng.random(points.shape) < chance)
    word = "нет ответа" if language == "ru" else "no answer"
    tokens = np.array(["", word, "-"], dtype=object)[rng.choice(3, size=points.shape, p=[0.55, 0.35, 0.10])]
    place = {item.id: i for i, item in enumerate(bank.items)}
    for p, f in enumerate(form.tolist()):
        order = np.array([place[i] for i in bank.forms[f].items])
        kept = np.flatnonzero((reasons[p, order] == Reason.ANSWERED) & ~omitted[p, order])
        after = order[kept[-1] + 1 :] if kept.size else order
        tokens[p, after] = word  # a blank at the end would say that the item was not reached
    answers[omitted] = tokens[omitted]
    reasons[omitted] = Reason.OMITTED


def _stay_away(
    bank: ItemBank,
    form: Ints,
    points: Ints,
    reasons: Reasons,
    answers: Names,
    rng: np.random.Generator,
    language: str,
) -> None:
    """Let a few persons not come: one mark in the first cell of their form, the rest blank."""
    absent = rng.choice(len(form), size=max(1, round(ABSENT_SHARE * len(form))), replace=False)
    place = {item.id: i for i, item in enumerate(bank.items)}
    points[absent], answers[absent] = 0, ""
    reasons[absent] = Reason.NOT_ADMINISTERED
    for p in absent.tolist():
        answers[p, place[bank.forms[form[p]].items[0]]] = "н/я" if language == "ru" else "absent"
