"""Decisions by a rule of minima, for certification: passed, not passed, or more evidence needed, each with its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from competency_dx.arrays import Floats, FrozenDict, Names, blocks, choice, names, value
from competency_dx.bank import Text
from competency_dx.competencies.conclusion import STATUSES
from competency_dx.competencies.outlook import own_evidence
from competency_dx.competencies.profile import DeficitProfiles
from competency_dx.display import Chart, Series, result_words
from competency_dx.errors import DiagnosisError, checked
from competency_dx.findings import Finding, Template, announce
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.persons import even_uniforms
from competency_dx.provenance import Provenance, provenance
from competency_dx.result import DataFrame, Result, crossed
from competency_dx.schemas import Finite, Ids, held_to

OUTCOMES = ("passed", "not_passed", "more_evidence")
DRAWS, AT_ONCE = 512, 500
UNFIT = ("misfit", "low_effort")
FROM_PROFILES = ("percent", "percent_low", "percent_high")


@choice(DiagnosisError)
class CertificationRule:
    """What has to be reached, and how sure a decision must be.

    `minimum` is the least percent by competency; all must be reached. The whole test alone is a compensatory rule, its parts a
    sectional one, every domain a conjunctive one. A person passes from P(all reached) of `certain`, and does not pass up to 1 -
    `certain`; between the two more evidence is needed. `purpose` is what the decisions are used for, "support" or "certification",
    which has to be said.
    """

    minimum: Annotated[Mapping[str, Finite], held_to(each="minima")]
    certain: Finite = 0.8
    purpose: Literal["support", "certification"] = "support"

    def __post_init__(self) -> None:
        object.__setattr__(self, "minimum", FrozenDict({str(k): float(x) for k, x in self.minimum.items()}))
        if not self.minimum or not all(0 < x < 100 for x in self.minimum.values()) or not 0.5 < self.certain < 1:
            raise DiagnosisError("competencies.certification_rule", minimum=dict(self.minimum), certain=self.certain)


@value
class Decisions(Result):
    """Outcomes of P persons under a rule of M minima, with everything that a decision rests on.

    Attributes
    ----------
    outcome : ndarray of int, shape (P,)
        Places in passed, not_passed, more_evidence.
    p_reached : ndarray, shape (P,)
        Probability that all minima are reached.
    p_each, percent, percent_low, percent_high : ndarray, shape (P, M)
        Of each minimum: the probability that it is reached, the percent with its interval.
    se_at_minimum : ndarray, shape (M,)
        Standard error of the percent for the tenth of the persons nearest to the minimum.
    accuracy, consistency : float
        Expected share of right decisions among the decided, and of equal ones by two such tests (Rudner 2005).
    confusion : ndarray, shape (3, 2)
        Expected numbers of persons by outcome who reach all minima and who do not.
    """

    kind: ClassVar[str] = "decisions"
    schema_version: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("probabilities",)
    persons: Annotated[Names, held_to(uniqueItems=True)]
    rule: CertificationRule
    minima: Ids
    titles: Annotated[tuple[Text, ...], held_to(by="minima")]
    outcome: Annotated[NDArray[np.int8], held_to("persons", minimum=0, maximum=2)]
    status: Annotated[NDArray[np.int8], held_to("persons", "minima", minimum=0)]
    p_reached: Annotated[Floats, held_to("persons", minimum=0, maximum=1)]
    p_each: Annotated[Floats, held_to("persons", "minima", minimum=0, maximum=1)]
    percent: Annotated[Floats, held_to("persons", "minima", minimum=0, maximum=100)]
    percent_low: Annotated[Floats, held_to("persons", "minima", minimum=0, maximum=100)]
    percent_high: Annotated[Floats, held_to("persons", "minima", minimum=0, maximum=100)]
    n_items: Annotated[NDArray[np.int64], held_to("persons", "minima", minimum=0)]
    se_at_minimum: Annotated[Floats, held_to("minima", minimum=0)]
    accuracy: float
    consistency: float
    confusion: Annotated[Floats, held_to(3, 2, minimum=0)]
    findings: tuple[Finding, ...]
    provenance: Provenance

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def undecided(self) -> Names:
        """Return who needs more evidence; `next_items` of their profiles chooses what to ask."""
        return np.asarray(self.persons[self.outcome == OUTCOMES.index("more_evidence")])

    def to_frame(self) -> DataFrame:
        """Return the log of decisions: one row per person and minimum."""
        persons = {"person": self.persons, "outcome": np.array(OUTCOMES, dtype=object)[self.outcome], "p_reached": self.p_reached}
        minima = {"competency": self.minima, "minimum": [self.rule.minimum[code] for code in self.minima]}
        cells = {name: getattr(self, name) for name in (*FROM_PROFILES, "p_each", "n_items")}
        return crossed(persons, minima, cells | {"status": np.array(STATUSES, dtype=object)[self.status]})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the numbers of outcomes, how right they are, and the error at each minimum."""
        say = result_words("competencies", language)
        counts = {name: int((self.outcome == k).sum()) for k, name in enumerate(OUTCOMES)}
        rows = zip(self.minima, self.titles, [self.rule.minimum[code] for code in self.minima], self.se_at_minimum, strict=True)
        lines = [say("decisions", persons=len(self), **counts)]
        lines.append(say("decided", accuracy=100 * self.accuracy, consistency=100 * self.consistency))
        each = (say("at_minimum", code=code, title=title.text(language), least=x, se=float(se)) for code, title, x, se in rows)
        return [*lines, *each][:11]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the number of persons by P(all minima reached), in tenths."""
        say, edges = result_words("competencies", language), np.linspace(0, 1, 11)
        counts = np.histogram(self.p_reached, edges)[0].astype(np.float64)
        series = Series(name="", mark="point", x=100 * (edges[:-1] + 0.05), y=counts)
        return Chart(title=say("decisions_title"), x_label=say("reached_axis"), y_label=say("persons_axis"), series=(series,))


@checked(DiagnosisError)
def certify(profiles: DeficitProfiles, rule: CertificationRule) -> Decisions:
    """Decide by a rule of minima, and say how sure, how right and on what.

    The probability that all minima are reached is that of the joint posterior: errors of the parts of a test go together. Whose answers
    contradict each other or look filled in, and who answered nothing of a minimum, needs more evidence whatever the probability. Nobody
    is ranked. A person's decision does not depend on who else is in the table.
    Raises `DiagnosisError` when the rule names a competency that the profiles do not have.
    """
    at = [profiles.index(code) for code in rule.minimum]
    with one_blas_thread():
        p_all, p_each, sd = _reached(profiles, at, np.array([*rule.minimum.values()]))
    unfit = np.isin(profiles.status[:, at], [STATUSES.index(s) for s in UNFIT]).any(axis=1) | (profiles.n_items[:, at] == 0).any(axis=1)
    outcome = np.where(unfit | ((p_all < rule.certain) & (p_all > 1 - rule.certain)), 2, np.where(p_all >= rule.certain, 0, 1))
    decided, p_right = outcome < 2, np.maximum(p_all, 1 - p_all)
    off = np.abs(profiles.percent[:, at] - [*rule.minimum.values()])
    nearest = np.argsort(off, axis=0)[: max(len(profiles) // 10, 1)]
    findings = [Template("competencies.support_only").of()] if rule.purpose == "support" else []
    findings += [Template("competencies.judged_items").of()] if any(i.status == "provisional" for i in profiles.items) else []
    announce(findings)
    chosen = [profiles.competencies[c] for c in at]
    minima = ", ".join(f"{code} {least:g}" for code, least in rule.minimum.items())
    settings = {"minima": minima, "certain": f"{rule.certain:g}", "purpose": rule.purpose}
    return Decisions(
        persons=profiles.persons,
        rule=rule,
        minima=tuple(c.code for c in chosen),
        titles=tuple(c.title for c in chosen),
        outcome=outcome.astype(np.int8),
        p_reached=p_all,
        p_each=p_each,
        **{name: getattr(profiles, name)[:, at] for name in (*FROM_PROFILES, "n_items", "status")},
        se_at_minimum=np.take_along_axis(sd, nearest, axis=0).mean(axis=0),
        accuracy=float(p_right[decided].mean()) if decided.any() else np.nan,
        consistency=float((p_all**2 + (1 - p_all) ** 2).mean()),
        confusion=np.array([[p_all[outcome == k].sum(), (1 - p_all[outcome == k]).sum()] for k in range(3)]),
        findings=tuple(findings),
        provenance=provenance("certify", profiles.inputs, settings),
    )


def _reached(profiles: DeficitProfiles, at: list[int], least: Floats) -> tuple[Floats, Floats, Floats]:
    """Return P(all minima reached) (P,), P(each reached) and the SD of the percents (P, M); every person has the same draws."""
    sites, P = own_evidence(profiles), len(profiles)
    D = len(sites.mean)
    normal = ndtri(even_uniforms(b"certify", names(["everybody"]), DRAWS, D)[0])
    inverse = np.linalg.inv(sites.covariance)
    p_all, each, sd = np.empty(P), np.empty((P, len(at))), np.empty((P, len(at)))
    for rows in blocks(P, AT_ONCE):
        covariance = np.linalg.inv(inverse + sites.tau[rows, :, None] * np.eye(D))
        centre = np.matmul(covariance, (sites.nu[rows] + inverse @ sites.mean)[:, :, None])[:, :, 0]
        theta = centre[:, None] + np.matmul(normal, np.linalg.cholesky(covariance).transpose(0, 2, 1))
        percent = sites.percents(theta)[:, :, at]
        reached = percent >= least
        p_all[rows], each[rows], sd[rows] = reached.all(axis=2).mean(axis=1), reached.mean(axis=1), percent.std(axis=1)
    return p_all, each, sd
