"""The verb misconceptions: who holds which misconception, with what probability, by which wrong options."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from competency_dx.arrays import choice
from competency_dx.bank import ItemBank
from competency_dx.errors import CalibrationError, ScoringError, checked
from competency_dx.findings import Finding, Template, announce, gathered
from competency_dx.kernels.classes.misconception_mixture import AbilityWeights
from competency_dx.misconceptions.estimation import MISCONCEPTION_MODEL, MisconceptionEstimates, estimate_misconceptions
from competency_dx.misconceptions.evidence import MisconceptionEvidence, MisconceptionParameters
from competency_dx.persons import EAP, as_responses, check_one_dimension, match, parameters_of, posterior_on, scoring_grid
from competency_dx.provenance import digest_arrays, provenance
from competency_dx.responses import MissingPolicy, Responses

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

RESTS_ON_PRIOR_FROM = 0.3  # share of the precision from which that is said


@choice(CalibrationError)
class MisconceptionRule:
    """What a probability has to be for a conclusion.

    A person `likely` holds a misconception from this probability up, and `unlikely` from that one down, given `least_chances` wrong
    answers in which it could show. `significance` is the level of the test that choices of marked options go together between items
    more than by chance; a misconception that does not pass is not estimated. `missing` says which missing answers count as wrong for
    the ability and which are left out.
    """

    likely: float = 0.8
    unlikely: float = 0.2
    least_chances: int = 2
    significance: float = 0.01
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        self.missing.check_scored()
        if not 0 <= self.unlikely < self.likely <= 1:
            raise ScoringError("misconceptions.likely_bounds", unlikely=self.unlikely, likely=self.likely)
        if self.least_chances < 1:
            raise ScoringError("misconceptions.chances", least_chances=self.least_chances)
        if not 0 < self.significance < 0.5:
            raise ScoringError("misconceptions.significance", significance=self.significance)


DEFAULT_RULE = MisconceptionRule()


@checked(ScoringError)
def find_misconceptions(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    bank: ItemBank,
    calibration: Calibration | None = None,
    *,
    rule: MisconceptionRule = DEFAULT_RULE,
) -> MisconceptionEvidence:
    """Estimate from the wrong options chosen who holds which of the bank's misconceptions.

    Ability follows from the scores and the item parameters, which are held; given ability and score, holders choose the options
    that name their misconception at higher odds. Prevalence, its dependence on ability, the strength of the effect and the base
    rates of all options are estimated from these responses by marginal maximum likelihood with stated weak priors.
    Raises `ScoringError` when the bank declares no misconceptions or the responses hold points instead of answers. Raises
    `ConvergenceError` when an estimation did not reach its maximum.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Raw answers; points do not tell which option was chosen.
    bank : ItemBank
        Items with marked options, and the declared misconceptions.
    calibration : Calibration, optional
        Where item parameters and population come from; the bank when not given.
    rule : MisconceptionRule, default MisconceptionRule()
        Thresholds.
    """
    data, source = _checked(responses, bank), calibration or bank
    check_one_dimension(source, "misconceptions")
    known, choice = parameters_of(source), EAP()
    matched, grid = match(data, known, rule.missing), scoring_grid(known, choice.points, choice.item_uncertainty)
    ability = AbilityWeights((grid.theta - known.mean) / np.sqrt(known.variance), posterior_on(matched, known, grid).weights())
    found = estimate_misconceptions(data, bank, ability, rule.significance)
    assert data.answers is not None
    each, ticked = found.estimates, [who for _, who in found.ticked.values()]
    given = gathered(data.findings, () if calibration is None else calibration.findings)
    digest = digest_arrays(data.scores, data.reasons, data.answers.codes)
    inputs = {"bank": f"{bank.id} {bank.version} {bank.digest}", "responses": digest, "parameters": source.digest}
    bounds = {name: f"{getattr(rule, name):g}" for name in ("likely", "unlikely", "least_chances", "significance")}
    settings = bounds | {"missing": rule.missing.describe("en")} | MISCONCEPTION_MODEL
    numbers: dict[str, Any] = {f.name: tuple(getattr(e, f.name) for e in each) for f in fields(MisconceptionParameters)}
    out = MisconceptionEvidence(
        persons=data.persons,
        misconceptions=tuple(bank.misconceptions),
        titles=bank.misconceptions,
        language=bank.header.language,
        parameters=MisconceptionParameters(**numbers),
        probability=np.stack([e.after for e in each], axis=1),
        prior=np.stack([e.before for e in each], axis=1),
        n_chances=np.stack([e.chances for e in each], axis=1),
        marked=tuple(found.ticked),
        marked_code=tuple(code for code, _ in found.ticked.values()),
        ticked=np.stack(ticked, axis=1) if ticked else np.zeros((len(data.persons), 0), bool),
        likely=rule.likely,
        unlikely=rule.unlikely,
        least_chances=rule.least_chances,
        findings=gathered(given, bank.findings(), matched.findings, _findings(bank, found)),
        provenance=provenance("misconceptions", inputs, settings),
    )
    announce(out.findings, known=given)
    return out


def _checked(source: Any, bank: ItemBank) -> Responses:  # noqa: ANN401 - any table
    if not bank.misconceptions:
        raise ScoringError("misconceptions.none_declared", bank=bank.id)
    data = as_responses(source, bank)
    if data.answers is None:
        raise ScoringError("misconceptions.points_only")
    return data


def _findings(bank: ItemBank, found: MisconceptionEstimates) -> tuple[Finding, ...]:
    """Return what is not estimated and why, and what rests on priors."""
    out: list[Finding] = []
    for (code, title), e in zip(bank.misconceptions.items(), found.estimates, strict=True):
        if e.standing != "estimated":
            out.append(Template(f"misconceptions.{e.standing}").of([code], title=title))
        elif e.prior_share > RESTS_ON_PRIOR_FROM:
            out.append(Template("misconceptions.rests_on_prior").of([code], title=title, share=100 * e.prior_share))
    return (*out, *Template("misconceptions.too_many_options").about(found.too_wide))
