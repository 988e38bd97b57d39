"""Parameters of diagnostic items: probabilities of latent groups and effects δ, with their covariances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from competency_dx.arrays import Codes, Floats, freeze, value
from competency_dx.kernels.classes.attribute_profiles import Binary, attribute_patterns

if TYPE_CHECKING:
    import pandas as pd


@value
class ItemClasses:
    """Parameters of I diagnostic items on C profiles of A attributes.

    An item has W patterns of its own attributes, ordered by the number mastered, then 10 before 01.

    Attributes
    ----------
    items, families, statuses, attributes : tuple of str
        Ids, DINA | DINO | ACDM | LLM | GDINA, pilot or calibrated; names of the attributes.
    q_matrix : ndarray of int8, shape (I, A)
    profiles : ndarray of int8, shape (C, A)
        Permissible profiles.
    probabilities : ndarray, shape (I, W)
        P(right answer) for each pattern of the item's attributes, NaN beyond the item's patterns.
    probability_covariance : ndarray, shape (I, W, W)
        Within each item; 0 where a probability lies at a bound, NaN where it is not identified.
    effects : ndarray, shape (I, E)
        δ: intercept, main effects and interactions in the order of the patterns, on the identity link (LLM: logit),
        NaN beyond the item's effects.
    effect_covariance : ndarray, shape (I, E, E)
    """

    items: tuple[str, ...]
    families: tuple[str, ...]
    statuses: tuple[str, ...]
    attributes: tuple[str, ...]
    q_matrix: Codes
    profiles: Codes
    probabilities: Floats
    probability_covariance: Floats
    effects: Floats
    effect_covariance: Floats

    def __post_init__(self) -> None:
        freeze(self, q_matrix=np.int8, profiles=np.int8, probabilities=float, probability_covariance=float)
        freeze(self, effects=float, effect_covariance=float)

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
        out = np.empty((len(self.items), len(self.profiles)))
        for i, row in enumerate(self.q_matrix):
            _, of_profile = attribute_patterns(self.profiles, np.flatnonzero(row))
            out[i] = self.probabilities[i][of_profile]
        return out

    def ends(self) -> tuple[Floats, Floats]:
        """Return guessing, slip and discrimination (I, 3) with standard errors (I, 3) by the delta method.

        They are P(right) where nothing is mastered, 1 - P(right) where all is, and 1 - slip - guessing.
        """
        I = len(self.items)
        last = np.isfinite(self.probabilities).sum(axis=1) - 1
        at = np.arange(I)
        low, high = self.probabilities[:, 0], self.probabilities[at, last]
        V = self.probability_covariance
        v_low, v_high, both = V[:, 0, 0], V[at, last, last], V[at, 0, last]
        estimates = np.stack([low, 1 - high, high - low], axis=1)
        return estimates, standard_errors(np.stack([v_low, v_high, v_low + v_high - 2 * both], axis=1))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per item: family, attributes, effects, probabilities of patterns, guessing, slip, discrimination."""
        import pandas as pd

        frame = pd.DataFrame({"item": self.items, "family": self.families, "dimension": self.dimensions})
        se_d = standard_errors(np.einsum("iee->ie", self.effect_covariance))
        se_p = standard_errors(np.einsum("iww->iw", self.probability_covariance))
        ends, se_ends = self.ends()
        columns = {f"d{e}": self.effects[:, e] for e in range(self.effects.shape[1])}
        columns |= self._by_label("p_", self.probabilities)
        columns |= {name: ends[:, k] for k, name in enumerate(("guessing", "slip", "discrimination"))}
        columns |= {f"se_d{e}": se_d[:, e] for e in range(self.effects.shape[1])}
        columns |= self._by_label("se_p_", se_p)
        columns |= {f"se_{name}": se_ends[:, k] for k, name in enumerate(("guessing", "slip", "discrimination"))}
        return pd.concat([frame, pd.DataFrame(columns)], axis=1)

    def _by_label(self, prefix: str, values: Floats) -> dict[str, Floats]:
        """Return a column (I,) per pattern label that some item has."""
        labels = [self.labels(i) for i in range(len(self.items))]
        order = {x: (len(x), x.count("1"), [-int(b) for b in x]) for own in labels for x in own}
        out = {f"{prefix}{x}": np.full(len(self.items), np.nan) for x in sorted(order, key=lambda x: order[x])}
        for i, own in enumerate(labels):
            for w, x in enumerate(own):
                out[f"{prefix}{x}"][i] = values[i, w]
        return out


def standard_errors(variance: Floats) -> Floats:
    """Return roots of variances, NaN where there is none: at a bound, not identified or not there."""
    out: Floats = np.sqrt(np.where(variance > 0, variance, np.nan))
    return out
