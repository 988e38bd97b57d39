"""How accurate and how consistent the classification of persons is, estimated from their posteriors.

Accuracy: the probability that the estimated profile (attribute) is the true one, as the mean posterior probability of the
estimate (Wang, Song, Chen, Meng & Ding 2015, eq. 6 and 8, doi:10.1111/jedm.12096). Consistency: the probability that two
parallel tests give the same estimate, from the classification matrix P(estimate | truth) built of posteriors (Cui, Gierl &
Chang 2012, doi:10.1111/j.1745-3984.2011.00158.x; Johnson & Sinharay 2018, doi:10.1111/jedm.12196).
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np

from competency_dx.arrays import Floats, value
from competency_dx.classification.class_calibration import ClassCalibration
from competency_dx.classification.posteriors import fingerprint, matched, posterior_blocks
from competency_dx.display import Chart, point_chart, result_words
from competency_dx.errors import ScoringError, checked
from competency_dx.provenance import Provenance, provenance
from competency_dx.responses import MissingPolicy, Responses
from competency_dx.result import DataFrame, Result, frame
from competency_dx.schemas import Ids, Probability, held_to

Estimate = Literal["MAP", "EAP"]


@value
class ClassificationAccuracy(Result):
    """Accuracy and consistency of classification.

    They are of whole profiles, and of each of the A attributes (A,) in `dimensions`. By `estimate` persons are classified by their most
    probable profile ("MAP"), or attribute by attribute where P(mastery) > 0.5 ("EAP"). `profile_accuracy` (C,) is P(estimated c | true
    c).
    """

    kind: ClassVar[str] = "classification_accuracy"
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
    if estimate not in {"MAP", "EAP"}:
        raise ScoringError("classification.estimate", estimate=estimate)
    answers = matched(data, calibration.parameters, missing)
    profiles, w = calibration.profiles, answers.patterns.weight / answers.patterns.weight.sum()
    C, A = profiles.shape
    place = {row.tobytes(): c for c, row in enumerate(profiles)}  # P(mastery) never exceeds that of a prerequisite
    confusion, right, two = np.zeros((C, C)), np.zeros(A), np.zeros((A, 2, 2))
    for part in posterior_blocks(answers, calibration):
        mass, best = part.posterior * w[part.block, None], part.best
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
