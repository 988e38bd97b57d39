"""Item parameters as a struct of arrays, with the covariance of each item's own parameters."""

from collections.abc import Sequence
from dataclasses import field, fields, replace
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
from scipy.special import expit

from competency_dx.arrays import Bools, Floats, Ids, Ints, Status, held_to, value
from competency_dx.bank import ItemBank, ParameterRecord, refuse_self_report
from competency_dx.errors import ModelError
from competency_dx.kernels.families import Groups
from competency_dx.models.families import FAMILIES, extras_of, family, kernel_groups

KEPT = 128
ASYMPTOTES = {"3PL": 1, "4PL": 2}
CALIBRATED_FROM = 200  # answers to an item from which its parameters are no longer called a pilot


@value
class NormalPopulation:
    """Multivariate normal population of D dimensions.

    A `histogram` (2, Q), else (2, 0), holds uniform points and weights of an empirical population of one dimension, which take the
    place of the normal density. `dimensions` are D names, `mean` is (D,), `covariance` (D, D).
    """

    dimensions: Ids
    mean: Annotated[Floats, held_to("dimensions", type="number", minimum=-1e3, maximum=1e3)]
    covariance: Annotated[Floats, held_to("dimensions", "dimensions", type="number", covariance="definite", maximum=1e6)]
    histogram: Annotated[Floats, held_to(2, "Q", type="number")] = field(default_factory=lambda: np.zeros((2, 0)))

    def __post_init__(self) -> None:
        D = len(self.dimensions)
        if self.mean.shape != (D,) or self.covariance.shape != (D, D):
            raise ModelError("models.population_shape", d=D, shape=self.mean.shape, shape2=self.covariance.shape)

    def named(self, dimensions: tuple[str, ...]) -> "NormalPopulation":
        """Return the population under other names of its dimensions."""
        return replace(self, dimensions=dimensions)


@value
class ItemParameters:
    """Parameters of I items with up to K categories on D dimensions, in slope-intercept form.

    Attributes
    ----------
    items : Item ids; matching is by id, never by position.
    families : Family of each item.
    statuses : provisional, pilot or calibrated.
    n_categories : (I,) Number of score categories.
    slopes : (I, D) a, in logits, D = 1; 0 where an item does not measure a dimension.
    intercepts : (I, K) Intercepts of the family's kernel, entry 0 being 0: category intercepts e_k of log P(X = k) = k a θ + e_k +
        const, or for GRM boundary intercepts d_k; NaN beyond the item's categories and for categories that were never observed under
        plain maximum likelihood.
    extras : (I, E) Further shape parameters, by family: logit of the lower and upper asymptote, category slopes, common thresholds; NaN
        where a family has none.
    covariance : (I, F, F) Covariance of slopes, intercepts e_1 … and extras within each item, F = D + K - 1 + E; zero where a parameter
        is fixed.
    population : The population the parameters refer to, with the names of the D dimensions.
    options : For items whose categories are options: their labels, the key last; empty tuples otherwise.
    item_groups : Where items have parameters of their own in some groups and so a row for each of these: the group, "" where a row
        holds in all groups; empty where no item has.
    """

    items: Annotated[tuple[str, ...], held_to(uniqueWith=("item_groups",))]
    families: Annotated[tuple[str, ...], held_to("items")]
    statuses: Annotated[tuple[Status, ...], held_to("items")]
    n_categories: Annotated[Ints, held_to("items", minimum=2, placeIn="intercepts.0+1")]
    slopes: Annotated[Floats, held_to("items", "population.dimensions", type="number")]
    intercepts: Annotated[Floats, held_to("items", "K")]
    extras: Annotated[Floats, held_to("items", "E")]
    covariance: Annotated[Floats, held_to("items", "population.dimensions+K+E+-1", "population.dimensions+K+E+-1", covariance=True)]
    population: NormalPopulation
    options: Annotated[tuple[tuple[str, ...], ...], held_to("items?")] = ()
    item_groups: Annotated[tuple[str, ...], held_to("items?")] = ()

    def __post_init__(self) -> None:
        graded = np.array([FAMILIES[f].steps == "cumulative" for f in self.families], dtype=np.bool_)
        bounds = self.intercepts[:, 1:]
        crossed = (bounds[:, 1:] >= np.fmin.accumulate(bounds, axis=1)[:, :-1]).any(axis=1)
        for i in np.flatnonzero(graded & crossed):
            raise ModelError("models.boundaries", item=self.items[i], bounds=bounds[i].tolist())
        for name, m, item in zip(self.families, self.n_categories.tolist(), self.items, strict=True):
            if name in ASYMPTOTES and m > 2:
                raise ModelError("models.dichotomous_only", item=item, value=m - 1, name=name, fitting="GPCM")

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the ids of the items for display (I,), with the group where a row is for one."""
        if not self.item_groups:
            return self.items
        return tuple(f"{i}@{g}" if g else i for i, g in zip(self.items, self.item_groups, strict=True))

    @property
    def mean(self) -> float:
        """Return the population mean of the first dimension."""
        return float(self.population.mean[0])

    @property
    def variance(self) -> float:
        """Return the population variance of the first dimension."""
        return float(self.population.covariance[0, 0])

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Return the names of the D dimensions."""
        return self.population.dimensions

    @property
    def loads(self) -> Bools:
        """Return which dimensions each item measures (I, D)."""
        return np.asarray(self.slopes != 0) if self.slopes.shape[1] > 1 else np.ones(self.slopes.shape, dtype=np.bool_)

    @property
    def points(self) -> Floats:
        """Return the points of each category (I, K): its number, or for items of options 1 for the key alone."""
        k, options = np.arange(self.intercepts.shape[1], dtype=float), np.array([FAMILIES[f].options for f in self.families])
        return np.asarray(np.where(options[:, None], k == self.n_categories[:, None] - 1, k))

    @property
    def between(self) -> bool:
        """Return whether every item measures one dimension."""
        return bool((self.loads.sum(axis=1) == 1).all())

    @property
    def dimension_index(self) -> Ints:
        """Return the dimension that each item measures, the first of several (I,)."""
        return np.asarray(self.loads.argmax(axis=1))

    @property
    def slope(self) -> Floats:
        """Return the slope along the item's own direction (I,): a, or for several dimensions √Σ a_d²."""
        if self.between:
            return np.asarray(np.take_along_axis(self.slopes, self.dimension_index[:, None], axis=1)[:, 0])
        return np.asarray(np.sqrt((self.slopes**2).sum(axis=1)))

    @property
    def beta(self) -> Floats:
        """Return kernel parameters (I, D + K - 1 + E): 0 for a category not admitted, absent extras switched off."""
        e, absent = np.where(self.allowed, self.intercepts, 0.0)[:, 1:], np.zeros(self.extras.shape)
        if absent.size:
            absent[np.array(self.families) == "3PL", 1:2] = np.inf
            for i, j, extra in extras_of(self.families, self.n_categories):
                absent[i, j] = extra.absent
        return np.concatenate([self.slopes, e, np.where(np.isnan(self.extras), absent, self.extras)], axis=1)

    @property
    def allowed(self) -> Bools:
        """Return which categories the model admits (I, K)."""
        return np.asarray(np.isfinite(self.intercepts))

    @property
    def groups(self) -> Groups:
        """Return the kernels with the positions of their items."""
        return kernel_groups(self.families)

    @property
    def asymptotes(self) -> Floats:
        """Return lower and upper asymptotes c and u (I, 2), 0 and 1 where a family has none."""
        out = np.tile([0.0, 1.0], (len(self.items), 1))
        for i, j, extra in extras_of(self.families, self.n_categories):
            if extra.kind in {"c", "u"} and not np.isnan(self.extras[i, j]):
                out[i, int(extra.kind == "u")] = expit(self.extras[i, j])
        return out

    @property
    def steps(self) -> Floats:
        """Return steps d_k (I, K - 1), logits a θ + d_k of k against k - 1, for GRM of k and above, for NRM against the lowest."""
        width, D = self.intercepts.shape[1] - 1, self.slopes.shape[1]
        beyond = np.arange(width) >= self.n_categories[:, None] - 1
        e = self.intercepts[:, 1:]
        shape = np.concatenate([np.where(np.isnan(e), 0.0, e), self.beta[:, D + width :]], axis=1)
        finite, matrices = np.where(np.isfinite(shape), shape, 0.0), self.step_matrices
        out = np.einsum("iks,is->ik", matrices, finite)
        unseen = np.einsum("iks,is->ik", np.abs(matrices[:, :, :width]), np.isnan(e).astype(float)) > 0
        return np.where(beyond | unseen, np.nan, out)

    @property
    def step_matrices(self) -> Floats:
        """Return the matrices (I, K - 1, S) from shape parameters to step intercepts."""
        width, E = self.intercepts.shape[1] - 1, self.extras.shape[1]
        out = np.zeros((len(self.items), width, width + E))
        for i, (name, m) in enumerate(zip(self.families, self.n_categories, strict=True)):
            out[i, : m - 1] = FAMILIES[name].step_matrix(int(m), width, width + E)
        return out

    @property
    def difficulties(self) -> Floats:
        """Return step difficulties b_k = -d_k / a (I, K - 1); NaN where the family or several dimensions give them no sense."""
        senseless = np.array([FAMILIES[f].slope_in_extras for f in self.families]) | (self.loads.sum(axis=1) > 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            out: Floats = -self.steps / self.slope[:, None]
        return np.where(senseless[:, None], np.nan, out)

    def step_covariance(self) -> Floats:
        """Return the covariance of slopes and steps (a_1 …, d_1 …) within each item (I, D + K - 1, D + K - 1)."""
        D, (n, width, S) = self.slopes.shape[1], self.step_matrices.shape
        T = np.zeros((n, D + width, D + S))
        T[:, :D, :D] = np.eye(D)
        T[:, D:, D:] = self.step_matrices
        return T @ self.covariance @ T.transpose(0, 2, 1)

    def difficulty_se(self) -> Floats:
        """Return standard errors of the b_k (I, K - 1) by the delta method: ∂b/∂a = d/a², ∂b/∂d = -1/a."""
        V, a, d, D = self.step_covariance(), self.slope[:, None], self.steps, self.slopes.shape[1]
        at = np.arange(len(self.items)), self.dimension_index
        va, vd = V[at[0], at[1], at[1]][:, None], np.einsum("ikk->ik", V)[:, D:]
        cov = V[at[0], at[1], D:]
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = va * d**2 / a**4 + vd / a**2 - 2 * cov * d / a**3
        out: Floats = np.sqrt(np.maximum(variance, 0.0))
        return np.where(np.isnan(self.difficulties), np.nan, out)

    def single(self, dimension: int | None = None) -> "ItemParameters":
        """Return items with the slope of their one competency (I, 1) and the population of `dimension`, else a standard normal."""
        name, mean, variance = "theta", np.zeros(1), np.eye(1)
        if (d := dimension) is not None:
            name, mean, variance = self.dimensions[d], self.population.mean[[d]], self.population.covariance[np.ix_([d], [d])]
        out = self.seen_along(self.dimension_index[:, None], NormalPopulation(dimensions=(name,), mean=mean, covariance=variance))
        return replace(out, slopes=self.slope[:, None])

    def seen_along(self, columns: Ints, population: NormalPopulation) -> "ItemParameters":
        """Return the items with some columns (I, d) of their slopes, each its own, under a population of as many competencies."""
        rest = np.tile(np.arange(self.slopes.shape[1], self.covariance.shape[1]), (len(columns), 1))
        rows, keep = np.arange(len(columns))[:, None, None], np.concatenate([columns, rest], axis=1)
        covariance = self.covariance[rows, keep[:, :, None], keep[:, None, :]]
        return replace(self, slopes=np.take_along_axis(self.slopes, columns, axis=1), covariance=covariance, population=population)

    def in_group(self, name: str | None = None) -> "ItemParameters":
        """Return the parameters that hold in a group, the reference group without a name: one row an item."""
        if not self.item_groups:
            return self
        chosen = next(filter(None, self.item_groups), "") if name is None else name
        return replace(self.take([i for i, group in enumerate(self.item_groups) if group in {"", chosen}]), item_groups=())

    def take(self, index: Sequence[int] | Ints) -> "ItemParameters":
        """Return the parameters of some of the items."""
        at = np.asarray(index, dtype=np.int64)
        out: dict[str, Any] = {}
        for name in (f.name for f in fields(self) if f.name != "population"):
            held = getattr(self, name)
            out[name] = held[at] if isinstance(held, np.ndarray) else tuple(held[i] for i in at if held)
        return replace(self, **out)


def moved(known: ItemParameters, A: float, B: float) -> ItemParameters:
    """Return items of one competency on the scale A θ + B: slopes a / A, difficulties A b + B, with their covariances."""
    cumulative = np.array([FAMILIES[f].steps == "cumulative" for f in known.families])
    score = np.arange(known.intercepts.shape[1])
    times = np.where(cumulative[:, None], np.minimum(score, 1), score)
    slopes = known.slopes / A
    change = np.tile(np.eye(known.covariance.shape[1]), (len(times), 1, 1))
    change[:, 0, 0] = 1 / A
    change[:, 1 : times.shape[1], 0] = -times[:, 1:] * B / A
    return replace(
        known,
        slopes=slopes,
        intercepts=known.intercepts - times * (slopes * B),
        covariance=change @ known.covariance @ change.transpose(0, 2, 1),
        population=replace(known.population, mean=A * known.population.mean + B, covariance=A * A * known.population.covariance),
    )


def measuring(single: ItemParameters, dimension: Ints, population: NormalPopulation) -> ItemParameters:
    """Return items of one competency as items that measure one of D each, `dimension` (I,) of them, under a joint population."""
    I, D, F = len(single.items), len(population.dimensions), single.covariance.shape[1]
    slopes, covariance = np.zeros((I, D)), np.zeros((I, D + F - 1, D + F - 1))
    slopes[np.arange(I), dimension] = single.slopes[:, 0]
    at = np.concatenate([dimension[:, None], np.tile(np.arange(D, D + F - 1), (I, 1))], axis=1)
    covariance[np.arange(I)[:, None, None], at[:, :, None], at[:, None, :]] = single.covariance
    return replace(single, slopes=slopes, covariance=covariance, population=population)


@lru_cache(maxsize=KEPT)
def bank_parameters(bank: ItemBank) -> ItemParameters:
    """Return the parameters of a bank's items that have any, in the order of the bank.

    The covariance follows from the standard errors of a, b, c and u by the delta method, all taken as independent
    (the file keeps no covariances).
    Raises `ModelError` when no item has parameters, an item's family is unknown or not kept in banks, or the bank holds statements
    about oneself, which say nothing of single persons.
    """
    records = bank.parameters
    refuse_self_report(bank)
    if not records:
        raise ModelError("models.no_parameters", bank=bank.id)
    for record in records:
        if family(record.model).slope_in_extras:
            raise ModelError("models.not_kept_by_banks", bank=bank.id, item=record.item, model=record.model)
    K = max(len(r.b) for r in records) + 1
    E = max(ASYMPTOTES.get(r.model, 0) for r in records)
    population = bank.header.population
    intercepts, extras, covariance = (np.array(x) for x in zip(*(_in_kernel_form(r, K, E) for r in records), strict=True))
    return ItemParameters(
        items=tuple(r.item for r in records),
        families=tuple("PCM" if r.model == "RSM" else r.model for r in records),
        statuses=tuple(r.status for r in records),
        n_categories=np.array([len(r.b) + 1 for r in records]),
        slopes=np.array([[r.a] for r in records]),
        intercepts=intercepts,
        extras=extras,
        covariance=covariance,
        population=NormalPopulation(
            dimensions=("theta",), mean=np.array([population.mean]), covariance=np.array([[population.variance]])
        ),
    )


def _in_kernel_form(record: ParameterRecord, K: int, E: int) -> tuple[Floats, Floats, Floats]:
    """Return intercepts (K,), logits of the asymptotes (E,), NaN where there are none, and the covariance of (a, e_1 …, logits)."""
    m, b = len(record.b), np.array(record.b)
    adds, steps = np.eye(m), -record.a * b
    if family(record.model).steps in {"adjacent", "location"}:
        adds, steps = np.tri(m), np.cumsum(steps)
    intercepts, extras, jacobian, covariance = np.full(K, np.nan), np.full(E, np.nan), np.eye(m + 1), np.zeros((K + E, K + E))
    intercepts[: m + 1] = np.concatenate([[0.0], steps])
    jacobian[1:, 0], jacobian[1:, 1:] = -adds @ b, -record.a * adds
    se = np.array([record.se_a or 0.0, *((s or 0.0) for s in record.se_b)])
    covariance[: m + 1, : m + 1] = (jacobian * se**2) @ jacobian.T
    asymptotes = ((record.c, record.se_c), (record.u, record.se_u))[: ASYMPTOTES.get(record.model, 0)]
    for j, (x, own) in enumerate(asymptotes):
        if x is not None and 0 < x < 1:
            extras[j], covariance[K + j, K + j] = np.log(x / (1 - x)), ((own or 0.0) / (x * (1 - x))) ** 2
    return intercepts, extras, covariance
