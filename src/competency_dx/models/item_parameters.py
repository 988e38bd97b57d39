"""Item parameters as a struct of arrays, with the covariance of each item's own parameters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, freeze, value
from competency_dx.bank import ItemBank, ParameterRecord
from competency_dx.errors import ModelError
from competency_dx.kernels.dispatch import Groups
from competency_dx.models.families import FAMILIES, family, kernel_groups

KEPT = 32


@value
class ItemParameters:
    """Parameters of I items with up to K categories in slope-intercept form.

    Attributes
    ----------
    items : tuple of str
        Item ids; matching is by id, never by position.
    families : tuple of str
        Family of each item.
    statuses : tuple of str
        provisional, pilot or calibrated.
    n_categories : ndarray of int, shape (I,)
        Number of score categories.
    slope : ndarray, shape (I,)
        a, in logits, D = 1.
    intercepts : ndarray, shape (I, K)
        Intercepts of the family's kernel, entry 0 being 0: category intercepts e_k of log P(X = k) = k a θ + e_k + const,
        or for GRM boundary intercepts d_k; NaN beyond the item's categories and for categories that were never
        observed under plain maximum likelihood.
    covariance : ndarray, shape (I, K, K)
        Covariance of (a, e_1 …) within each item; zero where a parameter is fixed.
    mean, variance : float
        Normal population the parameters refer to.
    """

    items: tuple[str, ...]
    families: tuple[str, ...]
    statuses: tuple[str, ...]
    n_categories: Ints
    slope: Floats
    intercepts: Floats
    covariance: Floats
    mean: float = 0.0
    variance: float = 1.0

    def __post_init__(self) -> None:
        freeze(self, n_categories=np.int64, slope=np.float64, intercepts=np.float64, covariance=np.float64)

    @property
    def beta(self) -> Floats:
        """Return kernel parameters (a, e_1 …) (I, K), 0 where a category is not admitted."""
        out = np.where(self.allowed, self.intercepts, 0.0)
        out[:, 0] = self.slope
        return out

    @property
    def allowed(self) -> Bools:
        """Return which categories the model admits (I, K)."""
        out: Bools = np.isfinite(self.intercepts)
        return out

    @property
    def groups(self) -> Groups:
        """Return the kernels with the positions of their items."""
        return kernel_groups(self.families)

    @property
    def adjacent(self) -> Bools:
        """Return for which items steps are differences of the intercepts (I,)."""
        return np.array([FAMILIES[f].steps == "adjacent" for f in self.families], dtype=np.bool_)

    @property
    def steps(self) -> Floats:
        """Return step intercepts d_k (I, K - 1): logit(k against k-1) = a θ + d_k, for GRM logit P(X >= k) = a θ + d_k."""
        return np.where(self.adjacent[:, None], np.diff(self.intercepts, axis=1), self.intercepts[:, 1:])

    @property
    def difficulties(self) -> Floats:
        """Return step difficulties b_k = -d_k / a (I, K - 1)."""
        out: Floats = -self.steps / self.slope[:, None]
        return out

    def step_covariance(self) -> Floats:
        """Return the covariance of (a, d_1 …) within each item (I, K, K)."""
        K = self.intercepts.shape[1]
        T = np.broadcast_to(np.eye(K), (len(self.items), K, K)).copy()
        T[:, np.arange(2, K), np.arange(1, K - 1)] = -1.0 * self.adjacent[:, None]
        return T @ self.covariance @ T.transpose(0, 2, 1)

    def difficulty_se(self) -> Floats:
        """Return standard errors of the b_k (I, K - 1) by the delta method: ∂b/∂a = d/a², ∂b/∂d = -1/a."""
        V, a, d = self.step_covariance(), self.slope[:, None], self.steps
        va, vd = V[:, :1, 0], np.einsum("ikk->ik", V)[:, 1:]
        cov = V[:, 0, 1:]
        variance = va * d**2 / a**4 + vd / a**2 - 2 * cov * d / a**3
        out: Floats = np.sqrt(np.maximum(variance, 0.0))
        return out

    def take(self, index: Sequence[int] | Ints) -> ItemParameters:
        """Return the parameters of some of the items."""
        at = np.asarray(index, dtype=np.int64)
        return ItemParameters(
            items=tuple(self.items[i] for i in at),
            families=tuple(self.families[i] for i in at),
            statuses=tuple(self.statuses[i] for i in at),
            n_categories=self.n_categories[at],
            slope=self.slope[at],
            intercepts=self.intercepts[at],
            covariance=self.covariance[at],
            mean=self.mean,
            variance=self.variance,
        )


@lru_cache(maxsize=KEPT)
def bank_parameters(bank: ItemBank) -> ItemParameters:
    """Return the parameters of a bank's items that have any, in the order of the bank.

    The covariance follows from the standard errors of a and b by the delta method, a and b taken as independent
    (the file keeps no covariances).

    Raises
    ------
    ModelError
        When no item has parameters, or an item's family is unknown.
    """
    records = bank.parameters
    if not records:
        raise ModelError(f"bank {bank.id} has no item parameters: calibrate responses and use with_calibration()")
    for record in records:
        family(record.model)
    K = max(len(r.b) for r in records) + 1
    population = bank.header.population
    return ItemParameters(
        items=tuple(r.item for r in records),
        families=tuple(r.model for r in records),
        statuses=tuple(r.status for r in records),
        n_categories=np.array([len(r.b) + 1 for r in records]),
        slope=np.array([r.a for r in records]),
        intercepts=np.array([_intercepts(r, K) for r in records]),
        covariance=np.array([_covariance(r, K) for r in records]),
        mean=population.mean,
        variance=population.variance,
    )


def _intercepts(record: ParameterRecord, K: int) -> Floats:
    out = np.full(K, np.nan)
    steps = -record.a * np.array(record.b)
    adjacent = family(record.model).steps == "adjacent"
    out[: len(record.b) + 1] = np.concatenate([[0.0], np.cumsum(steps) if adjacent else steps])
    return out


def _covariance(record: ParameterRecord, K: int) -> Floats:
    """Return the covariance of (a, e_1 …) for d_k = -a b_k with independent a and b_k; e_k adds up d_1 to d_k or is d_k."""
    m, b = len(record.b), np.array(record.b)
    jacobian = np.zeros((m + 1, m + 1))
    jacobian[0, 0] = 1.0
    adds = np.tri(m) if family(record.model).steps == "adjacent" else np.eye(m)
    jacobian[1:, 0] = -adds @ b
    jacobian[1:, 1:] = -record.a * adds
    se = np.array([record.se_a or 0.0, *((s or 0.0) for s in record.se_b)])
    out = np.zeros((K, K))
    out[: m + 1, : m + 1] = (jacobian * se**2) @ jacobian.T
    return out
