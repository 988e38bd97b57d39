"""The parameters of a calibration: what each free one is, which are free, fixed, equal, and what a given table of counts says.

Parameters of items are beta (I, F): slopes a_1 … a_D, intercepts e_1 … e_{K-1}, extras such as logits of asymptotes
(kernels/families/__init__.py). Free ones are collected in a vector of entries; parameters constrained to be equal share
one of them. The entries are φ, or linear in φ where there is a design (Adams, Wilson & Wang 1997, doi:10.1177/0146621697211001).
Reports give steps d_k = e_k - e_{k-1} of families whose categories are compared with their neighbours. Names are made here for display
and for `Constraints`; nothing reads a fact out of one.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, held_to, value
from competency_dx.engine.priors import PriorTerms, prior_terms
from competency_dx.kernels import families
from competency_dx.kernels.families import Groups
from competency_dx.models import FAMILIES, Family, ItemParameters

Kind = Literal["a", "d", "e", "c", "u", "slope", "threshold", "mean", "coefficient", "variance", "covariance", "correlation"]
KINDS: tuple[str, ...] = get_args(Kind)
WRITTEN = {"c": "logit_c", "u": "logit_u", "slope": "a", "threshold": "t"}  # kinds whose names are not their letters
INNER_STEPS = 3
SHORT = 0.5  # a step after which another one is not worth its while before the next E-step
LONGEST_STEP = 1.0
HALVINGS = 16
SLACK = 1e-9
RIDGE = 1e-10


class Parameter(NamedTuple):
    """One free parameter; the fields are those of `ParameterTable`."""

    kind: Kind
    item: int = -1
    column: int = -1
    number: int = 0
    group: int = -1
    dimension: int = -1
    other: int = -1
    term: str = ""
    below: int = -1
    shared: bool = False


class ItemErrors(NamedTuple):
    """Covariance (N, N) of parameters of items in the kernels' form, row and column in ``ItemParameters.beta`` of each (N,)."""

    covariance: Floats
    item: Ints
    column: Ints

    def variance(self, gradient: Floats) -> Floats:
        """Return the covariance (M, M) of M numbers with these derivatives by the parameters (M, I, F)."""
        of = gradient[:, self.item, self.column]
        return np.asarray(of @ self.covariance @ of.T)


@value
class ParameterTable:
    """The free parameters φ (F,) of a calibration, those of the items first.

    `kind` of items: slope ``a``, step ``d``, intercept ``e`` against the lowest category where the one below is not estimated, logit of
    an asymptote ``c`` or ``u``, ``slope`` of a category, common ``threshold``. Of the population: ``mean``, ``coefficient``,
    ``variance``, ``covariance``, ``correlation`` (a covariance of two competencies of variance 1).
    `item` is the row of the item parameters, of equal ones the first, `column` that of ``ItemParameters.beta``: slopes (D), intercepts
    (K - 1), extras (E); -1 for the population. `number`: which slope, step or category, from 1, 0 where there is only one. `group`:
    whose parameter it is, -1 where it is the same in all. `dimension`, `other`: the competency, and the second one of a covariance, -1
    for none. `term`: the covariate of a coefficient.
    `below`: for a step d_k = e_k - e_{k-1} the free parameter that holds e_{k-1}, -1 where the reported form is the kernel's. `shared`:
    whether several parameters are this one, by the family or by constraint.
    """

    kind: tuple[Kind, ...]
    item: Annotated[Ints, held_to("kind", minimum=-1, placeIn="parameters.items")]
    column: Annotated[Ints, held_to("kind", minimum=-1, placeIn="parameters.covariance.0")]
    number: Annotated[Ints, held_to("kind", minimum=0)]
    group: Annotated[Ints, held_to("kind", minimum=-1, placeIn="groups")]
    dimension: Annotated[Ints, held_to("kind", minimum=-1, placeIn="parameters.population.dimensions")]
    other: Annotated[Ints, held_to("kind", minimum=-1, placeIn="parameters.population.dimensions")]
    term: Annotated[tuple[str, ...], held_to("kind")]
    below: Annotated[Ints, held_to("kind", minimum=-1, placeIn="kind")]
    shared: Annotated[Bools, held_to("kind")]

    @property
    def of_items(self) -> Bools:
        """Return which parameters are those of items (F,)."""
        return np.asarray(self.item >= 0)

    def is_kind(self, *kinds: Kind) -> Bools:
        """Return which parameters are of one of the kinds (F,)."""
        return np.array([kind in kinds for kind in self.kind], dtype=np.bool_)

    @property
    def to_reported(self) -> Floats:
        """Return the matrix T (F, F) with reported values T φ and covariance T V Tᵀ."""
        T = np.eye(len(self.kind))
        steps = np.flatnonzero(self.below >= 0)
        T[steps, self.below[steps]] = -1.0
        return T

    def in_kernel_form(self, covariance: Floats) -> Floats:
        """Return the covariance (F, F) of φ, V = T⁻¹ C T⁻ᵀ, for the reported one C."""
        return np.asarray(np.linalg.solve(self.to_reported, np.linalg.solve(self.to_reported, covariance).T).T)

    def item_errors(self, covariance: Floats) -> ItemErrors | None:
        """Return the errors of the items together; None where parameters of several items are one, or nothing is estimated."""
        own = np.flatnonzero(self.of_items)
        if not len(own) or self.shared.any() or np.isnan(covariance).any():
            return None
        return ItemErrors(self.in_kernel_form(covariance)[np.ix_(own, own)], self.item[own], self.column[own])

    def names(self, items: Sequence[str], dimensions: Sequence[str] = ("",), groups: Sequence[str] = ("",)) -> tuple[str, ...]:
        """Return names for display: ``item.d1``, ``variance.b`` of group b, ``correlation.x.y``."""
        out = []
        for k, kind in enumerate(self.kind):
            group = [groups[self.group[k]]] if len(groups) > 1 and self.group[k] >= 0 else []
            if self.item[k] >= 0:
                out.append(item_name("@".join([items[self.item[k]], *group]), kind, int(self.number[k])))
                continue
            own = [dimensions[d] for d in (self.dimension[k], self.other[k]) if d >= 0] if len(dimensions) > 1 else []
            parts = [*group, *own] if kind in {"mean", "coefficient"} else [*own, *group]
            out.append(".".join([self.term[k] or kind, *parts]))
        return tuple(out)


def table_of(rows: Sequence[Parameter]) -> ParameterTable:
    """Return the table of parameters given one by one."""
    columns: Any = zip(*rows, strict=True) if rows else [()] * len(Parameter._fields)
    return ParameterTable(**dict(zip(Parameter._fields, columns, strict=True)))


def item_name(item: str, kind: Kind, number: int) -> str:
    """Return the name of a parameter of an item."""
    return f"{item}.{WRITTEN.get(kind, kind)}{number or ''}"


def shape_kinds(family: Family, n_categories: int, width: int) -> dict[int, tuple[Kind, int]]:
    """Return kind and number of each shape parameter of an item, by its column after the slopes; `width` is K - 1."""
    steps: dict[int, tuple[Kind, int]] = {k: ("d", k + 1 if n_categories > 2 else 0) for k in range(n_categories - 1)}
    return steps | {width + j: (extra.kind, extra.number) for j, extra in enumerate(family.extras(n_categories))}


class Items(NamedTuple):
    """Items with their free parameters.

    `groups` are kernels with the positions of their items, `allowed` (I, K) the categories the model admits. `place` (I, F) is
    the entry that holds each parameter, -1 where it is fixed; entries are `design` (N, n) φ, φ itself without a design. `base`
    (I, F) holds values of fixed parameters and starting values of free ones. `cumulative` (I,) says whose intercepts must descend;
    in `prior`, parameters that are equal carry theirs once; `n_slopes` is the number D of slope columns.
    """

    groups: Groups
    allowed: Bools
    n_categories: Ints
    place: Ints
    base: Floats
    cumulative: Bools
    prior: PriorTerms
    n_slopes: int
    design: Floats | None = None

    @property
    def size(self) -> int:
        """Return the number of free parameters of the items."""
        return int(self.place.max(initial=-1)) + 1 if self.design is None else self.design.shape[1]

    @property
    def free(self) -> Bools:
        """Return which parameters are free (I, F)."""
        return np.asarray(self.place >= 0)

    @property
    def linked(self) -> bool:
        """Return whether some parameters are equal to one another."""
        return self.design is not None or int(self.free.sum()) > self.size

    @property
    def start(self) -> Floats:
        """Return starting values of the free parameters."""
        out = np.zeros(int(self.place.max(initial=-1)) + 1)
        out[self.place[self.free]] = self.base[self.free]
        return out if self.design is None else np.asarray(np.linalg.lstsq(self.design, out, rcond=None)[0])


def items_at(parameters: ItemParameters) -> Items:
    """Return items all of whose parameters are fixed at given ones."""
    p, beta = parameters, parameters.beta
    D, held = p.slopes.shape[1], np.zeros(beta.shape, dtype=np.bool_)
    none = prior_terms(None, (p.items, list(p.families)), p.n_categories, held, n_slopes=D, dimension=p.dimension_index)
    cumulative = np.array([FAMILIES[name].steps == "cumulative" for name in p.families])
    return Items(p.groups, p.allowed, p.n_categories, held - 1, beta, cumulative, none, D)


def holding(items: Items, fixed: Bools, base: Floats) -> Items:
    """Return items with some more parameters (I, F) fixed at `base`, and the free ones, numbered anew, starting there."""
    place = np.where(fixed, -1, items.place)
    place[place >= 0] = np.unique(place[place >= 0], return_inverse=True)[1]
    return items._replace(place=place, base=base)


def beta_of(items: Items, phi: Floats) -> Floats:
    """Return the parameters (I, F) at free values φ; entries of φ after the items' are left alone."""
    out, free = items.base.copy(), items.free
    out[free] = (phi if items.design is None else items.design @ phi[: items.size])[items.place[free]]
    return out


def gathered(items: Items, values: Floats) -> Floats:
    """Return values of parameters (I, F) added up by entry of φ."""
    free = items.free
    out = np.bincount(items.place[free], weights=values[free], minlength=int(items.place.max(initial=-1)) + 1)
    return out.astype(np.float64) if items.design is None else out @ items.design


def assembled(items: Items, blocks: Floats) -> Floats:
    """Return the matrix of φ (n, n) that blocks (I, F, F) of the items add up to."""
    n = items.size
    if items.design is not None:
        rows = np.where(items.free[:, :, None], items.design[items.place], 0.0)
        return np.asarray(rows.reshape(-1, n).T @ (blocks @ rows).reshape(-1, n))
    pairs = items.free[:, :, None] & items.free[:, None, :]
    flat = (items.place[:, :, None] * n + items.place[:, None, :])[pairs]
    return np.bincount(flat, weights=blocks[pairs], minlength=n * n).reshape(n, n).astype(np.float64)


def gradient(items: Items, beta: Floats, counts: Floats, log_prob: Floats, theta: Floats) -> Floats:
    """Return the penalised gradient (n,) for expected counts (I, K, Q) at points θ (Q,) or (Q, D)."""
    return gathered(items, families.gradients(items.groups, beta, counts, log_prob, theta, items.allowed) + items.prior.gradient(beta))


def complete_information(items: Items, beta: Floats, counts: Floats, log_prob: Floats, theta: Floats) -> Floats:
    """Return the penalised complete-data information (n, n) for expected counts (I, K, Q)."""
    exact = families.information(items.groups, beta, counts, log_prob, theta, items.allowed)
    out = assembled(items, exact + items.prior.curvature(beta))
    for pool in items.prior.pools:
        v = gathered(items, pool.weights)
        out -= pool.strength * np.outer(v, v)
    return out


def m_step(items: Items, phi: Floats, counts: Floats, log_prob: Floats, theta: Floats) -> Floats:
    """Return the items' free values (n,) after scoring steps for all items at once, none of which lowers the expectation."""
    phi = phi[: items.size]
    pull = items.prior.pull(beta_of(items, phi))
    value = _penalised(items, beta_of(items, phi), np.einsum("ikq,ikq->i", counts, log_prob), pull)
    for _ in range(INNER_STEPS):
        beta = beta_of(items, phi)
        slope, fisher = families.scoring_step(items.groups, beta, counts, log_prob, theta, items.allowed)
        slope = slope + items.prior.gradient(beta) - items.prior.pull(beta) + pull
        bend, f = items.prior.curvature(beta).copy(), np.arange(beta.shape[1])
        bend[:, f, f] = np.maximum(bend[:, f, f], 0.0)
        fisher = fisher + bend
        move = np.clip(_solved(items, slope, fisher), -LONGEST_STEP, LONGEST_STEP)
        after, explained, moved = log_prob.copy(), np.zeros(len(beta)), np.ones(len(beta), dtype=np.bool_)
        for attempt in range(HALVINGS):
            further = in_order(items, phi, move)
            beta = beta_of(items, further)
            groups = families.restricted(items.groups, moved)
            after[moved] = families.log_probabilities(groups, beta[moved], theta, items.allowed[moved])
            explained[moved] = np.einsum("ikq,ikq->i", counts[moved], after[moved])
            reached = _penalised(items, beta, explained, pull)
            worse = ~(reached >= value - SLACK * np.abs(value))
            if not worse.any():
                break
            if items.linked:
                move = 0.5 * move
                continue
            moved, at = worse, items.place[worse]
            move = move.copy()
            move[at[at >= 0]] *= 0.0 if attempt >= HALVINGS - 2 else 0.5
        else:
            return phi
        phi, value, log_prob = further, reached, after
        if np.abs(move).max(initial=0.0) < SHORT:
            break
    return phi


def _penalised(items: Items, beta: Floats, expected: Floats, pull: Floats) -> Floats:
    """Return penalised `expected` log-likelihoods (I,), their sum (1,) of linked items; pools by the tangent `pull`, a lower bound."""
    out = expected + items.prior.by_item(beta)
    out += (np.where(pull != 0, beta, 0.0) * pull).sum(axis=1)
    return np.array([out.sum()]) if items.linked else out


def _solved(items: Items, slope: Floats, fisher: Floats) -> Floats:
    """Return the scoring step (n,)."""
    if items.linked:
        matrix = assembled(items, fisher)
        matrix[np.diag_indices_from(matrix)] += RIDGE
        return np.asarray(np.linalg.solve(matrix, gathered(items, slope)))
    free = items.free
    matrices = np.where(free[:, :, None] & free[:, None, :], fisher, 0.0)
    k = np.arange(matrices.shape[1])
    matrices[:, k, k] += np.where(free, RIDGE, 1.0)
    return gathered(items, np.linalg.solve(matrices, np.where(free, slope, 0.0)[:, :, None])[:, :, 0])


def in_order(items: Items, phi: Floats, move: Floats) -> Floats:
    """Return φ of the items after a move, halved for items whose cumulative boundaries would cross."""
    out = phi + move
    for _ in range(HALVINGS):
        if not (crossed := crossing(items, out)).any():
            return out
        touched = np.unique(items.place[crossed])
        move = move.copy()
        move[touched[touched >= 0] if items.design is None else slice(None)] /= 2
        out = phi + move
    return phi if items.design is not None else np.where(np.isin(np.arange(len(phi)), items.place[crossing(items, out)]), phi, out)


def crossing(items: Items, phi: Floats) -> Bools:
    """Return which items with cumulative steps have boundaries that do not descend (I,)."""
    if not items.cumulative.any():
        return np.zeros(len(items.allowed), dtype=np.bool_)
    K = items.allowed.shape[1]
    used = items.allowed & (np.arange(K) > items.allowed.argmax(axis=1)[:, None])
    d = np.where(used[:, 1:], beta_of(items, phi)[:, items.n_slopes : items.n_slopes + K - 1], np.nan)
    last, out = np.full(len(d), np.inf), np.zeros(len(d), dtype=np.bool_)
    for column in d.T:
        out |= np.nan_to_num(column, nan=-np.inf) >= last
        last = np.where(np.isnan(column), last, column)
    return out & items.cumulative
