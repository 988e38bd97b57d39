"""What tables of the same persons tell together to who knows the groups of everybody: searched by linear programming."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog


def fewest_persons(tables: Sequence[tuple[NDArray[np.int64], NDArray[np.bool_]]], smallest: int = 10) -> float:
    """Return of how few persons a sum over sums of shown groups (codes of persons, which groups are shown) and of all persons is.

    Of every set of fewer than `smallest` that no table divides once, and of n others v times, it is of Σ n |v| persons.
    """
    atoms, at = np.unique(np.stack([codes for codes, _ in tables]), axis=1, return_inverse=True)
    n = np.bincount(at.ravel()).astype(np.float64)
    rows = np.array([np.ones(len(n)), *(atoms[t] == g for t, (_, shown) in enumerate(tables) for g in np.flatnonzero(shown))])
    goal, zeros = np.r_[np.zeros(len(rows)), n], np.zeros(len(n))
    apart = np.block([[rows.T, -np.eye(len(n))], [-rows.T, -np.eye(len(n))]])
    bounds = [(None, None)] * len(rows) + [(0, None)] * len(n)
    found = (
        linprog(goal, A_ub=apart, b_ub=np.r_[zeros, zeros], A_eq=np.r_[rows[:, a], zeros][None], b_eq=[1.0], bounds=bounds)
        for a in np.flatnonzero(n < smallest)
    )
    return min((float(one.fun or 0.0) for one in found if one.success), default=np.inf)
