"""Classification of persons: posterior probabilities of profiles and of mastery, with modes and covariance; how accurate it is.

Accuracy: the probability that the estimated profile (attribute) is the true one, as the mean posterior probability of the
estimate (Wang, Song, Chen, Meng & Ding 2015, eq. 6 and 8, doi:10.1111/jedm.12096). Consistency: the probability that two
parallel tests give the same estimate, from the classification matrix P(estimate | truth) built of posteriors (Cui, Gierl &
Chang 2012, doi:10.1111/j.1745-3984.2011.00158.x; Johnson & Sinharay 2018, doi:10.1111/jedm.12196).
"""

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Codes, Floats, Ids, Ints, Names, Probability, blocks, held_to, value
from competency_dx.classification.class_calibration import ClassCalibration, ItemClasses
from competency_dx.classification.problem import distinct_patterns
from competency_dx.display import Chart, Series, point_chart, result_words
from competency_dx.errors import ScoringError, checked
from competency_dx.findings import Finding, gathered
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.classes.item_classes import BLOCK, Patterns, log_joint
from competency_dx.kernels.grid import normalise
from competency_dx.responses import MissingPolicy, Responses
from competency_dx.result import DataFrame, Provenance, Result, crossed, digest_arrays, frame, provenance

LEVELS = 20
Estimate = Literal["MAP", "EAP"]


class MatchedClasses(NamedTuple):
    """Answers brought together with parameters by item id: distinct patterns, the pattern of each person, the items."""

    patterns: Patterns
    of_person: Ints
    items: Ints
    n_items: Ints


@value
class AttributePosteriors(Result):
    """Classification of P persons on A attributes.

    Attributes
    ----------
    persons : ndarray of str, shape (P,)
    dimensions : Names of the attributes.
    theta : (P, A) Posterior probability of mastery of each attribute (EAP of its indicator).
    covariance : (P, A, A) Posterior covariance of the attribute indicators.
    modes, likeliest : (P, A) Profile of the highest posterior probability (MAP) and of the highest likelihood (MLE); of equals the one
        with the fewest attributes.
    mode_probability : (P,) Posterior probability of the MAP profile.
    n_items : (P,) Answers used; without any, the posterior is the population.
    """

    pictures: ClassVar[tuple[str, ...]] = ("distribution", "mastery")
    persons: Annotated[Names, held_to(uniqueItems=True)]
    dimensions: Ids
    theta: Annotated[Floats, held_to("persons", "dimensions", minimum=0, maximum=1)]
    covariance: Annotated[Floats, held_to("persons", "dimensions", "dimensions", covariance=True)]
    modes: Annotated[Codes, held_to("persons", "dimensions", minimum=0, maximum=1)]
    likeliest: Annotated[Codes, held_to("persons", "dimensions", minimum=0, maximum=1)]
    mode_probability: Annotated[Floats, held_to("persons", minimum=0, maximum=1)]
    n_items: Annotated[Ints, held_to("persons", minimum=0)]
    findings: tuple[Finding, ...] = field(default_factory=tuple)
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return one row per person and attribute: person, dimension, theta (P(mastery)), se, map, mle, n_items, status."""
        se = np.sqrt(np.maximum(np.einsum("paa->pa", self.covariance), 0.0))
        n_items = np.tile(self.n_items[:, None], len(self.dimensions))
        cells = {"theta": self.theta, "se": se, "map": self.modes, "mle": self.likeliest, "n_items": n_items}
        cells["status"] = np.where(n_items > 0, "ok", "no_responses")
        return crossed({"person": self.persons}, {"dimension": self.dimensions}, cells)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the number of persons, and mean mastery and the share of unsure persons for each attribute."""
        unsure = ((self.theta > 0.2) & (self.theta < 0.8)).mean(axis=0)
        shown = list(zip(self.dimensions, self.theta.mean(axis=0), unsure, strict=True))
        say, ends = result_words("classification", language), {"low": 0.2, "high": 0.8}
        return [
            say("posteriors", persons=len(self.persons), attributes=len(self.dimensions)),
            *(say("mastery_of", attribute=a, mean=float(m), share=100 * float(u), **ends) for a, m, u in shown[:9]),
            *([say("more", n=len(shown) - 9)] if len(shown) > 9 else []),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return histograms of P(mastery) by attribute, or its mean for each attribute."""
        say = result_words("classification", language)
        if kind == "mastery":
            mean = {"": self.theta.mean(axis=0)}
            return point_chart(self.dimensions, mean, title=say("mean_mastery"), x_label=say("probability_axis"))
        edges = np.linspace(0, 1, LEVELS + 1)
        middles, columns = (edges[1:] + edges[:-1]) / 2, list(zip(self.dimensions, self.theta.T, strict=True))[:6]
        counts = {name: np.histogram(x, edges)[0].astype(float) for name, x in columns}
        lines = tuple(Series(name=name, mark="line", x=middles, y=n) for name, n in counts.items())
        title, x_label, y_label = map(say, ("mastery", "mastery_axis", "persons_axis"))
        return Chart(title=title, x_label=x_label, y_label=y_label, series=lines)


def profile_posteriors(data: Responses, calibration: ClassCalibration, *, missing: MissingPolicy | None = None) -> Floats:
    """Return the posterior probability of each permissible profile for each person (P, C); items are matched by id."""
    answers = matched(data, calibration.parameters, missing)
    return np.concatenate([posterior for _, posterior, *_ in posterior_blocks(answers, calibration)])[answers.of_person]


@checked(ScoringError)
def attribute_posteriors(
    data: Responses, calibration: ClassCalibration, *, missing: MissingPolicy | None = None
) -> AttributePosteriors:
    """Classify persons by a calibrated model: P(mastery), its covariance, MAP and MLE profiles.

    Any persons, the items in any order; items of the calibration that are not in the data count as not given. `missing` says which
    missing answers count as wrong; None is the default policy.
    Raises `ScoringError` when answers belong to items that the calibration does not know.
    """
    answers, profiles = matched(data, calibration.parameters, missing), calibration.profiles.astype(np.float64)
    (C, A), who = profiles.shape, answers.of_person
    pairs = (profiles[:, :, None] * profiles[:, None, :]).reshape(C, A * A)
    found = posterior_blocks(answers, calibration)
    parts = [(posterior @ profiles, posterior @ pairs, *modes, posterior.max(axis=1)) for _, posterior, *modes in found]
    mastery, both, best, likeliest, sure = (np.concatenate(x) for x in zip(*parts, strict=True))
    covariance = both.reshape(-1, A, A) - mastery[:, :, None] * mastery[:, None, :]
    settings = {"missing": (missing or MissingPolicy()).describe("en"), "model": calibration.model}
    return AttributePosteriors(
        persons=data.persons,
        dimensions=calibration.attributes,
        theta=mastery[who],
        covariance=covariance[who],
        modes=calibration.profiles[best][who],
        likeliest=calibration.profiles[likeliest][who],
        mode_probability=sure[who],
        n_items=answers.n_items,
        findings=gathered(data.findings, calibration.findings),
        provenance=provenance("attribute_posteriors", fingerprint(data, calibration), settings),
    )


def matched(data: Responses, parameters: ItemClasses, missing: MissingPolicy | None) -> MatchedClasses:
    """Bring answers and parameters together by item id."""
    policy = missing or MissingPolicy()
    policy.check_scored()
    codes, observed = data.effective(policy)
    place = {item: i for i, item in enumerate(parameters.items)}
    answered = np.asarray(observed.any(axis=0))
    if strange := [item for i, item in enumerate(data.items) if answered[i] and item not in place]:
        raise ScoringError("classification.unknown_items", strange=strange)
    if not len(columns := np.array([i for i, item in enumerate(data.items) if item in place], dtype=np.int64)):
        raise ScoringError("classification.no_common_items", items=data.items, items2=parameters.items)
    codes, observed = codes[:, columns], np.ascontiguousarray(observed[:, columns])
    if codes.max(initial=0) > 1:
        raise ScoringError("classification.dichotomous_only")
    patterns, of_person = distinct_patterns(codes, observed)
    return MatchedClasses(patterns, of_person, np.array([place[data.items[i]] for i in columns], dtype=np.int64), observed.sum(axis=1))


def posterior_blocks(answers: MatchedClasses, calibration: ClassCalibration) -> Iterator[tuple[slice, Floats, Ints, Ints]]:
    """Yield blocks of answer patterns, posteriors of profiles (u, C), and MAP and MLE profiles (u,)."""
    table = calibration.parameters.table()[answers.items]
    _, first, inverse = np.unique(table, axis=1, return_index=True, return_inverse=True)
    of_profile, alike = inverse.ravel(), table[:, first]  # profiles not told apart are worked out once, so that ties are exact
    prior, even = np.log(np.maximum(calibration.profile_probabilities, 1e-300)), np.zeros(len(first))
    with one_blas_thread():
        for block, patterns in zip(blocks(len(answers.patterns.weight), BLOCK), answers.patterns.pieces(BLOCK), strict=True):
            joint = log_joint(patterns, alike, even)[:, of_profile]
            likeliest = joint.argmax(axis=1)
            joint += prior
            yield block, normalise(joint)[1], joint.argmax(axis=1), likeliest


def fingerprint(data: Responses, calibration: ClassCalibration) -> dict[str, str]:
    """Return the digests of the responses and of a calibration."""
    return {"responses": digest_arrays(data.scores, data.reasons), "calibration": calibration.digest}


@value
class ClassificationAccuracy(Result):
    """Accuracy and consistency of classification.

    They are of whole profiles, and of each of the A attributes (A,) in `dimensions`. By `estimate` persons are classified by their most
    probable profile ("MAP"), or attribute by attribute where P(mastery) > 0.5 ("EAP"). `profile_accuracy` (C,) is P(estimated c | true
    c).
    """

    pictures: ClassVar[tuple[str, ...]] = ("attributes",)
    estimate: Estimate
    accuracy: Probability
    consistency: Probability
    dimensions: Ids
    attribute_accuracy: Annotated[Floats, held_to("dimensions", minimum=0, maximum=1)]
    attribute_consistency: Annotated[Floats, held_to("dimensions", minimum=0, maximum=1)]
    profiles: Ids
    profile_accuracy: Annotated[Floats, held_to("profiles", minimum=0, maximum=1)]
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return a row for whole profiles ("profile") and one per attribute: level, accuracy, consistency."""
        accuracy, consistency = [self.accuracy, *self.attribute_accuracy], [self.consistency, *self.attribute_consistency]
        return frame(level=["profile", *self.dimensions], accuracy=accuracy, consistency=consistency)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return accuracy and consistency of profiles and attributes."""
        rows = list(zip(self.dimensions, self.attribute_accuracy, self.attribute_consistency, strict=True))
        say = result_words("classification", language)
        return [
            say("accuracy", estimate=self.estimate, accuracy=self.accuracy, consistency=self.consistency),
            *(say("accuracy_of", attribute=a, accuracy=float(x), consistency=float(y)) for a, x, y in rows[:10]),
            *([say("more", n=len(rows) - 10)] if len(rows) > 10 else []),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return accuracy and consistency of each attribute."""
        say = result_words("classification", language)
        columns = {say("accuracy_name"): self.attribute_accuracy, say("consistency_name"): self.attribute_consistency}
        return point_chart(self.dimensions, columns, title=say("accuracy_title"), x_label=say("probability_axis"))


@checked(ScoringError)
def classification_accuracy(
    data: Responses, calibration: ClassCalibration, *, estimate: Estimate = "MAP", missing: MissingPolicy | None = None
) -> ClassificationAccuracy:
    """Estimate accuracy and consistency of the classification of these persons, at least one with an answer.

    The `estimate` is the most probable profile ("MAP"), or mastery where its probability is above 0.5 ("EAP").
    """
    answers = matched(data, calibration.parameters, missing)
    profiles, w = calibration.profiles, answers.patterns.weight / answers.patterns.weight.sum()
    C, A = profiles.shape
    place = {row.tobytes(): c for c, row in enumerate(profiles)}  # P(mastery) never exceeds that of a prerequisite
    confusion, right, two = np.zeros((C, C)), np.zeros(A), np.zeros((A, 2, 2))
    for block, posterior, modes, _ in posterior_blocks(answers, calibration):
        mass, best = posterior * w[block, None], modes
        mastery, lack = mass @ profiles, mass @ (1 - profiles)
        if estimate == "EAP":
            best = np.array([place[row.tobytes()] for row in (mastery > lack).astype(np.int8)], dtype=np.int64)
        assigned = profiles[best].astype(np.float64)
        np.add.at(confusion, best, mass)
        right += (assigned * mastery + (1 - assigned) * lack).sum(axis=0)
        for e, guess in enumerate((1 - assigned, assigned)):
            two[:, e] += np.stack([(guess * lack).sum(axis=0), (guess * mastery).sum(axis=0)], axis=1)
    settings = {"estimate": estimate, "missing": (missing or MissingPolicy()).describe("en")}
    return ClassificationAccuracy(
        estimate=estimate,
        accuracy=float(np.trace(confusion)),
        consistency=_consistency(confusion),
        dimensions=calibration.attributes,
        attribute_accuracy=right,
        attribute_consistency=np.array([_consistency(x) for x in two]),
        profiles=calibration.profile_names,
        profile_accuracy=np.diag(confusion) / np.maximum(confusion.sum(axis=0), 1e-300),
        provenance=provenance("classification_accuracy", fingerprint(data, calibration), settings),
    )


def _consistency(confusion: Floats) -> float:
    """Return Σ_truth P(truth) Σ_estimate P(estimate | truth)² from joint probabilities (estimate, truth)."""
    return float((confusion**2).sum(axis=0) @ (1 / np.maximum(confusion.sum(axis=0), 1e-300)))
