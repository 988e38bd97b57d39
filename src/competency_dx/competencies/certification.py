"""Decisions by a rule of minima, for certification: passed, not passed, or more evidence needed, each with its error."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from competency_dx.arrays import Bools, Finite, Floats, FrozenDict, Ids, Names, blocks, choice, held_to, names, value
from competency_dx.bank import Text
from competency_dx.competencies.conclusion import REPORTED, ROUNDING, STATUSES
from competency_dx.competencies.outlook import own_evidence
from competency_dx.competencies.profile import DeficitProfiles
from competency_dx.display import Chart, Series, result_words
from competency_dx.errors import DiagnosisError, checked
from competency_dx.findings import Template, announce
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.persons import even_uniforms
from competency_dx.result import DataFrame, Outcome, crossed, frame, provenance, refuse_others

OUTCOMES = ("passed", "not_passed", "more_evidence", "no_responses")
REASONS = ("", "zone", "evidence", "flagged")
DRAWS, SECOND_TESTS, AT_ONCE = 512, 128, 100
POINTS = 33  # percents between which quantiles of a section are linear
FLAGS = tuple(STATUSES.index(status) for status in ("misfit", "low_effort"))
FARTHEST_Z, SMALLEST = 3.0, 1e-12
FROM_PROFILES = ("percent", "percent_low", "percent_high")


@choice(DiagnosisError)
class CertificationRule:
    """What has to be reached, and how sure a decision must be.

    `minimum` is the least percent by competency; all must be reached. The whole test alone is a compensatory rule, its parts a
    sectional one, every domain a conjunctive one. With a `compensation` of some points (Chester 2003) a section may miss its minimum by
    so many at most where the sections reach theirs on average; sections are the minima that no other one of the rule lies inside,
    and the others have to be reached as they stand. A person passes from P(all reached) of `certain`, and does not pass up to 1 -
    `certain`; between the two more evidence is needed. `purpose` is what the decisions are used for, "support" or "certification",
    which has to be said.
    """

    minimum: Annotated[Mapping[str, Finite], held_to(each="minima")]
    certain: Finite = 0.8
    purpose: Literal["support", "certification"] = "support"
    compensation: Finite = field(default_factory=float)

    def __post_init__(self) -> None:
        object.__setattr__(self, "minimum", FrozenDict({str(k): float(x) for k, x in self.minimum.items()}))
        if not self.minimum or not all(0 < x < 100 for x in self.minimum.values()) or not 0.5 < self.certain < 1:
            said = [f"{code}={x:g}" for code, x in self.minimum.items()]
            raise DiagnosisError("competencies.certification_rule", minimum=said, certain=self.certain)
        if not 0 <= self.compensation < min(self.minimum.values()):
            raise DiagnosisError("competencies.compensation", compensation=self.compensation, least=min(self.minimum.values()))


class _Sections(NamedTuple):
    """Percents from the lowest allowed to 100, less the minimum and 0 where that is of no section (K, M), and their z (K, P, M)."""

    beyond: Floats
    quantiles: Floats

    def compensate(self, g: Floats) -> Bools:
        """Return where sections reach their minima on average, at normal scores g (P, n, M) of their percents (P, n)."""
        of = zip(g, self.quantiles.swapaxes(0, 1), strict=True)
        gaps = np.array([[np.interp(x[:, m], q[:, m], gap) for m, gap in enumerate(self.beyond.T)] for x, q in of])
        return np.asarray(gaps.sum(axis=1) >= 0)


@value
class Decisions(Outcome):
    """Outcomes of P persons under a rule of M minima, with everything that a decision rests on.

    Attributes
    ----------
    outcome : (P,) Places in passed, not_passed, more_evidence, no_responses; the last are persons without any answer, who get no
        verdict.
    reason : (P,) Why more evidence is needed, places in "", zone, evidence, flagged: the probability lies between the two that decide;
        the profile concludes nothing on a minimum, `status` says why; the answers contradict each other or look filled in.
    p_reached : (P,) Probability that all minima are reached, or compensated as the rule allows.
    p_same : (P,) Probability that a second such test has the same outcome; NaN where the profile concludes nothing on a minimum.
    p_each, percent, percent_low, percent_high : (P, M) Of each minimum: the probability that it is reached, the percent with its
        interval.
    se_at_minimum : (M,) Standard error of the percent for the tenth of the persons nearest to the minimum.
    accuracy : Expected share of right decisions among the decided, the mean of `p_right`.
    consistency : Expected share of equal outcomes (passed, not passed, more evidence) of two such tests, the mean of `p_same`.
    accuracy_two_way, consistency_two_way : (M,) Of plain verdicts by one minimum alone, reached where that is likelier than not: the
        expected shares of right ones, and of equal ones by two such tests (Lee 2010; Rudner 2005).
    confusion : (3, 2) Expected numbers of persons by outcome who reach all minima and who do not.
    """

    schema_version: ClassVar[int] = 4
    oldest: ClassVar[int] = 3
    pictures: ClassVar[tuple[str, ...]] = ("probabilities",)
    persons: Annotated[Names, held_to(uniqueItems=True)]
    rule: CertificationRule
    minima: Ids
    titles: Annotated[tuple[Text, ...], held_to(by="minima")]
    outcome: Annotated[NDArray[np.int8], held_to("persons", minimum=0, maximum=3)]
    reason: Annotated[NDArray[np.int8], held_to("persons", minimum=0, maximum=3)]
    status: Annotated[NDArray[np.int8], held_to("persons", "minima", minimum=0, maximum=len(STATUSES) - 1)]
    p_reached: Annotated[Floats, held_to("persons", type="number", minimum=0, maximum=1)]
    p_same: Annotated[Floats, held_to("persons", minimum=0, maximum=1)]
    p_each: Annotated[Floats, held_to("persons", "minima", type="number", minimum=0, maximum=1)]
    percent: Annotated[Floats, held_to("persons", "minima", minimum=0, maximum=100)]
    percent_low: Annotated[Floats, held_to("persons", "minima", minimum=0, maximum=100)]
    percent_high: Annotated[Floats, held_to("persons", "minima", minimum=0, maximum=100)]
    n_items: Annotated[NDArray[np.int64], held_to("persons", "minima", minimum=0)]
    se_at_minimum: Annotated[Floats, held_to("minima", minimum=0)]
    accuracy: float
    consistency: float
    accuracy_two_way: Annotated[Floats, held_to("minima", minimum=0, maximum=1)]
    consistency_two_way: Annotated[Floats, held_to("minima", minimum=0, maximum=1)]
    confusion: Annotated[Floats, held_to(3, 2, minimum=0)]

    def _refuse_contradictions(self) -> None:
        answered = np.asarray((self.outcome < 3) | (self.n_items > 0).any(axis=-1))
        outcome, reason = _decided(self.p_reached, answered, self.status, self.rule.certain)
        refuse_others(f"{self.kind}.outcome", self.outcome == outcome, "p_reached, status, n_items")
        refuse_others(f"{self.kind}.reason", self.reason == reason, "outcome, status")

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def undecided(self) -> Names:
        """Return who needs more evidence; ``next_items(…, decisions=…)`` of their profiles chooses what to ask."""
        return np.asarray(self.persons[self.outcome == OUTCOMES.index("more_evidence")])

    @property
    def p_right(self) -> Floats:
        """Return the probability that each person's decision is right (P,), NaN where there is none."""
        return np.select([self.outcome == 0, self.outcome == 1], [self.p_reached, 1 - self.p_reached], np.nan)

    def to_frame(self) -> DataFrame:
        """Return the log of decisions: one row per person and minimum."""
        words = {name: np.array(of, dtype=object)[getattr(self, name)] for name, of in (("outcome", OUTCOMES), ("reason", REASONS))}
        persons = {"person": self.persons, **words} | {name: getattr(self, name) for name in ("p_reached", "p_right", "p_same")}
        minima = {"competency": self.minima, "minimum": [self.rule.minimum[code] for code in self.minima]}
        cells = {name: getattr(self, name) for name in (*FROM_PROFILES, "p_each", "n_items")}
        return crossed(persons, minima, cells | {"status": np.array(STATUSES, dtype=object)[self.status]})

    def minima_frame(self) -> DataFrame:
        """Return a row per minimum: competency, minimum, se_at_minimum, accuracy_two_way, consistency_two_way."""
        of = {name: getattr(self, name) for name in ("se_at_minimum", "accuracy_two_way", "consistency_two_way")}
        return frame(competency=[*self.minima], minimum=[self.rule.minimum[code] for code in self.minima], **of)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the numbers of outcomes, how right they are, and the error at each minimum."""
        say = result_words("competencies", language)
        counts = {name: int((self.outcome == k).sum()) for k, name in enumerate(OUTCOMES)}
        lines = [say("decisions", persons=len(self) - counts["no_responses"], **counts)]
        lines += [say("unanswered", n=counts["no_responses"])] if counts["no_responses"] else []
        lines += [say("decided", accuracy=100 * self.accuracy)] if np.isfinite(self.accuracy) else []
        lines += [say("consistent", consistency=100 * self.consistency)] if np.isfinite(self.consistency) else []
        lines += [say("compensated", points=self.rule.compensation)] if self.rule.compensation else []
        for code, title, se in zip(self.minima, self.titles, self.se_at_minimum, strict=True):
            line = say("at_minimum", code=code, title=title.text(language), least=self.rule.minimum[code])
            lines.append(line + (say("error_there", se=float(se)) if np.isfinite(se) else ""))
        return lines[:11]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the number of persons with answers by P(all minima reached), in tenths."""
        say, edges = result_words("competencies", language), np.linspace(0, 1, 11)
        counts = np.histogram(self.p_reached[self.outcome < OUTCOMES.index("no_responses")], edges)[0].astype(np.float64)
        series = Series(name="", mark="point", x=100 * (edges[:-1] + 0.05), y=counts)
        return Chart(title=say("decisions_title"), x_label=say("reached_axis"), y_label=say("persons_axis"), series=(series,))


@checked(DiagnosisError)
def certify(profiles: DeficitProfiles, rule: CertificationRule) -> Decisions:
    """Decide by a rule of minima, and say how sure, how right and on what.

    The probability that a minimum is reached is that of the profile; that all are is of the joint posterior, where errors of the
    parts of a test go together. Where the profile concludes nothing on the competency of a minimum, more evidence is needed
    whatever the probability. Nobody is ranked. A person's decision does not depend on who else is in the table.
    Raises `DiagnosisError` when the rule names a competency that the profiles do not have.
    """
    at, least = [profiles.index(code) for code in rule.minimum], np.array([*rule.minimum.values()])
    z, se = _below(profiles, at, least)
    with one_blas_thread():
        p_all, p_same, equal = _twice(profiles, at, z, se, rule)
    status, answered, p_each = profiles.status[:, at], (profiles.n_items > 0).any(axis=1), ndtr(-z)
    told = status == REPORTED
    fit = told.all(axis=1)
    outcome, reason = _decided(p_all, np.asarray(answered), status, rule.certain)
    findings = [Template("competencies.support_only").of()] if rule.purpose == "support" else []
    findings += [Template("competencies.judged_items").of()] if any(i.status == "provisional" for i in profiles.items) else []
    findings += Template("competencies.unanswered").about(profiles.persons[~answered])
    announce(findings)
    chosen = [profiles.competencies[c] for c in at]
    minima = ", ".join(f"{code} {least:g}" for code, least in rule.minimum.items())
    settings = {"minima": minima, "certain": f"{rule.certain:g}", "purpose": rule.purpose}
    settings |= {"compensation": f"{rule.compensation:g}"} if rule.compensation else {}
    nearest = np.where(told, np.abs(profiles.percent[:, at] - least), np.inf).argsort(axis=0, kind="stable").argsort(axis=0)
    return Decisions(
        persons=profiles.persons,
        rule=rule,
        minima=tuple(c.code for c in chosen),
        titles=tuple(c.title for c in chosen),
        outcome=outcome.astype(np.int8),
        reason=reason.astype(np.int8),
        p_reached=p_all,
        p_same=np.where(fit, p_same, np.nan),
        p_each=p_each,
        **{name: getattr(profiles, name)[:, at] for name in (*FROM_PROFILES, "n_items", "status")},
        se_at_minimum=_mean(se, nearest < told.sum(axis=0) / 10),
        accuracy=float(_mean(np.maximum(p_all, 1 - p_all), outcome < 2)),
        consistency=float(_mean(p_same, fit)),
        accuracy_two_way=_mean(np.maximum(p_each, 1 - p_each), told),
        consistency_two_way=_mean(equal, told),
        confusion=np.array([[p_all[outcome == k].sum(), (1 - p_all[outcome == k]).sum()] for k in range(3)]),
        findings=tuple(findings),
        provenance=provenance("certify", profiles.inputs, settings),
    )


def _mean(x: Floats, of: Bools) -> Floats:
    """Return the mean over some persons, NaN where there is none."""
    return np.asarray(np.where(of, x, 0.0).sum(axis=0) / np.where(of.any(axis=0), of.sum(axis=0), np.nan))


def _decided(p_all: Floats, answered: Bools, status: NDArray[np.int8], certain: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return outcome and reason by P(all reached), who answered anything (P,) and the status at each minimum (P, M)."""
    fit, flagged = (status == REPORTED).all(axis=-1), np.isin(status, FLAGS).any(axis=-1)
    outcome = np.select([~answered, ~fit], [OUTCOMES.index("no_responses"), 2], _outcome(p_all, certain))
    return outcome, np.select([~answered | (outcome < 2), flagged, ~fit], [0, 3, 2], 1)


def _outcome(p_all: Floats, certain: float) -> NDArray[np.int64]:
    """Return the outcome of P(all reached) where it alone decides."""
    return np.asarray(np.select([p_all >= certain, p_all <= 1 - certain], [0, 1], 2))


def _below(profiles: DeficitProfiles, at: list[int], least: Floats) -> tuple[Floats, Floats]:
    """Return the normal quantile of P(percent < minimum), and the standard error of the percent (P, M).

    At a cut of the standards the probability is the profile's own. Elsewhere its quantile is linear in arcsin √percent, between the
    points that the profile tells: both ends of the interval and the outer cuts (P off by .003 on average and .03 at most from
    that of a diagnosis with the minimum as cut, between 50 and 75 % on the shipped banks).
    """
    low, high = profiles.percent_low[:, at], profiles.percent_high[:, at]
    tail = ndtri((1 - profiles.rule.interval) / 2)
    cuts = np.array([profiles.standards.cuts[0], profiles.standards.cuts[-1]])[:, None, None]
    z_cut = ndtri(np.clip([profiles.p_deficit[:, at], 1 - profiles.p_strength[:, at]], SMALLEST, 1 - SMALLEST))
    x0, x1, x, place = (np.arcsin(np.sqrt(v / 100)) for v in (low, high, least, cuts))
    steep, known = -2 * tail / np.maximum(x1 - x0, SMALLEST), np.abs(z_cut) < FARTHEST_Z
    places = np.concatenate([[x0, x1], np.where(known, place, x0)])
    beside = np.concatenate([0.0 * places[:2], np.where(known, z_cut - tail - steep * (place - x0), 0.0)])
    order = np.argsort(places, axis=0, kind="stable")
    a, b = (np.take_along_axis(v, order, axis=0) for v in (places, beside))
    z = tail + steep * (x - x0) + b[0]
    for left, right, rise in zip(a[:-1], a[1:], np.diff(b, axis=0), strict=True):
        z += rise * np.clip((x - left) / np.maximum(right - left, SMALLEST), 0.0, 1.0)
    return np.select([*(least == cuts)], [*z_cut], z), (high - low) / (-2 * tail)


def _sections(profiles: DeficitProfiles, at: list[int], share: Floats, rule: CertificationRule) -> _Sections | None:
    """Return the sections of a rule that compensate each other, None where none does; `share` (M, D) is of minima by leaf."""
    least, on = np.array([*rule.minimum.values()]), share > 0
    holds = np.all(on[:, None] >= on, axis=2)
    inside = ~np.any(holds & ~holds.T, axis=1)
    if not rule.compensation or inside.sum() < 2:
        return None
    percents = np.linspace(least - rule.compensation * inside, 100.0, POINTS)
    quantiles = np.stack([_below(profiles, at, x)[0] for x in percents])
    return _Sections(np.where(inside, percents - least, 0.0), np.maximum.accumulate(quantiles, axis=0))


def _twice(profiles: DeficitProfiles, at: list[int], z: Floats, se: Floats, rule: CertificationRule) -> tuple[Floats, Floats, Floats]:
    """Return P(all minima reached) (P,), P(a second such test has the same outcome) (P,), and of each minimum alone (P, M).

    Percents have the dependence of draws of θ from the joint posterior, the same for everybody, and marginals with the given
    quantiles of P(below) (a copula). A second test has the same precisions τ of the leaves, and its sites are τθ + √τ ε at the θ of
    the person: against the posterior N(c, V) of the first its own is moved by V(τθ + √τ ε - ν), which moves the quantiles linearly.
    What equals the outcome at hand then is what two tests have in common, on average over persons (Lee 2010, Rudner 2005).
    """
    sites, (P, M) = own_evidence(profiles), z.shape
    sections = _sections(profiles, at, sites.share[at], rule)
    floor = z if sections is None else sections.quantiles[0]
    D = len(sites.mean)
    normal = ndtri(even_uniforms(b"certify", names(["everybody"]), DRAWS, D)[0])
    again = ndtri(even_uniforms(b"again", names(["everybody"]), SECOND_TESTS, M)[0])
    score, inverse = ndtri((np.arange(DRAWS) + 0.5) / DRAWS), np.linalg.inv(sites.covariance)
    p_all, p_same, equal = np.empty(P), np.empty(P), np.empty((P, M))
    for rows in blocks(P, AT_ONCE):
        tau = sites.tau[rows, :, None]
        V = np.linalg.inv(inverse + tau * np.eye(D))
        centre = np.matmul(V, (sites.nu[rows] + inverse @ sites.mean)[:, :, None])
        off = np.matmul(normal, np.linalg.cholesky(V).transpose(0, 2, 1))
        percent = sites.percents(centre.transpose(0, 2, 1) + off)[:, :, at]
        g = score[percent.argsort(axis=1).argsort(axis=1)]
        by_theta = np.minimum(percent.std(axis=1) / np.maximum(se[rows], SMALLEST), 1.0)  # the rest is of the items
        slope = np.matmul(g.transpose(0, 2, 1), off) / DRAWS * by_theta[:, :, None]
        middle = z[rows] - np.matmul(slope, tau * centre - sites.nu[rows, :, None])[:, :, 0]
        spread = np.matmul(np.matmul(slope, tau * V * sites.tau[rows, None] + tau * np.eye(D)), slope.transpose(0, 2, 1))
        sd = np.sqrt(np.diagonal(spread, axis1=1, axis2=2))
        equal[rows] = ndtr(-np.where(z[rows] < 0, 1, -1) * middle / np.maximum(sd, SMALLEST))
        later = middle[:, None] + np.matmul(again, np.linalg.cholesky(spread + ROUNDING * np.eye(M)).transpose(0, 2, 1))
        few = sections and sections._replace(quantiles=sections.quantiles[:, rows])
        p_all[rows] = _all(g, floor[rows, None], few, np.zeros_like(z[rows, None]))[:, 0]
        second = _all(g[:, :SECOND_TESTS], later + (floor - z)[rows, None], few, later - z[rows, None])
        now, then = (_outcome(p, rule.certain) for p in (p_all[rows, None], second))
        p_same[rows] = (now == then).mean(axis=1)
    return p_all, p_same, equal


def _all(g: Floats, z: Floats, sections: _Sections | None, moved: Floats) -> Floats:
    """Return P(all reached) (p, R) by draws (p, n, M) where each is reached from z (p, R, M), within its bounds.

    Where `sections` compensate each other z is of the lowest percents allowed, and quantiles are `moved` (p, R, M).
    """
    p = ndtr(-z)
    if p.shape[2] == 1:
        return p[:, :, 0]
    reached = ((g >= z[:, r, None]).all(axis=2) for r in range(z.shape[1]))
    if sections is not None:
        reached = (held & sections.compensate(g - moved[:, r, None]) for r, held in enumerate(reached))
    together = np.stack([held.mean(axis=1) for held in reached], axis=1)
    least = 0.0 if sections else np.maximum(1 - (1 - p).sum(axis=2), 0.0)
    return np.asarray(np.clip(together, least, p.min(axis=2)))
