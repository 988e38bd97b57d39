"""The verb of this room, diagnose, and whose conclusions another version of the bank would change.

What a diagnosis remarks about the persons as a whole changes no number of any profile.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Ints, evenly
from competency_dx.bank import ItemBank
from competency_dx.competencies import conclusion
from competency_dx.competencies.conclusion import R201, DeficitRule, Standards
from competency_dx.competencies.joint import UnitEstimates, cohort_populations, estimates, joint_answers
from competency_dx.competencies.plan import Plan, form_quality, plan
from competency_dx.competencies.population import Cohort, LeafPopulations, Stated, clusters
from competency_dx.competencies.profile import DeficitProfiles
from competency_dx.errors import DiagnosisError, ModelError, checked
from competency_dx.findings import Finding, Severity, Template, announce, gathered
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.persons import Matched, as_responses, match, reasons_of
from competency_dx.responses import Omissions, Reason, Reasons, Responses, answers_given
from competency_dx.result import DataFrame, Provenance, digest_arrays, frame, provenance

LEAST_PERSONS, LEAST_SHIFTED = 100, 20  # of a cohort whose spread can be told, and whose mean
SHIFT = 0.3  # population SD
SPREADS = (0.75, 1.33)
OMITTED = 0.05  # share of the cells shown
COMPARED, LEAST_COMPARED = 200, 20  # persons on whom treatments of omissions are compared
NAMED_PAIRS = 3
DEFAULT_STANDARDS = R201()
DEFAULT_RULE = DeficitRule()
AS_ESTIMATED = ("theta", "se", "percent", "percent_low", "percent_high", "own_share", "leans_on", "influence", "carriers", "carried")


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
        Template(code).about(persons[(d.status == conclusion.STATUSES.index(code.removeprefix("competencies."))).any(axis=1)])
        for code in ("competencies.misfit", "competencies.low_effort")
    ]
    missed, given = conclusion.counted_as_wrong(np.where(d.matched.observed, d.reasons, np.uint8(Reason.NOT_ADMINISTERED)))
    few: Severity = "warning" if len(persons) < LEAST_COMPARED else "info"  # of more, what the omissions of all make is told
    omitting = Template("competencies.omitting").about(persons[missed > conclusion.OMITTED_BY_ONE * given], severity=few)
    others = [omitting, _omissions(d, again), _dependence(d), _population(d) if from_bank else ()]
    return tuple(finding for part in (*stopped, *others) for finding in part)


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


@checked(DiagnosisError)
def diagnose(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    bank: ItemBank,
    *,
    standards: Standards = DEFAULT_STANDARDS,
    rule: DeficitRule = DEFAULT_RULE,
    population: Cohort | Stated = None,
) -> DeficitProfiles:
    """Turn answers into deficit profiles: state, probability, interval and evidence for each competency of each person.

    All leaves of the bank (units that own items) have one joint posterior, so every answer counts for each competency it
    tells of. Percent is the expected share of points on the bank's reference set, comparable between forms. A competency
    whose own answers add next to nothing gets the state ``insufficient_data`` and points to the ancestor that is concluded on.
    Raises `BankError`, `ResponsesError`, `ScoringError` or `DiagnosisError` when bank and answers do not fit together; one sentence
    says where.

    Parameters
    ----------
    responses : Responses, data frame, array or path. Raw answers are scored with the bank's keys; items are matched by id.
    bank : Items with parameters, framework and reference set.
    standards : Cuts on the percent scale; the first decides deficits, the last strengths.
    rule : Thresholds of the states and of what may be concluded.
    population : Cohort, BankPopulation, NormalPopulation, LeafPopulations or None. Where the persons come from: None is the bank's
        population, `Cohort()` estimates it from these persons; a normal one names the leaves of the bank, and nothing of it is
        uncertain; that of other profiles is their `population`.
    """
    data = as_responses(responses, bank)
    with one_blas_thread():  # its products are small: threads would cost more than they give
        out = diagnosed(data, bank, standards, rule, population)
    announce(out.findings, known=data.findings)
    return out


def diagnosed(
    responses: Responses, bank: ItemBank, standards: Standards, rule: DeficitRule, population: Cohort | Stated = None
) -> DeficitProfiles:
    """Return the profiles with their findings, none of which is a Python warning yet."""
    made = plan(bank, standards, None if isinstance(population, Cohort) else population)
    stated, matched = population, match(responses, made.parameters, rule.missing)
    reasons = reasons_of(matched.data, made.parameters.items)
    absent = ~matched.observed.any(axis=1, keepdims=True)  # whoever gave no answer omitted none either
    reasons = np.where(absent & (reasons != Reason.INVALID), np.uint8(Reason.NOT_ADMINISTERED), reasons)
    if isinstance(population, Cohort):
        population = cohort_populations(lambda on: joint_answers(matched, reasons, on, rule.missing), made, population)
        made = plan(bank, standards, population)  # a grid that suits it
    closed = {item.id for item in bank.items if item.type == "single"}
    effortless = conclusion.one_option(matched.data, np.flatnonzero([item in closed for item in matched.data.items]))
    judged = _judged(matched, reasons, made, rule, population, effortless)

    def again(some: Ints, treatment: Omissions) -> Diagnosed:
        other = replace(rule, missing=replace(rule.missing, omitted=treatment))
        few = match(matched.data.select(persons=matched.persons[some]), made.parameters, other.missing)
        return _judged(few, reasons[some], made, other, population, np.zeros(len(some), dtype=np.bool_))

    if not np.isfinite([judged.at.theta, judged.at.percent]).all():
        raise ModelError("competencies.not_finite", bank=bank.id)
    at, level, level_probability = judged.at, *conclusion.levels(judged.at.below, judged.state)
    evident = matched.observed | np.isin(reasons, (Reason.OMITTED, Reason.INVALID))  # whatever counts, the person has seen these
    found = remarks(judged, from_bank=stated is None, again=again)
    if isinstance(stated, LeafPopulations) and stated.epoch not in {"", bank.epoch}:
        found = (*found, Template("competencies.other_epoch").of(population=stated.epoch, bank=bank.epoch))
    return DeficitProfiles(
        persons=matched.data.persons,
        background=matched.data.background,
        competencies=made.units.competencies,
        items=made.facts,
        standards=standards,
        rule=rule,
        language=bank.header.language,
        strength=rule.state_index(1 - at.below[:, :, -1], judged.status == conclusion.REPORTED),
        level=level,
        level_probability=level_probability,
        p_deficit=at.below[:, :, 0],
        p_strength=1 - at.below[:, :, -1],
        reported_at=conclusion.roll_up(judged.status, made.units.parent),
        **dict(zip(conclusion.OF_FORM, form_quality(made.moments, matched.observed), strict=True)),
        points=matched.codes,
        reasons=np.where(evident, reasons, np.uint8(Reason.NOT_ADMINISTERED)),
        grid=made.theta,
        curves=made.score,
        bank=bank.title,
        population=replace(judged.populations, epoch=bank.epoch),
        findings=gathered(matched.data.findings, bank.findings(), matched.findings, found),
        provenance=_provenance(bank, matched, made, rule),
        **{name: getattr(at, name) for name in AS_ESTIMATED},
        **{name: getattr(judged, name) for name in ("state", "n_items", "status")},
    )


def _judged(matched: Matched, reasons: Reasons, made: Plan, rule: DeficitRule, population: object, effortless: Bools) -> Diagnosed:
    """Return what is said and concluded; what counts as wrong without an answer is none of the answers that a conclusion needs."""
    answers = joint_answers(matched, reasons, made, rule.missing, population)
    at = estimates(answers, made, rule)
    n_items, counted = np.stack([matched.observed & answers_given(reasons), matched.observed]).astype(int) @ made.units.member.T
    covered = np.minimum((n_items[:, made.units.leaves] > 0) @ made.share.T, n_items / np.maximum(counted, 1))
    status = conclusion.statuses(n_items, at.own_share, covered, (at.misfit, effortless), rule)
    state = rule.state_index(at.below[:, :, 0], status == conclusion.REPORTED)
    return Diagnosed(matched, reasons, made, answers.populations, at, n_items, status, state)


def _provenance(bank: ItemBank, matched: Matched, made: Plan, rule: DeficitRule) -> Provenance:
    thresholds = f"confirmed {rule.confirmed:g}, likely {rule.likely:g}, indeterminate {rule.indeterminate:g}"
    settings = {
        "standards": f"{made.standards.id}, cuts {', '.join(f'{c:g}' for c in made.standards.cuts)}, "
        f"boundaries {', '.join(made.standards.boundaries)}",
        "rule": f"{thresholds}; items {rule.min_items}, share of the own answers {rule.own_share:g}, coverage {rule.coverage:g}, "
        f"false share {rule.false_share or 'not bounded'}, misfit {rule.misfit:g}, interval {rule.interval:g}",
        "missing": rule.missing.describe("en"),
        "method": f"joint posterior of {len(made.units.leaves)} competencies by expectation propagation, {len(made.theta)} points, "
        f"{len(made.populations.covariances)} populations, provisional item parameters integrated out",
    }
    keys = matched.data.provenance.inputs.get("keys")
    inputs = {
        **({"keys": keys} if keys else {}),
        "bank": f"{bank.id} {bank.version} {bank.digest}",
        "epoch": bank.epoch,
        "framework": f"{bank.framework.id} {bank.framework.version} {bank.framework.digest}",
        "responses": digest_arrays(matched.codes, np.packbits(matched.observed)),
        "population": digest_arrays(made.populations.mean, made.populations.covariances),
    }
    return provenance("diagnose", inputs, settings)


@checked(DiagnosisError)
def bank_impact(profiles: DeficitProfiles, bank: ItemBank) -> DataFrame:
    """Diagnose the kept points with another version of the bank, whose population is taken, and return what changes.

    Points stay as they were given: of items whose key changed, which `ledger_of` names, the raw answers have to be scored anew.
    Returns one row per person and competency with another state: person, competency, state, state_after, and p_deficit and percent with
    what they would be after.
    """
    after = diagnose(profiles.answers(), bank, standards=profiles.standards, rule=profiles.rule)
    codes, now = ([c.code for c in x.competencies] for x in (profiles, after))
    old, new = np.array([(codes.index(c), now.index(c)) for c in codes if c in now], dtype=np.int64).reshape(-1, 2).T
    p, c = np.nonzero(profiles.state[:, old] != after.state[:, new])
    words, columns = np.array(conclusion.STATES, dtype=object), {}
    for name in ("state", "p_deficit", "percent"):
        both = getattr(profiles, name)[p, old[c]], getattr(after, name)[p, new[c]]
        columns[name], columns[f"{name}_after"] = (words[x] for x in both) if name == "state" else both
    return frame(person=profiles.persons[p], competency=[codes[k] for k in old[c]], **columns)
