"""Exploratory calibration in two to four dimensions: identification, starting values, and rotation of what is found.

Dimensions are orthonormal, N(0, 1); D - 1 items with zeros in an upper triangle of slopes, chosen by pivoting, take the freedom of
rotation away. Rotated loadings are functions of the estimates, and their standard errors follow by the delta method.

Loadings are in the metric of factor analysis, λ_d = a_d / √(1.702² + Σ a_d²), the normal ogive closest to the logistic curve
(Takane & de Leeuw 1987, doi:10.1007/BF02294363; Reckase 2009, doi:10.1007/978-0-387-89976-3).
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Annotated, ClassVar

import numpy as np
from scipy.linalg import qr

from competency_dx.arrays import Bools, Codes, Floats, Ids, choice, held_to, value
from competency_dx.calibration.calibration import Calibration
from competency_dx.display import Chart, Series, result_words
from competency_dx.engine import Items, Marginal, PriorTerms, holding, orthogonal, populations_of, product_grid_likelihood
from competency_dx.errors import CalibrationError, checked
from competency_dx.kernels.grid import Answers
from competency_dx.kernels.rotation import Method, Rotation, rotate, rotated_from
from competency_dx.result import DataFrame, Provenance, Result, frame, provenance

SCALE, LARGEST_COMMUNALITY, PRINCIPAL_STEPS, DIFFERENCE = 1.702, 0.8, 10, 1e-3
ATTENUATION = 1.25  # loadings of 0/1 scores fall short of those of what lies behind them by about this factor
MOST, LEADING = 4, 5  # dimensions; items named for one


@choice(CalibrationError)
class Exploratory:
    """Dimensions that the data are to show: ``calibrate(…, dimensions=Exploratory(n=2, rotation="oblimin"))``.

    There are `n`, two to four; `rotated` turns the loadings by `rotation`: "oblimin" (quartimin), "varimax" (orthogonal), "promax" with
    power 4, or "none".
    """

    n: int = 2
    rotation: Method = "oblimin"

    def __post_init__(self) -> None:
        if not 2 <= self.n <= MOST:
            raise CalibrationError("calibration.exploratory_number", n=self.n, most=MOST)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Return the names of the dimensions."""
        return tuple(f"F{d + 1}" for d in range(self.n))


def exploratory_items(items: Items, codes: Codes, observed: Bools) -> Items:
    """Return the items, which measure all D dimensions, identified by D (D - 1) / 2 zeros and with starting values.

    A normal prior of slopes is replaced by one about zero with the same second moment. Raises `CalibrationError` when slopes are
    fixed or shared, or there are fewer than three items for each dimension.
    """
    D = items.n_slopes
    place = items.place[:, :D]
    if (place < 0).any() or len(np.unique(place)) < place.size:
        raise CalibrationError("calibration.exploratory_slopes")
    if len(place) < 3 * D:
        raise CalibrationError("calibration.exploratory_items", n_place=len(place), d=D, value=3 * D)
    a = _principal_slopes(codes, observed, D)
    pivots = qr(a.T, mode="economic", pivoting=True)[2][:D]  # whose lower triangle, its diagonal positive, fixes the rotation
    Q, R = np.linalg.qr(a[pivots].T)
    a = a @ (Q * np.where(np.diag(R) < 0, -1.0, 1.0))
    fixed, base = np.zeros(items.place.shape, dtype=np.bool_), items.base.copy()
    fixed[pivots, :D] = np.triu(np.ones((D, D), dtype=np.bool_), 1)
    base[:, :D] = np.where(fixed[:, :D], 0.0, a)
    return holding(items, fixed, base)._replace(prior=_centred(items.prior, ~fixed, D))


def _principal_slopes(codes: Codes, observed: Bools, D: int) -> Floats:
    """Return slopes (I, D) from principal factors of the correlations of item scores, answers given to both items of a pair."""
    seen = observed.astype(np.float64)
    off = np.where(observed, codes - (codes * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1.0), 0.0)
    covariance = (off.T @ off) / np.maximum(seen.T @ seen, 1.0)
    sd = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    R = np.clip(covariance / np.outer(sd, sd), -1.0, 1.0)
    np.fill_diagonal(R, 0.0)
    common = np.clip(np.abs(R).max(axis=1), 0.0, LARGEST_COMMUNALITY)
    for _ in range(PRINCIPAL_STEPS):
        values, vectors = np.linalg.eigh(R + np.diag(common))
        loadings = vectors[:, ::-1][:, :D] * np.sqrt(np.maximum(values[::-1][:D], 1e-3))
        common = np.clip((loadings**2).sum(axis=1), 0.0, LARGEST_COMMUNALITY)
    loadings *= ATTENUATION
    loadings *= np.sqrt(np.minimum(LARGEST_COMMUNALITY / np.maximum((loadings**2).sum(axis=1), 1e-12), 1.0))[:, None]
    return np.asarray(SCALE * loadings / np.sqrt(1 - (loadings**2).sum(axis=1))[:, None])


def _centred(prior: PriorTerms, free: Bools, D: int) -> PriorTerms:
    """Return the prior with that of slopes about zero, second moments kept; lognormal and pooled ones are dropped."""
    own, d = np.einsum("iff->if", prior.precision)[:, :D], np.arange(D)
    moment = np.where(own > 0, 1 / np.maximum(own, 1e-300) + prior.centre[:, :D] ** 2, np.inf)
    precision, centre = prior.precision.copy(), prior.centre.copy()
    precision[:, d, d], centre[:, :D] = np.where(free[:, :D], 1 / moment, 0.0), 0.0
    kept = np.asarray(prior.log_normal[:, 1] >= D) if len(prior.log_normal) else np.zeros(0, dtype=np.bool_)
    pools = tuple(pool for pool in prior.pools if not pool.weights[:, :D].any())
    prior = prior._replace(log_normal=prior.log_normal[kept], log_normal_at=prior.log_normal_at[kept])
    return prior._replace(precision=precision, centre=centre, pools=pools)


def exploratory_likelihood(items: Items, answers: Answers, *, dimensions: tuple[str, ...], executor: Executor | None) -> Marginal:
    """Return the likelihood of items that measure all dimensions, identified by `exploratory_items`."""
    seen = np.ones(answers.codes.shape, dtype=np.bool_) if answers.observed is None else answers.observed
    identified = exploratory_items(items, answers.codes, seen)
    return product_grid_likelihood(identified, answers, population=orthogonal(populations_of(dimensions)), executor=executor)


@value
class FactorSolution(Result):
    """Rotated loadings of an exploratory calibration.

    Attributes
    ----------
    loadings, standard_errors : (I, D) Pattern loadings λ, and their standard errors by the delta method, the rotation taken as a
        function of the estimates.
    slopes : (I, D) a in logits on the rotated dimensions.
    correlations, transformation : (D, D) Of the rotated dimensions, which are Tᵀ θ; T.
    communalities : (I,) Share of what lies behind an answer that the dimensions explain; the same under every rotation.
    gradient : Size of the projected gradient of the criterion, zero at its minimum.
    """

    pictures: ClassVar[tuple[str, ...]] = ("loadings",)
    items: Ids
    dimensions: Ids
    rotation: str
    loadings: Annotated[Floats, held_to("items", "dimensions")]
    standard_errors: Annotated[Floats, held_to("items", "dimensions", minimum=0)]
    slopes: Annotated[Floats, held_to("items", "dimensions")]
    correlations: Annotated[Floats, held_to("dimensions", "dimensions", covariance=True, minimum=-1.0001, maximum=1.0001)]
    transformation: Annotated[Floats, held_to("dimensions", "dimensions")]
    communalities: Annotated[Floats, held_to("items", minimum=0, maximum=1.0001)]
    gradient: float
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return one row per item: item, loadings, se_ of loadings, communality."""
        names = (*self.dimensions, *(f"se_{name}" for name in self.dimensions))
        columns = dict(zip(names, [*self.loadings.T, *self.standard_errors.T], strict=True))
        return frame(**{"item": self.items} | columns | {"communality": self.communalities})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return size, rotation, correlations of the dimensions and the items that lead each of them."""
        r, h = self.correlations[np.triu_indices(len(self.dimensions), 1)], self.communalities
        say, ends = result_words("calibration", language), {"low": r.min(), "high": r.max(), "least": h.min(), "most": h.max()}
        lines = [say("loadings", rotation=self.rotation, items=len(self.items), dimensions=len(self.dimensions))]
        lines.append(say("loadings_ranges", **{name: float(x) for name, x in ends.items()}))
        for name, column in zip(self.dimensions, self.loadings.T, strict=True):
            few = (say("loading", item=self.items[i], loading=float(column[i])) for i in np.argsort(-np.abs(column))[:LEADING])
            lines.append(f"{name}: " + ", ".join(few))
        return lines

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the loadings of each item on each dimension."""
        at, columns = np.arange(1.0, len(self.items) + 1), zip(self.dimensions, self.loadings.T, strict=True)
        marks = tuple(Series(name=name, mark="point", x=at, y=column) for name, column in columns)
        title, x_label, y_label = map(result_words("calibration", language), ("loadings_title", "loadings_x", "loadings_y"))
        return Chart(title=title, x_label=x_label, y_label=y_label, series=marks)


@checked(CalibrationError)
def rotated(calibration: Calibration, rotation: Method | None = None) -> FactorSolution:
    """Rotate an exploratory calibration, by its own or another method; `CalibrationError` where dimensions are not orthonormal."""
    p = calibration.parameters
    D = p.slopes.shape[1]
    if D < 2 or not np.array_equal(calibration.population.covariance, np.eye(D)):
        raise CalibrationError("calibration.rotation_fixed", dimensions=p.dimensions)
    rotation = rotation or calibration.rotation or "oblimin"
    loadings, table = loadings_of(p.slopes), calibration.table
    turned, free = rotate(loadings, rotation), np.flatnonzero(table.is_kind("a"))
    J = _jacobian(p.slopes, list(zip(table.item[free], table.column[free], strict=True)), turned, rotation)
    variance = np.einsum("lf,fg,lg->l", J, calibration.covariance[np.ix_(free, free)], J)
    return FactorSolution(
        items=p.items,
        dimensions=p.dimensions,
        rotation=rotation,
        loadings=turned.loadings,
        standard_errors=np.sqrt(np.maximum(variance, 0.0)).reshape(loadings.shape),
        slopes=p.slopes @ np.linalg.inv(turned.transformation).T,
        correlations=turned.correlations,
        transformation=turned.transformation,
        communalities=(loadings**2).sum(axis=1),
        gradient=turned.gradient,
        provenance=provenance("rotated", {"calibration": calibration.digest}, {"rotation": rotation}),
    )


def loadings_of(slopes: Floats) -> Floats:
    """Return loadings λ (I, D) of slopes a (I, D) in logits on orthonormal dimensions."""
    return np.asarray(slopes / np.sqrt(SCALE**2 + (slopes**2).sum(axis=1, keepdims=True)))


def _jacobian(slopes: Floats, free: list[tuple[int, int]], turned: Rotation, rotation: Method) -> Floats:
    """Return derivatives (I D, F) of rotated loadings by the free slopes, rotation included, by central differences."""

    def at(place: tuple[int, int], change: float) -> Floats:
        moved = slopes.copy()
        moved[place] += change
        return rotated_from(loadings_of(moved), rotation, turned.origin).loadings

    return np.stack([(at(place, DIFFERENCE) - at(place, -DIFFERENCE)).ravel() / (2 * DIFFERENCE) for place in free], axis=1)
