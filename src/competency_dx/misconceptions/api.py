"""Who holds which misconception, with what probability, by which wrong options: the verb, and its result with what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Z95, Bools, Count, Floats, Ids, Ints, Names, Probability, choice, held_to, value
from competency_dx.bank import ItemBank, Text
from competency_dx.display import Chart, code_word, histogram_chart, interval_chart, result_words, sentences, toml_content
from competency_dx.errors import CalibrationError, ScoringError, checked
from competency_dx.findings import Finding, Template, announce, gathered, worth_a_line
from competency_dx.kernels.classes.misconception_mixture import AbilityWeights
from competency_dx.misconceptions.estimation import MISCONCEPTION_MODEL, MisconceptionEstimate, estimate_misconceptions
from competency_dx.persons import EAP, as_responses, check_one_dimension, match, parameters_of, posterior_on, scoring_grid
from competency_dx.responses import MissingPolicy, Responses
from competency_dx.result import DataFrame, Outcome, crossed, digest_arrays, frame, provenance

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

STATES = ("not enough evidence", "unlikely", "likely")
REASONS = toml_content("misconceptions", "reasons")  # why there is no conclusion, by what parameters and persons say of it
RESTS_ON_PRIOR_FROM = 0.3  # share of the precision from which that is said


@value
class MisconceptionParameters:
    """The model of each of M misconceptions; numbers are NaN where one is not estimated.

    Attributes
    ----------
    standing : "estimated", or why not, a key of `REASONS`.
    n_items : (M,) Items answered in which it can show.
    n_persons : (M,) Persons in whom the association of choices between items could be seen.
    association : (M,) Statistic of that association, standard normal where nobody holds the misconception.
    level, slope, strength : (M, 2) κ, λ and δ with their standard errors: logit P(held | θ) = κ + λ (θ - μ)/σ; holding adds δ to the
        log-odds of a marked option.
    prevalence : (M, 2) Mean of P(held | θ) over the persons, with its standard error.
    prior_share : (M,) The larger share of the precision of κ and log δ that the weak priors supply, 0 to 1.
    """

    standing: Annotated[tuple[str, ...], held_to("misconceptions")]
    n_items: Annotated[Ints, held_to("misconceptions", minimum=0)]
    n_persons: Annotated[Ints, held_to("misconceptions", minimum=0)]
    association: Annotated[Floats, held_to("misconceptions")]
    level: Annotated[Floats, held_to("misconceptions", 2)]
    slope: Annotated[Floats, held_to("misconceptions", 2)]
    strength: Annotated[Floats, held_to("misconceptions", 2)]
    prevalence: Annotated[Floats, held_to("misconceptions", 2, minimum=0)]
    prior_share: Annotated[Floats, held_to("misconceptions", minimum=0, maximum=1)]


@value
class MisconceptionEvidence(Outcome):
    """Probabilities that P persons hold M misconceptions.

    Attributes
    ----------
    persons : (P,) In the order of the responses.
    misconceptions : Codes of the bank, in its order.
    titles : Their titles.
    language : The bank's language, that of the titles in the table.
    parameters : MisconceptionParameters
    probability : (P, M) P(held | scores and options chosen), the uncertainty of the model's parameters averaged out; NaN where not
        estimated.
    prior : (P, M) P(held | scores): the prevalence among persons who score like this one.
    n_chances : (P, M) Wrong answers in which the misconception could show.
    marked : Item and option, as "item:option", of every marked option answered.
    marked_code : The misconception that each of them names.
    ticked : (P, number of marked options) Who chose it.
    likely, unlikely, least_chances
        The rule applied.
    """

    pictures: ClassVar[tuple[str, ...]] = ("prevalence", "probability")
    persons: Annotated[Names, held_to(uniqueItems=True)]
    misconceptions: Ids
    titles: Annotated[Mapping[str, Text], held_to(each="misconceptions")]
    language: str
    parameters: MisconceptionParameters
    probability: Annotated[Floats, held_to("persons", "misconceptions", minimum=0, maximum=1)]
    prior: Annotated[Floats, held_to("persons", "misconceptions", minimum=0, maximum=1)]
    n_chances: Annotated[Ints, held_to("persons", "misconceptions", minimum=0)]
    marked: Ids
    marked_code: Annotated[tuple[str, ...], held_to("marked", among="misconceptions")]
    ticked: Annotated[Bools, held_to("persons", "marked")]
    likely: Probability
    unlikely: Probability
    least_chances: Count

    @property
    def state(self) -> NDArray[np.int8]:
        """Return the index into `STATES` of every person and misconception (P, M)."""
        enough = self.n_chances >= self.least_chances
        above, below = self.probability >= self.likely, self.probability <= self.unlikely  # neither where it is NaN
        return np.where(enough & above, 2, np.where(enough & below, 1, 0)).astype(np.int8)

    def evidence(self, p: int, code: str) -> str:
        """Return the marked options that a person (by place) chose, as ``"item:option; item:option"``."""
        return "; ".join(m for m, own, t in zip(self.marked, self.marked_code, self.ticked[p], strict=True) if own == code and t)

    def to_frame(self) -> DataFrame:
        """Return one row per person and misconception.

        Columns are person, misconception, title, probability, prior, evidence (items and options chosen that name it),
        n_chances, state, and reason: why there is not enough evidence.
        """
        P, of = len(self.persons), {"misconception": self.misconceptions, "title": self._titles}
        cells = {
            "probability": self.probability,
            "prior": self.prior,
            "evidence": [self.evidence(p, m) for p in range(P) for m in self.misconceptions],
            "n_chances": self.n_chances,
            "state": np.array(STATES, dtype=object)[self.state],
            "reason": self._reasons(),
        }
        return crossed({"person": self.persons}, of, cells)

    @property
    def _titles(self) -> list[str]:
        return [self.titles[m].text(self.language) for m in self.misconceptions]

    def _reasons(self) -> Names:
        """Return a key of `REASONS` of every person and misconception (P, M), "" where there is a conclusion."""
        standing = np.array([s if s != "estimated" else "" for s in self.parameters.standing], dtype=object)
        few = np.where(self.n_chances < self.least_chances, "few_chances", "between").astype(object)
        return np.where(self.state > 0, "", np.where(standing[None] != "", standing[None], few))

    def parameters_frame(self) -> DataFrame:
        """Return one row per misconception: its model with standard errors, and how many persons likely hold it."""
        p = self.parameters
        pairs = {"prevalence": p.prevalence, "strength": p.strength, "level": p.level, "slope": p.slope}
        return frame(
            misconception=self.misconceptions,
            title=self._titles,
            **{name: getattr(p, name) for name in ("standing", "n_items", "n_persons", "association")},
            **{f"{head}{k}": x[:, j] for k, x in pairs.items() for j, head in enumerate(("", "se_"))},
            prior_share=p.prior_share,
            likely=(self.state == 2).sum(axis=0),
            unlikely=(self.state == 1).sum(axis=0),
        )

    def explain(self, person: str, code: str, language: str = "en") -> str:
        """Return in one sentence what can be said of a person and a misconception, and why; raises `ScoringError` for unknown ones."""
        people = self.persons.tolist()
        if person not in people or code not in self.misconceptions:
            raise ScoringError("misconceptions.no_person", person=person, name=code, misconceptions=self.misconceptions)
        p, m = people.index(person), self.misconceptions.index(code)
        say, chosen = result_words("misconceptions", language), self.evidence(p, code)
        reason = sentences("misconceptions", "reasons", language).get(self._reasons()[p, m], "")
        state = code_word("state", STATES[self.state[p, m]], language)
        parts = [f"{person}, «{self.titles[code].text(language)}»: {state}"]
        parts += [say("holding", p=float(self.probability[p, m]))] if np.isfinite(self.probability[p, m]) else []
        parts += [say("chosen", chosen=chosen)] if chosen else []
        parts += [say("chances", n=int(self.n_chances[p, m]))]
        return ", ".join(parts) + (f" ({reason})" if reason else "")

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return how many persons likely hold each misconception."""
        say, counts, p = result_words("misconceptions", language), self.state, self.parameters
        lines = [say("head", persons=len(self.persons), n=len(self.misconceptions))]
        for m, code in enumerate(self.misconceptions[:7]):
            if p.standing[m] == "estimated":
                names = ("neither", "unlikely", "likely", "share", "se")
                values = (*np.bincount(counts[:, m], minlength=3).tolist(), *p.prevalence[m].tolist())
                lines.append(say("estimated", code=code, **dict(zip(names, values, strict=True))))
            else:
                lines.append(say("not_estimated", code=code, reason=REASONS[p.standing[m]])[:150])
        lines += [say("more", n=len(self.misconceptions) - 7)] if len(self.misconceptions) > 7 else []
        return lines + worth_a_line(self.findings, 2, language=language)

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return prevalences with 95 % intervals, or a histogram of the probabilities of all estimated misconceptions."""
        say = result_words("misconceptions", language)
        if kind == "probability":
            p, axis = self.probability[np.isfinite(self.probability)], say("probability_axis")
            return histogram_chart(p, bins=np.linspace(0, 1, 21), title=say("probability"), x_label="P", y_label=axis)
        centre, se = self.parameters.prevalence[::-1].T
        labels, ends = [self.titles[m].text(language) for m in self.misconceptions[::-1]], (0.0, 1.0)
        at = centre, np.maximum(centre - Z95 * se, 0), np.minimum(centre + Z95 * se, 1)
        return interval_chart(labels, at, title=say("prevalence"), x_label=say("prevalence_axis"), x_lines=ends)


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
    responses: object, bank: ItemBank, calibration: "Calibration | None" = None, *, rule: MisconceptionRule = DEFAULT_RULE
) -> MisconceptionEvidence:
    """Estimate from the wrong options chosen who holds which of the bank's misconceptions.

    Ability follows from the scores and the item parameters, which are held; given ability and score, holders choose the options
    that name their misconception at higher odds. Prevalence, its dependence on ability, the strength of the effect and the base
    rates of all options are estimated from these responses by marginal maximum likelihood with stated weak priors.
    Raises `ScoringError` when the bank declares no misconceptions or the responses hold points instead of answers. Raises
    `ConvergenceError` when an estimation did not reach its maximum.

    Parameters
    ----------
    responses : Responses, data frame, array or path. Raw answers; points do not tell which option was chosen.
    bank : Items with marked options, and the declared misconceptions.
    calibration : Where item parameters and population come from; the bank when not given.
    rule : Thresholds.
    """
    data, source = _checked(responses, bank), calibration or bank
    check_one_dimension(source, "misconceptions")
    known, choice = parameters_of(source), EAP()
    matched, grid = match(data, known, rule.missing), scoring_grid(known, choice.points, choice.item_uncertainty)
    ability = AbilityWeights((grid.theta - known.mean) / np.sqrt(known.variance), posterior_on(matched, known, grid).weights())
    each, marked, too_wide = estimate_misconceptions(data, bank, ability, rule.significance)
    assert data.answers is not None
    ticked = [who for _, who in marked.values()]
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
        marked=tuple(marked),
        marked_code=tuple(code for code, _ in marked.values()),
        ticked=np.stack(ticked, axis=1) if ticked else np.zeros((len(data.persons), 0), bool),
        likely=rule.likely,
        unlikely=rule.unlikely,
        least_chances=rule.least_chances,
        findings=gathered(given, bank.findings(), matched.findings, _findings(bank, each, too_wide)),
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


def _findings(bank: ItemBank, each: Sequence[MisconceptionEstimate], too_wide: Sequence[str]) -> tuple[Finding, ...]:
    """Return what is not estimated and why, and what rests on priors."""
    out: list[Finding] = []
    for (code, title), e in zip(bank.misconceptions.items(), each, strict=True):
        if e.standing != "estimated":
            out.append(Template(f"misconceptions.{e.standing}").of([code], title=title))
        elif e.prior_share > RESTS_ON_PRIOR_FROM:
            out.append(Template("misconceptions.rests_on_prior").of([code], title=title, share=100 * e.prior_share))
    return (*out, *Template("misconceptions.too_many_options").about(too_wide))
