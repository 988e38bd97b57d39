"""Conditions of the study of diagnosis, and what diagnosis says of persons whose truth is known."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.bank import BankPopulation, Correlations
from competency_dx.errors import CompetencyDxWarning
from competency_dx.responses import MissingPolicy
from recovery_study.design import SEED
from recovery_study.diagnosis_truth import (
    GUESSING,
    OMITTED,
    Correlate,
    Floats,
    Ints,
    Layout,
    TrueItems,
    Truth,
    drawn_items,
    drawn_persons,
    equal,
    layout,
    omitted,
)

BANKS = ("mathematics", "physics", "history")
SEPARATE = BankPopulation(correlations=Correlations(within=0, between=0, within_se=0, between_se=0))
EIGHT = equal(0.8)
USUAL = MissingPolicy()
Kind = Literal["right", "wrong", "cohort", "omissions", "contrast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One row of the study: how persons, items and answers come about, and what diagnosis is told of them.

    Attributes
    ----------
    label : str
        What the tables call it.
    kind : {"right", "wrong", "cohort", "omissions", "contrast"}
        Which goals it is held against.
    form : {"A and half of B", "A"}
        What is given: 32 items of a form, and every second item of the other.
    items : {"provisional", "calibrated"}
        Whether diagnosis has the bank's numbers with their standard errors or the true ones.
    correlate : callable
        The covariance of θ, drawn once a replicate.
    mean, mean_se, sd : float
        Mean of the leaves and its standard deviation between replicates; factor of the SD.
    slopes : {"bank", "lognormal"}
        How true slopes are drawn.
    guessing : {"none", "options", "all"}
        Which dichotomous items can be guessed with probability .25: those with options or all.
    omissions : bool
        Whether persons leave items out, the weak more often.
    cohort : bool
        Whether the population is estimated from the persons of the replicate.
    missing : MissingPolicy
        What diagnosis makes of omissions.
    """

    label: str
    kind: Kind = "right"
    form: Literal["A and half of B", "A"] = "A and half of B"
    items: Literal["provisional", "calibrated"] = "provisional"
    correlate: Correlate = EIGHT
    mean: float = 0.0
    mean_se: float = 0.0
    sd: float = 1.0
    slopes: Literal["bank", "lognormal"] = "bank"
    guessing: Literal["none", "options", "all"] = "none"
    omissions: bool = False
    cohort: bool = False
    missing: MissingPolicy = USUAL

    @property
    def apart(self) -> bool:
        """Return whether each replicate is a diagnosis of its own: its bank or its population differs."""
        return self.cohort or self.items == "calibrated"


class Said(NamedTuple):
    """What diagnosis says beside the truth: arrays (N,), an entry for each person and unit.

    `level` is 1 for the total, 2 for clusters, 3 for leaves; `separate` P(deficit) with correlations of 0.
    """

    replicate: Ints
    level: Ints
    truth: Floats
    percent: Floats
    low: Floats
    high: Floats
    p: Floats
    separate: Floats
    n_items: Ints
    state: Ints

    def where(self, chosen: NDArray[np.bool_]) -> Said:
        """Return some of the entries."""
        return Said._make(column[chosen] for column in self)


def joined(parts: Sequence[Said]) -> Said:
    """Return the entries of several banks as one."""
    return Said._make(np.concatenate(column) for column in zip(*parts, strict=True))


def said(condition: Condition, name: str, replicates: int, persons: int) -> Said:
    """Return what diagnosis says of the persons of a condition, `persons` a replicate, on one bank."""
    bank = cdx.load_bank(name)
    of = layout(bank)
    drawn = [_replicate(condition, bank, of, persons, generator(name, r)) for r in range(replicates)]
    if condition.apart:
        banks = [_calibrated(bank, items) if condition.items == "calibrated" else bank for items, _ in drawn]
        truths = [truth for _, truth in drawn]
    else:
        banks, truths = [bank], [Truth(*map(np.concatenate, zip(*(truth for _, truth in drawn), strict=True)))]
    parts = [_said(condition, one, of, truth) for one, truth in zip(banks, truths, strict=True)]
    figures = [np.concatenate(each).ravel() for each in zip(*(numbers for _, numbers in parts), strict=True)]
    codes = parts[0][0]
    level = np.tile([code.count(".") + 1 for code in codes], replicates * persons)
    return Said(np.repeat(np.arange(replicates), persons * len(codes)), level, *figures)


def generator(*keys: object) -> np.random.Generator:
    """Return a generator that all conditions share: persons and items differ between them by what differs in truth alone."""
    return np.random.default_rng([SEED, zlib.crc32(repr(keys).encode())])


def _replicate(condition: Condition, bank: cdx.ItemBank, of: Layout, persons: int, rng: np.random.Generator) -> tuple[TrueItems, Truth]:
    items = drawn_items(bank, rng, condition.slopes)
    closed = [item.type == "single" for item in bank.items]
    guessed = {"none": np.zeros(len(closed)), "options": np.array(closed), "all": np.ones(len(closed))}
    one_step = (~np.isnan(items.b)).sum(axis=1) == 1
    items = items._replace(guessing=GUESSING * guessed[condition.guessing] * one_step)
    mean = condition.mean + condition.mean_se * rng.standard_normal(len(of.leaves))
    form = {*bank.form("A").items, *(bank.form("B").items[::2] if condition.form != "A" else ())}
    given = [item.id in form for item in bank.items]
    population = mean, condition.sd**2 * condition.correlate(of, rng)
    truth = drawn_persons(of, items, population, given, persons, rng)
    return items, omitted(truth, rng) if condition.omissions else truth


def _calibrated(bank: cdx.ItemBank, items: TrueItems) -> cdx.ItemBank:
    """Return the bank with the true items and no standard errors."""
    sure = {"se_a": None, "se_b": (), "status": "calibrated"}
    numbers = (
        record.model_copy(update={"a": float(a), "b": tuple(map(float, b[~np.isnan(b)])), **sure})
        for record, a, b in zip(bank.parameters, items.a, items.b, strict=True)
    )
    return replace(bank, parameters=tuple(numbers))


def diagnosed(
    bank: cdx.ItemBank, answers: Floats, population: BankPopulation | cdx.Cohort | None, rule: cdx.DeficitRule
) -> cdx.DeficitProfiles:
    """Return profiles from points (P, I), NaN where an item was not given, `OMITTED` where it was left out."""
    items = tuple(item.id for item in bank.items)
    asked = cdx.Layout(items=items, cells="scored", missing_codes={"*": {str(int(OMITTED)): "omitted"}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        responses = cdx.load_responses(pd.DataFrame(answers, columns=list(items)), layout=asked, bank=bank)
        return cdx.diagnose(responses, bank, rule=rule, population=population)


def _said(condition: Condition, bank: cdx.ItemBank, of: Layout, truth: Truth) -> tuple[Sequence[str], tuple[NDArray[np.generic], ...]]:
    """Return the codes of the units and the arrays of `Said` from the truth on."""
    rule = cdx.DeficitRule(missing=condition.missing)
    joint = diagnosed(bank, truth.answers, cdx.Cohort() if condition.cohort else None, rule)
    separate = diagnosed(bank, truth.answers, SEPARATE, rule)
    codes = [c.code for c in joint.competencies]
    true = truth.percent[:, [of.units.index(code) for code in codes]]
    numbers = joint.percent, joint.percent_low, joint.percent_high, joint.p_deficit
    return codes, (true, *numbers, separate.p_deficit, joint.n_items, joint.state.astype(np.int64))
