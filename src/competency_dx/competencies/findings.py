"""What a diagnosis remarks about the persons as a whole; none of it changes a number of any profile."""

from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Ints, evenly
from competency_dx.competencies.conclusion import STATUSES
from competency_dx.competencies.joint import UnitEstimates
from competency_dx.competencies.plan import Plan
from competency_dx.competencies.population import LeafPopulations, clusters
from competency_dx.findings import Finding, Severity, Template
from competency_dx.persons import Matched
from competency_dx.responses import Omissions, Reason, Reasons, answers_given

LEAST_PERSONS, LEAST_SHIFTED = 100, 20  # of a cohort whose spread can be told, and whose mean
SHIFT = 0.3  # population SD
SPREADS = (0.75, 1.33)
OMITTED = 0.05  # share of the cells shown
OMITTED_BY_ONE = 0.1  # beyond it a percent moves by five points and more where half of the persons solve the items omitted
COMPARED, LEAST_COMPARED = 200, 20  # persons on whom treatments of omissions are compared
NAMED_PAIRS = 3


class Diagnosed(NamedTuple):
    """Answers, reasons (P, I), plan, populations, estimates, numbers of items answered, statuses and states (P, C)."""

    matched: Matched
    reasons: Reasons
    made: Plan
    populations: LeafPopulations
    at: UnitEstimates
    n_items: Ints
    status: NDArray[np.int8]
    state: NDArray[np.int8]


def remarks(d: Diagnosed, *, from_bank: bool, again: Callable[[Ints, Omissions], Diagnosed]) -> tuple[Finding, ...]:
    """Return the findings of a diagnosis: persons are `from_bank` or not, `again` has some (n,) with omissions treated otherwise."""
    persons = d.matched.persons
    stopped = [
        Template(code).about(persons[(d.status == STATUSES.index(code.removeprefix("competencies."))).any(axis=1)])
        for code in ("competencies.misfit", "competencies.low_effort")
    ]
    missed, given = counted_as_wrong(np.where(d.matched.observed, d.reasons, np.uint8(Reason.NOT_ADMINISTERED)))
    few: Severity = "warning" if len(persons) < LEAST_COMPARED else "info"  # of more, what the omissions of all make is told
    omitting = Template("competencies.omitting").about(persons[missed > OMITTED_BY_ONE * given], severity=few)
    others = [omitting, _omissions(d, again), _dependence(d), _population(d) if from_bank else ()]
    return tuple(finding for part in (*stopped, *others) for finding in part)


def counted_as_wrong(reasons: Reasons) -> tuple[Ints, Ints]:
    """Return of the reasons (…, I) of cells that count how many items have no answer and are taken for wrong, and of how many (…)."""
    missed = np.isin(reasons, (Reason.OMITTED, Reason.NOT_REACHED))
    return missed.sum(axis=-1), (missed | answers_given(reasons)).sum(axis=-1)


def _population(d: Diagnosed) -> tuple[Finding, ...]:
    """Compare the persons with the population; of few, whose spread says nothing, a shift alone is told, with another remedy."""
    who = d.matched.observed.any(axis=1)
    if who.sum() < LEAST_SHIFTED:
        return ()
    root = d.made.units.parent.index(-1)
    share, populations = d.made.share[root], d.made.populations
    mean, variance = float(share @ populations.mean), float(share @ populations.central @ share)
    learnt = np.maximum(variance - d.at.se[who, root] ** 2, 1e-6)
    off = d.at.theta[who, root] - mean
    shift = float(off.sum() / learnt.sum() * np.sqrt(variance))
    spread = float(np.sqrt(off.var() / learnt.mean()))
    judged = d.made.judged_se()
    error = float(np.hypot(np.sqrt(variance / learnt.sum()), float(np.sqrt(judged @ judged)) / len(judged) / np.sqrt(variance)))
    few = who.sum() < LEAST_PERSONS
    if abs(shift) < SHIFT + 2 * error and (few or SPREADS[0] < spread < SPREADS[1]):
        return ()
    facts: dict[str, Any] = {"persons": int(who.sum()), "shift": shift}
    if few:
        return (Template("competencies.few_differ").of(**facts),)
    return (Template("competencies.population_differs").of(**facts, spread=spread),)


def _omissions(d: Diagnosed, again: Callable[[Ints, Omissions], Diagnosed]) -> tuple[Finding, ...]:
    omitted = d.reasons == Reason.OMITTED
    share = float(omitted.sum() / max((omitted | (d.reasons == Reason.ANSWERED)).sum(), 1))
    if len(omitted) < LEAST_COMPARED or share < OMITTED:
        return ()
    some = evenly(len(omitted), COMPARED)
    treatments: tuple[Omissions, ...] = get_args(Omissions)
    root, changed = d.made.units.parent.index(-1), 0.0
    percent: dict[str, float] = {}
    for treatment in treatments:
        other = again(some, treatment)
        percent[treatment] = float(other.at.percent[:, root].mean())
        changed = max(changed, float((other.state != d.state[some]).mean()))
    facts: dict[str, Any] = {"omitted": 100 * share, "changed": 100 * changed, **percent}
    return (Template("competencies.omissions").of(**facts),)


def _dependence(d: Diagnosed) -> tuple[Finding, ...]:
    observed = d.matched.observed
    if len(observed) < LEAST_PERSONS:
        return ()
    from competency_dx.quality import local_dependence

    leaf, moments = d.made.units.leaf, d.made.moments
    implied = np.zeros((len(leaf), len(leaf)))
    for r, power in enumerate(moments.powers):
        implied += power[np.ix_(leaf, leaf)] * np.outer(moments.coefficients[:, r], moments.coefficients[:, r])
    out, names = local_dependence(d.matched.codes, observed, implied, clusters(d.made.units)[leaf]), d.made.parameters.items
    pairs = [f"{names[i]} – {names[j]}" for i, j in out.strongest(NAMED_PAIRS)] if out.evident else []
    return Template("competencies.local_dependence").about(pairs, high=out.high, chance=out.by_chance)
