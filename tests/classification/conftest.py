"""Simulated tests of known structure for the classification models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from competency_dx.responses import Responses, load_responses


class Simulated(NamedTuple):
    """Answers with the Q-matrix they follow, the true profiles and the true probabilities of a right answer."""

    responses: Responses
    frame: pd.DataFrame
    q: pd.DataFrame
    profiles: np.ndarray
    probabilities: np.ndarray


Simulate = Callable[..., Simulated]
QS = ("100", "010", "001", "110", "101", "011", "100", "010", "001", "110", "101", "011", "100", "010", "001")


def q_frame(rows: Sequence[str], names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a Q-matrix from rows such as "110"."""
    attributes = list(names or [f"A{k + 1}" for k in range(len(rows[0]))])
    items = [f"i{j:02d}" for j in range(len(rows))]
    return pd.DataFrame([[int(x) for x in row] for row in rows], index=items, columns=attributes)


@pytest.fixture(scope="session")
def simulate() -> Simulate:
    """Draw answers of a family; `missing` is the share of answers taken away."""

    def make(
        family: str = "GDINA",
        *,
        rows: Sequence[str] = QS,
        persons: int = 600,
        seed: int = 1,
        missing: float = 0.0,
        profiles: np.ndarray | None = None,
    ) -> Simulated:
        rng = np.random.default_rng(seed)
        q = q_frame(rows)
        Q = q.to_numpy()
        A = Q.shape[1]
        if profiles is None:
            ability = rng.normal(size=(persons, 1))
            profiles = (0.7 * ability + 0.7 * rng.normal(size=(persons, A)) > rng.uniform(-0.4, 0.4, A)).astype(int)
        shares = profiles @ Q.T / Q.sum(axis=1)
        level = {"DINA": shares == 1, "DINO": shares > 0}.get(family, shares)
        p = 0.15 + 0.7 * level
        answers = (rng.random(p.shape) < p).astype(float)
        answers[rng.random(p.shape) < missing] = np.nan
        frame = pd.DataFrame(answers, columns=q.index)
        return Simulated(load_responses(frame), frame, q, profiles, p)

    return make
