"""The verb of this room: diagnose."""

from __future__ import annotations

from typing import Any

import numpy as np

from competency_dx.bank import ItemBank
from competency_dx.competencies import gate
from competency_dx.competencies.estimates import estimates
from competency_dx.competencies.plan import Plan, plan
from competency_dx.competencies.profile import DeficitProfiles
from competency_dx.competencies.rule import DeficitRule
from competency_dx.competencies.standards import R201, Standards
from competency_dx.errors import DiagnosisError
from competency_dx.findings import Template, announce, gathered
from competency_dx.models import ItemParameters
from competency_dx.provenance import Provenance, digest_arrays, provenance
from competency_dx.responses import Reason, Reasons
from competency_dx.scoring import Matched, as_responses, match

DEFAULT_STANDARDS = R201()
DEFAULT_RULE = DeficitRule()
# fmt: off
NO_COHORT = Template("competencies.no_cohort", "info",
    "Одинаковый вариант выполнили меньше {least:человека|человек|человек}: прибавка от отдельных баллов (PRMSE) не "
    "оценивалась, решение о показе принято по надёжности.",
    "Fewer than {least:person|persons} took the same form: the added value of subscores (PRMSE) was not estimated, what is "
    "reported was decided by reliability.")
# fmt: on


def diagnose(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    bank: ItemBank,
    *,
    standards: Standards = DEFAULT_STANDARDS,
    rule: DeficitRule = DEFAULT_RULE,
) -> DeficitProfiles:
    """Turn answers into deficit profiles: state, probability, interval and evidence for each competency of each person.

    Every competency has a posterior of its own from the items that carry it, under the population of the bank; its
    percent is the expected share of points on the bank's reference set, so it is comparable between forms. A competency
    that its items cannot carry gets the state ``insufficient_data`` and points to the ancestor that can be reported.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Raw answers are scored with the bank's keys; items are matched by id.
    bank : ItemBank
        Items with parameters, framework and reference set.
    standards : Standards, default R201()
        Cuts on the percent scale; the first decides deficits, the last strengths.
    rule : DeficitRule, default DeficitRule()
        Thresholds of the states and of what may be reported.

    Returns
    -------
    DeficitProfiles

    Raises
    ------
    BankError, ResponsesError, ScoringError, DiagnosisError
        When bank and answers do not fit together; one sentence says where.
    """
    if not isinstance(bank, ItemBank):
        raise DiagnosisError(f"diagnose needs an ItemBank, got {type(bank).__name__}: use bank.with_calibration(…)")
    if not isinstance(standards, Standards):
        raise DiagnosisError(f"standards= takes a Standards value such as R201(), got {standards!r}")
    if not isinstance(rule, DeficitRule):
        raise DiagnosisError(f"rule= takes a DeficitRule, got {rule!r}")
    made = plan(bank, standards)
    parameters, units = made.parameters, made.units
    matched = match(as_responses(responses, bank), parameters, rule.missing)
    found = estimates(matched, made, rule)
    reasons = _reasons(matched, parameters)
    declared = np.array([np.isin(parameters.items, form.items) for form in bank.forms]).reshape(
        -1, len(parameters.items)
    )
    prmse, gain = gate.added_value(matched.codes, matched.observed, reasons, units.member, declared, rule.min_cohort)
    gain[np.array(units.parent) < 0] = np.nan
    status = gate.statuses(
        found.n_items, found.reliability, gain, min_items=rule.min_items, least=rule.reliability, added=rule.added_value
    )
    reportable = status == gate.REPORTED
    findings = gathered(matched.data.findings, bank.findings(), matched.findings)
    out = DeficitProfiles(
        persons=matched.data.persons,
        background=matched.data.background,
        competencies=units.competencies,
        items=made.facts,
        standards=standards,
        rule=rule,
        language=bank.header.language,
        state=rule.state_index(found.p_deficit, reportable),
        strength=rule.state_index(found.p_strength, reportable),
        level=np.where(reportable, standards.level_index(found.percent), -1).astype(np.int8),
        prmse=np.broadcast_to(prmse, status.shape),
        reported_at=gate.roll_up(status, units.parent),
        status=status,
        points=matched.codes,
        reasons=np.where(matched.observed, reasons, np.uint8(Reason.NOT_ADMINISTERED)),  # the rest is no evidence
        grid=made.grid.theta[::4],
        curves=made.score[:, ::4],
        bank=bank.title,
        findings=(*findings, NO_COHORT.of(least=rule.min_cohort)) if np.isnan(prmse).all() else findings,
        provenance=_provenance(bank, matched, made, rule),
        **found._asdict(),
    )
    announce(out.findings, known=matched.data.findings)
    return out


def _reasons(matched: Matched, parameters: ItemParameters) -> Reasons:
    """Return the reasons (P, I) in the order of the parameters; items without a column were not administered."""
    reasons = np.full(matched.codes.shape, Reason.NOT_ADMINISTERED, dtype=np.uint8)
    column = {item: j for j, item in enumerate(matched.data.items)}
    for i, item in enumerate(parameters.items):
        if item in column:
            reasons[:, i] = matched.data.reasons[:, column[item]]
    return reasons


def _provenance(bank: ItemBank, matched: Matched, made: Plan, rule: DeficitRule) -> Provenance:
    thresholds = f"confirmed {rule.confirmed:g}, likely {rule.likely:g}, indeterminate {rule.indeterminate:g}"
    settings = {
        "standards": f"{made.standards.id}, cuts {', '.join(f'{c:g}' for c in made.standards.cuts)}, "
        f"boundaries {', '.join(made.standards.boundaries)}",
        "rule": f"{thresholds}; reliability {rule.reliability:g}, items {rule.min_items}, "
        f"added value {rule.added_value:g} from {rule.min_cohort} persons, interval {rule.interval:g}",
        "missing": rule.missing.describe("en"),
        "method": f"EAP per competency, {len(made.grid.theta)} points, provisional item parameters integrated out",
    }
    inputs = {
        "bank": f"{bank.id} {bank.version} {bank.digest}",
        "framework": f"{bank.framework.id} {bank.framework.version}",
        "responses": digest_arrays(matched.codes, np.packbits(matched.observed)),
    }
    return provenance("diagnose", inputs, settings)
