"""The verb of this room: diagnose."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.bank import ItemBank
from competency_dx.competencies.choices import R201, DeficitRule, Standards
from competency_dx.competencies.cohort_population import Cohort, cohort_populations
from competency_dx.competencies.conclusion import REPORTED, levels, one_option, roll_up, statuses
from competency_dx.competencies.findings import Diagnosed, remarks
from competency_dx.competencies.form_quality import form_quality
from competency_dx.competencies.joint import UnitEstimates, estimates
from competency_dx.competencies.omission import joint_answers
from competency_dx.competencies.plan import Plan, plan
from competency_dx.competencies.population import LeafPopulations, Stated
from competency_dx.competencies.profile import DeficitProfiles
from competency_dx.errors import DiagnosisError, wrong_type
from competency_dx.findings import Template, announce, gathered
from competency_dx.kernels.blocks import in_turn, one_blas_thread
from competency_dx.persons import Matched, as_responses, match, reasons_of
from competency_dx.provenance import Provenance, digest_arrays, provenance
from competency_dx.responses import Omissions, Reason, Responses

DEFAULT_STANDARDS = R201()
DEFAULT_RULE = DeficitRule()
AS_ESTIMATED = ("theta", "se", "percent", "percent_low", "percent_high", "own_share", "leans_on", "influence")


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

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Raw answers are scored with the bank's keys; items are matched by id.
    bank : ItemBank
        Items with parameters, framework and reference set.
    standards : Standards, default R201()
        Cuts on the percent scale; the first decides deficits, the last strengths.
    rule : DeficitRule, default DeficitRule()
        Thresholds of the states and of what may be concluded.
    population : Cohort, BankPopulation, NormalPopulation, LeafPopulations or None
        Where the persons come from: None is the bank's population, `Cohort()` estimates it from these persons; a normal one
        names the leaves of the bank, and nothing of it is uncertain; that of other profiles is their `population`.

    Raises
    ------
    BankError, ResponsesError, ScoringError, DiagnosisError
        When bank and answers do not fit together; one sentence says where.
    """
    if not isinstance(bank, ItemBank):
        raise DiagnosisError("competencies.not_a_bank", given=type(bank).__name__)
    if not isinstance(standards, Standards):
        raise DiagnosisError("competencies.standards_type", standards=standards)
    if not isinstance(population, Cohort | Stated):
        raise wrong_type(DiagnosisError, "population", population, Cohort, *get_args(Stated)[:-1])
    if not isinstance(rule, DeficitRule):
        raise DiagnosisError("competencies.rule_type", rule=rule)
    data = as_responses(responses, bank)
    with one_blas_thread(), in_turn(len(data.persons)):  # its products are small: threads would cost more than they give
        out = diagnosed(data, bank, standards, rule, population)
    announce(out.findings, known=data.findings)
    return out


def diagnosed(
    responses: Responses, bank: ItemBank, standards: Standards, rule: DeficitRule, population: Cohort | Stated = None
) -> DeficitProfiles:
    """Return the profiles with their findings, none of which is a Python warning yet."""
    made = plan(bank, standards, None if isinstance(population, Cohort) else population)
    units, stated = made.units, population
    matched = match(responses, made.parameters, rule.missing)
    reasons = reasons_of(matched.data, made.parameters.items)
    if isinstance(population, Cohort):
        population = cohort_populations(joint_answers(matched, reasons, made, rule.missing), made, population)
        made = plan(bank, standards, population)  # a grid that suits it
    answers = joint_answers(matched, reasons, made, rule.missing, population)
    at = estimates(answers, matched, made, rule)
    closed = {item.id for item in bank.items if item.type == "single"}
    effortless = one_option(matched.data, np.flatnonzero([item in closed for item in matched.data.items]))
    n_items, status, state = _judged(at, matched, made, rule, effortless)
    level, level_probability = levels(at.below, state)
    strength = rule.state_index(1 - at.below[:, :, -1], status == REPORTED)
    evident = matched.observed | ((rule.missing.omitted == "modelled") & (reasons == Reason.OMITTED)) | (reasons == Reason.INVALID)
    judged = Diagnosed(matched, reasons, made, at, state, status)
    found = remarks(judged, from_bank=stated is None, again=partial(_again, judged, rule, population))
    if isinstance(stated, LeafPopulations) and stated.epoch not in {"", bank.epoch}:
        found = (*found, Template("competencies.other_epoch").of(population=stated.epoch, bank=bank.epoch))
    return DeficitProfiles(
        persons=matched.data.persons,
        background=matched.data.background,
        competencies=units.competencies,
        items=made.facts,
        standards=standards,
        rule=rule,
        language=bank.header.language,
        state=state,
        strength=strength,
        level=level,
        level_probability=level_probability,
        p_deficit=at.below[:, :, 0],
        p_strength=1 - at.below[:, :, -1],
        n_items=n_items,
        status=status,
        reported_at=roll_up(status, units.parent),
        **form_quality(made.moments, matched.observed)._asdict(),
        points=matched.codes,
        reasons=np.where(evident, reasons, np.uint8(Reason.NOT_ADMINISTERED)),
        grid=made.theta,
        curves=made.score,
        bank=bank.title,
        population=replace(answers.populations, epoch=bank.epoch),
        findings=gathered(matched.data.findings, bank.findings(), matched.findings, found),
        provenance=_provenance(bank, matched, made, rule),
        **{name: getattr(at, name) for name in AS_ESTIMATED},
    )


def _judged(
    at: UnitEstimates, matched: Matched, made: Plan, rule: DeficitRule, effortless: Bools
) -> tuple[Ints, NDArray[np.int8], NDArray[np.int8]]:
    """Return the number of items answered, the status and the state of each person and unit (P, C)."""
    n_items = matched.observed.astype(np.int64) @ made.units.member.T
    covered = (n_items[:, made.units.leaves] > 0) @ made.share.T
    status = statuses(n_items, at.own_share, covered, (at.misfit, effortless), rule)
    return n_items, status, rule.state_index(at.below[:, :, 0], status == REPORTED)


def _again(d: Diagnosed, rule: DeficitRule, population: object, some: Ints, treatment: Omissions) -> tuple[Floats, NDArray[np.int8]]:
    """Return percent and states of some persons under another treatment of omissions."""
    data = d.matched.data.select(persons=d.matched.persons[some])
    other = replace(rule, missing=replace(rule.missing, omitted=treatment))
    matched = match(data, d.made.parameters, other.missing)
    answers = joint_answers(matched, d.reasons[some], d.made, other.missing, population)
    at = estimates(answers, matched, d.made, other)
    return at.percent, _judged(at, matched, d.made, other, np.zeros(len(some), dtype=np.bool_))[2]


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
