"""What the posteriors of expectation propagation say of the scores of a normal population (kernels/normal_population.py).

The complete-data score of a person is that of y = Σ⁻¹(θ - γᵀ w): w_r y_d by γ_rd, y_a y_b less a constant by Σ_ab (half of it
for a = b). Under the posterior N(m, V) y is normal with mean Σ⁻¹(m - γᵀ w) and covariance W = Σ⁻¹ V Σ⁻¹, which gives the
covariances of its products (Isserlis 1918, doi:10.1093/biomet/12.1-2.134). To these come the cumulants of third and fourth
order that skewness and excess kurtosis of the tilted marginals give y, to first order in these (as in `ep_error`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.grid.by_dimension import Design
from competency_dx.kernels.normal_population import halves, pairs
from competency_dx.kernels.propagation import Settled, hermite_coefficients
from competency_dx.kernels.propagation.ep_e_step import Model


class PopulationPosterior(NamedTuple):
    """The p members of a `group`: mean μ (D, p) and covariance W (D, D, p) of y, and u = Cov(y_a, z_k) (D, D, p).

    z_k is θ_k in posterior standard units, `correlation` (D, D, p) that of θ, `skewness` and `excess` kurtosis (D, p) those of
    the tilted marginals; `regressors` (R, p) are w, `weight` (p,) case weights.
    """

    group: int
    members: Ints
    mean: Floats
    covariance: Floats
    loading: Floats
    correlation: Floats
    skewness: Floats
    excess: Floats
    regressors: Floats
    weight: Floats

    def own(self) -> Floats:
        """Return Σ_p Cov of the scores (R D + T, R D + T) of the coefficients and the group's covariance."""
        (D, _), R = self.mean.shape, len(self.regressors)
        half, w = halves(D)[:, None], self.regressors * self.weight
        square = (self._normal_products() + self._bent_products()) * (half * half.T)
        if not R:
            return square
        first = _sum_over(w[:, None] * self.regressors, self.covariance).transpose(0, 2, 1, 3).reshape(R * D, R * D)
        both = np.concatenate([self._with_y(weight) for weight in w], axis=1) * half
        return np.block([[first, both.T], [both, square]])

    def along(self, k: int, r: int) -> Floats:
        """Return the weighted coefficient (R D + T, p) of the scores on the polynomial of order r = 1 or 2 of θ_k."""
        (a, b), u = pairs(len(self.mean)), self.loading[:, k]
        half = halves(len(self.mean))[:, None]
        first = (self.regressors[:, None] * u).reshape(-1, len(self.weight))
        if r == 1:
            skewed = (self.skewness * self.correlation[k] * self.loading[a] * self.loading[b]).sum(axis=1)
            out = np.concatenate([first, (self.mean[a] * u[b] + self.mean[b] * u[a] + skewed) * half])
        else:
            norm = np.sqrt(np.maximum(2 + self.excess[k] - self.skewness[k] ** 2, 0.0))
            out = np.concatenate([np.zeros_like(first), norm * u[a] * u[b] * half])
        return np.asarray(out * self.weight)

    def _with_y(self, weight: Floats) -> Floats:
        """Return Σ_p weight Cov(y_a y_b, y_c) (T, D)."""
        (i, j), u = pairs(len(self.mean)), self.loading
        normal = _sum_over(self.mean, self.covariance * weight)
        both = (u[i] * u[j]).reshape(len(i), -1)
        third = both @ (u * (self.skewness * weight)).reshape(len(u), -1).T
        return np.asarray(normal[i, j] + normal[j, i] + third)

    def _normal_products(self) -> Floats:
        """Return Σ_p Cov(y_a y_b, y_c y_d) (T, T) of normal y."""
        weighted = self.covariance * self.weight
        mixed = _sum_over(self.mean[:, None] * self.mean, weighted)
        pure = _sum_over(self.covariance, weighted)
        i, j = pairs(len(self.mean))
        a, b, c, d = i[:, None], j[:, None], i, j
        out = mixed[a, c, b, d] + mixed[a, d, b, c] + mixed[b, c, a, d] + mixed[b, d, a, c]
        return np.asarray(out + pure[a, c, b, d] + pure[a, d, b, c])

    def _bent_products(self) -> Floats:
        """Return Σ_p of what third and fourth cumulants Σ_k κ_k u_ak u_bk … add to Cov(y_a y_b, y_c y_d) (T, T)."""
        D = len(self.mean)
        (i, j), u = pairs(D), self.loading
        both = (u[i] * u[j]).reshape(len(i), -1)
        fourth = (u[i] * u[j] * (self.excess * self.weight)).reshape(len(i), -1) @ both.T
        skewed = (self.mean[:, None, None] * (u * (self.skewness * self.weight))).reshape(D * D, -1)
        third = (skewed @ both.T).reshape(D, D, len(i))
        half = third[i, j] + third[j, i]
        return np.asarray(fourth + half + half.T)


def _sum_over(left: Floats, right: Floats) -> Floats:
    """Return Σ_p left (…, p) right (D, D, p) as (…, D, D)."""
    D, _, p = right.shape
    return np.asarray(left.reshape(-1, p) @ right.reshape(D * D, p).T).reshape(*left.shape[:-1], D, D)


def population_posterior(design: Design, model: Model, found: Settled, g: int) -> PopulationPosterior:
    """Return y of the members of group g."""
    members = np.flatnonzero(design.group == g)
    inverse, w = np.linalg.inv(model.covariance[g]), design.regressors[members].T
    V = found.covariance[:, :, members]
    D, _, p = V.shape
    half = (inverse @ V.reshape(D, D * p)).reshape(D, D, p)
    whole = (inverse @ half.transpose(1, 0, 2).reshape(D, D * p)).reshape(D, D, p)
    sd = found.deviations[:, members]
    e = hermite_coefficients(found, model.theta, 4)[:, :, members]
    return PopulationPosterior(
        group=g,
        members=members,
        mean=inverse @ (found.mean[:, members] - model.coefficients.T @ w),
        covariance=whole,
        loading=half / sd,
        correlation=V / (sd[:, None] * sd),
        skewness=np.sqrt(6.0) * e[3],
        excess=np.sqrt(24.0) * e[4],
        regressors=w,
        weight=np.ones(p) if design.weight is None else design.weight[members],
    )
