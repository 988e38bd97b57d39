"""The result of calibrating a diagnostic classification model: items, profiles, their distribution, with covariances."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np

from competency_dx.arrays import Z95, Codes, Count, Floats, Ids, Ints, Status, held_to, value
from competency_dx.display import Chart, interval_chart, point_chart, result_words, setting_word
from competency_dx.findings import worth_a_line
from competency_dx.kernels.classes import Binary, attribute_patterns
from competency_dx.models import NormalPopulation
from competency_dx.result import DataFrame, Outcome, digest_arrays, digest_document, frame

SHOWN_PROFILES = 40


@value
class ItemClasses:
    """Parameters of I diagnostic items on C profiles of A attributes.

    An item has W patterns of its own attributes, ordered by the number mastered, then 10 before 01.

    Attributes
    ----------
    items, families, statuses, attributes : Ids, DINA | DINO | ACDM | LLM | GDINA, pilot or calibrated; names of the attributes.
    q_matrix : ndarray of int8, shape (I, A)
    profiles : (C, A) Permissible profiles.
    probabilities : (I, W) P(right answer) for each pattern of the item's attributes, NaN beyond the item's patterns.
    probability_covariance : (I, W, W) Within each item; 0 where a probability lies at a bound, NaN where it is not identified.
    effects : (I, E) δ: intercept, main effects and interactions in the order of the patterns, on the identity link (LLM: logit), NaN
        beyond the item's effects.
    effect_covariance : ndarray, shape (I, E, E)
    """

    items: Ids
    families: Annotated[tuple[str, ...], held_to("items")]
    statuses: Annotated[tuple[Status, ...], held_to("items")]
    attributes: Ids
    q_matrix: Annotated[Codes, held_to("items", "attributes", minimum=0, maximum=1)]
    profiles: Annotated[Codes, held_to("C", "attributes", minimum=0, maximum=1)]
    probabilities: Annotated[Floats, held_to("items", "W", minimum=0, maximum=1)]
    probability_covariance: Annotated[Floats, held_to("items", "W", "W", covariance=True)]
    effects: Annotated[Floats, held_to("items", "E")]
    effect_covariance: Annotated[Floats, held_to("items", "E", "E", covariance=True)]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Return the attributes of each item, joined by "+"."""
        return tuple("+".join(self.attributes[a] for a in np.flatnonzero(row)) for row in self.q_matrix)

    def patterns(self, item: int) -> Binary:
        """Return the patterns (W, k) of an item's attributes among the permissible profiles."""
        return attribute_patterns(self.profiles, np.flatnonzero(self.q_matrix[item]))[0]

    def labels(self, item: int) -> list[str]:
        """Return the patterns of an item as text, such as ``["00", "10", "01", "11"]``."""
        return ["".join(str(x) for x in row) for row in self.patterns(item)]

    def table(self) -> Floats:
        """Return the probability of a right answer of each profile on each item (I, C)."""
        places = [attribute_patterns(self.profiles, np.flatnonzero(row))[1] for row in self.q_matrix]
        return np.stack([p[of_profile] for p, of_profile in zip(self.probabilities, places, strict=True)])

    def ends(self) -> tuple[Floats, Floats]:
        """Return guessing, slip (1 - P(right) where all is mastered), 1 - slip - guessing (I, 3) and SE (I, 3), by the delta method."""
        at, last = np.arange(len(self.items)), np.isfinite(self.probabilities).sum(axis=1) - 1
        low, high = self.probabilities[:, 0], self.probabilities[at, last]
        V = self.probability_covariance
        v_low, v_high, both = V[:, 0, 0], V[at, last, last], V[at, 0, last]
        variance = np.stack([v_low, v_high, v_low + v_high - 2 * both], axis=1)
        return np.stack([low, 1 - high, high - low], axis=1), standard_errors(variance)

    def to_frame(self) -> DataFrame:
        """Return one row per item: family, attributes, effects, probabilities of patterns, guessing, slip, discrimination."""
        se_d = standard_errors(np.einsum("iee->ie", self.effect_covariance))
        se_p = standard_errors(np.einsum("iww->iw", self.probability_covariance))
        ends, se_ends = self.ends()
        columns: dict[str, Floats] = {}
        labels = [self.labels(i) for i in range(len(self.items))]  # of patterns; a column for each that some item has
        order = sorted({x for own in labels for x in own}, key=lambda x: (len(x), x.count("1"), [-int(b) for b in x]))
        for head, d, p, at in (("", self.effects, self.probabilities, ends), ("se_", se_d, se_p, se_ends)):
            columns |= {f"{head}d{e}": d[:, e] for e in range(d.shape[1])}
            rows = [dict(zip(own, of_item, strict=False)) for own, of_item in zip(labels, p, strict=True)]
            columns |= {f"{head}p_{x}": np.array([row.get(x, np.nan) for row in rows]) for x in order}
            columns |= {f"{head}{name}": at[:, k] for k, name in enumerate(("guessing", "slip", "discrimination"))}
        return frame(item=self.items, family=self.families, dimension=self.dimensions, **columns)


def standard_errors(variance: Floats) -> Floats:
    """Return roots of variances, NaN where there is none: at a bound, not identified or not there."""
    return np.asarray(np.sqrt(np.where(variance > 0, variance, np.nan)))


@value
class ClassCertificate:
    """Proof that the reported estimates are a maximum.

    `promised_gain` is the gain in log-likelihood that gradient and observed information still promise; `missed_profile` the largest
    excess, relative to the number of persons, of the likelihood of a profile estimated at probability zero, 0 when none would raise the
    likelihood. `smallest_eigenvalue` is that of the observed information scaled to unit diagonal, along the free directions, 0 when
    something is not identified; `flat_directions` are those without information, `starts` (S,) the log-likelihood reached from each
    starting point.
    """

    promised_gain: float
    missed_profile: float
    smallest_eigenvalue: float
    flat_directions: Count
    starts: Annotated[Floats, held_to("S")]


@value
class ClassCalibration(Outcome):
    """A calibrated diagnostic classification model: items, profiles, their distribution, and how sure all of it is.

    Attributes
    ----------
    model : Family of the items, or "mixed".
    parameters : Items: probabilities of latent groups and effects, with covariances.
    attribute_distribution : saturated, independent, higher_order or higher_order_1pl.
    hierarchy : tuple of (prerequisite, attribute)
    profile_probabilities : (C,) Of the permissible profiles; profiles that no item tells apart share theirs equally when saturated.
    prevalence, prevalence_se : (A,) Share of persons who master each attribute; SE by the delta method, NaN where it is not identified.
    population : `mean` (A,) is the prevalence, `covariance` (A, A) that of the attribute indicators.
    parameter_names : F names: effects of the items, then profile probabilities (all but the first) or intercepts and slopes of the
        attributes. Beyond 2,048 profiles their probabilities are not named.
    estimates : ndarray, shape (F,)
    covariance : (F, F) Inverse of the observed information of items and distribution together; 0 for what lies at a bound, NaN for what
        is not identified.
    n_parameters : Nominal number of free parameters; it counts those at a bound or not identified.
    n_persons : Persons with at least one answer.
    n_answers : ndarray of int, shape (I,)
    """

    pictures: ClassVar[tuple[str, ...]] = ("prevalence", "items", "profiles")
    model: str
    parameters: ItemClasses
    attribute_distribution: str
    hierarchy: tuple[Annotated[tuple[str, ...], held_to(among="attributes")], ...]
    profile_probabilities: Annotated[Floats, held_to("parameters.profiles", minimum=0, maximum=1, sum=1)]
    prevalence: Annotated[Floats, held_to("parameters.attributes", minimum=0, maximum=1)]
    prevalence_se: Annotated[Floats, held_to("parameters.attributes", minimum=0)]
    population: NormalPopulation
    parameter_names: Ids
    estimates: Annotated[Floats, held_to("F")]
    covariance: Annotated[Floats, held_to("F", "F", covariance=True)]
    n_parameters: Count
    log_likelihood: float
    converged: bool
    iterations: Count
    n_persons: Annotated[int, held_to(minimum=1)]
    n_answers: Annotated[Ints, held_to("parameters.items", minimum=0)]
    certificate: ClassCertificate

    @property
    def digest(self) -> str:
        """Return the digest of model, items, profiles, estimates and covariance: what a calibration is called by."""
        p = self.parameters
        reals = (p.probabilities, self.profile_probabilities, self.estimates, self.covariance)
        whole = digest_arrays(p.q_matrix, p.profiles, *(np.where(np.isfinite(x), x, np.nan) for x in reals))
        return digest_document([self.model, p.items, p.families, p.attributes, whole])

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return the names of the A attributes."""
        return self.parameters.attributes

    @property
    def profiles(self) -> Binary:
        """Return the permissible profiles (C, A)."""
        return self.parameters.profiles

    @property
    def profile_names(self) -> tuple[str, ...]:
        """Return the profiles as text, such as "110"."""
        return tuple("".join(str(x) for x in row) for row in self.profiles)

    @property
    def standard_errors(self) -> Floats:
        """Return the standard errors (F,) of `estimates`, NaN at a bound and where not identified."""
        return standard_errors(np.diag(self.covariance))

    @property
    def aic(self) -> float:
        """Return Akaike's criterion, -2 log L + 2 F."""
        return -2 * self.log_likelihood + 2 * self.n_parameters

    @property
    def bic(self) -> float:
        """Return Schwarz's criterion, -2 log L + F log P."""
        return -2 * self.log_likelihood + self.n_parameters * float(np.log(self.n_persons))

    def to_frame(self) -> DataFrame:
        """Return one row per item: item, family, dimension, d0 …, p_0 …, guessing, slip, discrimination, and se_ of each."""
        return self.parameters.to_frame()

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return model, fit, prevalence, certificate and the number of findings."""
        say, c = result_words("classification", language), self.certificate
        rows = zip(self.attributes, self.prevalence, strict=True)
        ends = {"gain": c.promised_gain, "eigenvalue": c.smallest_eigenvalue, "starts": len(c.starts)}
        model = say("mixed") if self.model == "mixed" else self.model
        sizes = {"items": len(self.parameters.items), "attributes": len(self.attributes), "profiles": len(self.profiles)}
        return [
            say("head", model=model, persons=self.n_persons, **sizes),
            say("fit", ll=self.log_likelihood, n=self.n_parameters, aic=self.aic, bic=self.bic),
            say("distribution", name=setting_word(self.attribute_distribution, language)),
            say("prevalence", shares=tuple(say("share", attribute=a, share=float(p)) for a, p in rows)),
            say("converged" if self.converged else "not_converged", n=self.iterations, **ends),
            *worth_a_line(self.findings, language=language),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return prevalence with 95 % intervals, P(right) of nothing and all mastered, or the most frequent profiles."""
        say = result_words("classification", language)
        if kind == "prevalence":
            p, wide = self.prevalence[::-1], Z95 * np.nan_to_num(self.prevalence_se[::-1])
            at = p, np.maximum(p - wide, 0), np.minimum(p + wide, 1)
            return interval_chart(self.attributes[::-1], at, title=say("prevalence_title"), x_label=say("prevalence_axis"))
        if kind == "items":
            ends, _ = self.parameters.ends()
            columns = {say("nothing"): ends[:, 0], say("everything"): 1 - ends[:, 1]}
            return point_chart(self.parameters.items, columns, title=say("right"), x_label=say("probability_axis"))
        order = np.argsort(-self.profile_probabilities, kind="stable")[:SHOWN_PROFILES]
        names, columns = [self.profile_names[c] for c in order], {"": self.profile_probabilities[order]}
        return point_chart(names, columns, title=say("frequent"), x_label=say("probability_axis"))
