"""Empirical validation of a Q-matrix by the proportion of variance accounted for.

The discrimination index of a q-vector is the variance, over the groups of profiles it tells apart, of the probability of a
right answer; its share of the index of all attributes together is the PVAF (de la Torre & Chiu 2016, eq. 7 and 12,
doi:10.1007/s11336-015-9467-8). The shortest q-vector that reaches the cut-off is suggested.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np

from competency_dx.arrays import Codes, Floats, Ids, Ints, Probability, held_to, value
from competency_dx.classification.class_calibration import ClassCalibration
from competency_dx.classification.posteriors import MatchedClasses, fingerprint, matched, posterior_blocks
from competency_dx.display import Chart, Series, result_words
from competency_dx.errors import CalibrationError, checked
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.classes import Binary, attribute_patterns, permissible_profiles
from competency_dx.responses import MissingPolicy, Responses
from competency_dx.result import DataFrame, Provenance, Result, crossed, frame, provenance

MOST_ATTRIBUTES = 12
SHOWN_ITEMS = 4


@value
class QValidation(Result):
    """What the data say about the entries of a Q-matrix.

    `cut_off` is the PVAF that a q-vector has to reach. `q_vectors` (V, A) are all but the empty one, by the number of attributes,
    `discrimination` (I, V) the discrimination index ς² of each; `original` and `suggested` (I,) are rows of `q_vectors`.
    """

    pictures: ClassVar[tuple[str, ...]] = ("mesa",)
    items: Ids
    attributes: Ids
    cut_off: Probability
    q_vectors: Annotated[Codes, held_to("V", "attributes", minimum=0, maximum=1)]
    discrimination: Annotated[Floats, held_to("items", "V", minimum=0)]
    original: Annotated[Ints, held_to("items", minimum=0, placeIn="q_vectors")]
    suggested: Annotated[Ints, held_to("items", minimum=0, placeIn="q_vectors")]
    provenance: Provenance

    @property
    def pvaf(self) -> Floats:
        """Return the proportion of variance accounted for by each q-vector (I, V)."""
        return np.asarray(self.discrimination / np.maximum(self.discrimination[:, -1:], 1e-300))

    def to_frame(self) -> DataFrame:
        """Return one row per item: item, original, pvaf, suggested, pvaf_suggested, gdi_suggested, gdi_all, changed."""
        names, at, pvaf = self._names(), np.arange(len(self.items)), self.pvaf
        return frame(
            item=self.items,
            original=[names[v] for v in self.original],
            pvaf=pvaf[at, self.original],
            suggested=[names[v] for v in self.suggested],
            pvaf_suggested=pvaf[at, self.suggested],
            gdi_suggested=self.discrimination[at, self.suggested],
            gdi_all=self.discrimination[:, -1],
            changed=self.original != self.suggested,
        )

    def mesa(self) -> DataFrame:
        """Return the best q-vector of each size for each item: item, n_attributes, q_vector, pvaf, gdi (mesa plot data)."""
        best, names = _best(self.pvaf, self.q_vectors), np.array(self._names(), dtype=object)
        pvaf, gdi = (np.take_along_axis(x, best, axis=1) for x in (self.pvaf, self.discrimination))
        sizes = {"n_attributes": range(1, len(self.attributes) + 1)}
        return crossed({"item": self.items}, sizes, {"q_vector": names[best], "pvaf": pvaf, "gdi": gdi})

    def _names(self) -> list[str]:
        return ["".join(str(x) for x in row) for row in self.q_vectors]

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return how many q-vectors the data would change, and which."""
        changed = [item for item, a, b in zip(self.items, self.original, self.suggested, strict=True) if a != b]
        say = result_words("classification", language)
        head = say("q_head", cut=self.cut_off, items=len(self.items), attributes=len(self.attributes))
        return [head, say("q_changed", n=len(changed), items=tuple(changed))]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the best PVAF by the number of attributes for a few items."""
        best, x = _best(self.pvaf, self.q_vectors), np.arange(1.0, len(self.attributes) + 1)
        shown = sorted(range(len(self.items)), key=lambda i: (self.original[i] == self.suggested[i], i))[:SHOWN_ITEMS]
        lines = [Series(name=self.items[i], mark="line", x=x, y=self.pvaf[i, best[i]]) for i in shown]
        say = result_words("classification", language)
        return Chart(title=say("mesa"), x_label=say("attributes_axis"), y_label="PVAF", series=tuple(lines))


@checked(CalibrationError)
def validate_q_matrix(
    data: Responses, calibration: ClassCalibration, *, cut_off: float = 0.95, missing: MissingPolicy | None = None
) -> QValidation:
    """Validate the Q-matrix of a calibration, which is best a G-DINA one, on the responses it rests on.

    The suggested q-vector reaches the PVAF `cut_off`, in (0, 1], with the fewest attributes.
    Raises `CalibrationError` when there are more than 12 attributes: all 2^A q-vectors are compared.
    """
    if (A := len(calibration.attributes)) > MOST_ATTRIBUTES:
        raise CalibrationError("classification.too_many_attributes", a=A, value=2**A - 1, most_attributes=MOST_ATTRIBUTES)
    if not 0 < cut_off <= 1:
        raise CalibrationError("classification.cut_off", cut_off=cut_off)
    answers = matched(data, calibration.parameters, missing)
    with one_blas_thread():
        right, given = _expected(answers, calibration)
        every = permissible_profiles(np.zeros((A, A), dtype=np.bool_), 1 << A)
        assert every is not None
        vectors, profiles = every[1:], calibration.profiles
        index = np.stack([_discrimination(right, given, profiles, np.flatnonzero(v)) for v in vectors], axis=1)
    q = calibration.parameters.q_matrix[answers.items]
    code, pvaf = 1 << np.arange(A), index / np.maximum(index[:, -1:], 1e-300)
    best = _best(pvaf, vectors)
    enough = np.take_along_axis(pvaf, best, axis=1) >= cut_off
    enough[:, -1] = True
    settings = {"cut-off": f"{cut_off:g}", "model": calibration.model}
    return QValidation(
        items=tuple(calibration.parameters.items[i] for i in answers.items),
        attributes=calibration.attributes,
        cut_off=cut_off,
        q_vectors=vectors,
        discrimination=index,
        original=np.argsort(vectors @ code)[q @ code - 1],
        suggested=best[np.arange(len(best)), enough.argmax(axis=1)],
        provenance=provenance("validate_q_matrix", fingerprint(data, calibration), settings),
    )


def _expected(answers: MatchedClasses, calibration: ClassCalibration) -> tuple[Floats, Floats]:
    """Return expected right answers and answers (I, C) of the profiles."""
    patterns = answers.patterns
    right, given = np.zeros((2, len(answers.items), len(calibration.profiles)))
    for block, posterior, *_ in posterior_blocks(answers, calibration):
        mass = posterior * patterns.weight[block, None]
        right += patterns.right[block].T @ mass
        given += mass.sum(axis=0) if patterns.given is None else patterns.given[block].T @ mass
    return right, given


def _discrimination(right: Floats, given: Floats, profiles: Binary, attributes: Ints) -> Floats:
    """Return the variance (I,) of P(right answer) over the groups of profiles that some attributes tell apart."""
    patterns, of_profile = attribute_patterns(profiles, attributes)
    order = np.argsort(of_profile, kind="stable")
    first = np.searchsorted(of_profile[order], np.arange(len(patterns)))
    R, N = np.add.reduceat(right[:, order], first, axis=1), np.add.reduceat(given[:, order], first, axis=1)
    weight = N / N.sum(axis=1, keepdims=True)
    p = R / np.maximum(N, 1e-300)
    mean = (weight * p).sum(axis=1, keepdims=True)
    return np.asarray((weight * (p - mean) ** 2).sum(axis=1))


def _best(pvaf: Floats, vectors: Codes) -> Ints:
    """Return the q-vectors (I, A) of 1 … A attributes that account for most of each item."""
    of_size = (np.flatnonzero(vectors.sum(axis=1) == k) for k in range(1, vectors.shape[1] + 1))
    return np.stack([v[pvaf[:, v].argmax(axis=1)] for v in of_size], axis=1)
