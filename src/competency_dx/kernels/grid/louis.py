"""Observed information in closed form by Louis' identity, of items and of multivariate normal populations.

I(β) = Σ_p { E[-∂² ℓ_c | x_p] - Cov[S_p(θ) | x_p] }      (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x)

S_p(θ) is the complete-data score of person p. With polynomials φ_0 = 1, φ_1, φ_2 … orthonormal under the posterior of the
person, Parseval's identity gives Cov[S_p | x_p] = Σ_{r>=1} c_pr c_prᵀ with c_pr = E[φ_r S_p | x_p]. The score is smooth on
the scale of the posterior, so a handful of terms exhausts it; they are added until the last one no longer matters.
One matrix product per term replaces the Q products of the direct sum, for complete and incomplete data alike.

Person p of group g comes from N(γᵀ w_p, Σ_g). Parameters are γ_rd, r before d, then Σ_ab of each group for a <= b row by row:
N = R D + G D (D + 1)/2 of them. What a calibration estimates are linear functions of these, given by a Jacobian. Formulas:
Magnus & Neudecker 2019, ch. 15, doi:10.1002/9781119541219.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from competency_dx.arrays import Codes, Floats, Ints, blocks, spread_out
from competency_dx.kernels.blocks import BLOCK, even_size, map_pieces
from competency_dx.kernels.grid import Answers, JointTerms, Tables, indicators, joint_terms, posteriors

Depth = Literal["exact", "guide"]
MAX_TERMS = 20
GUIDE_TERMS, GUIDE_PERSONS = 2, 2500
MANY_PERSONS = 4_000
NEGLIGIBLE = 3e-6
STRAIGHT = 1e-9
TINY = 1e-12
NOUGHT = 1e-14  # a derivative that is none: its products would be slow subnormal numbers in single precision
FAR_OFF = 1e-9  # shares of a person at a point that are left out of sums over persons
LEAST_ROOT = 1e-11  # roots of masses that are none, kept above the slow subnormal numbers of single precision
AnyFloats = NDArray[np.floating[Any]]


class SplitScores(NamedTuple):
    """Derivatives of log P(X = k) by F item parameters, split as base + contrast of category k.

    `base` (F, Q) is that of the lowest category; the contrasts are constant + `linear` θ (K, F), constants being of no account, and
    `bent` (K, F, Q) is what is left of them, None where nothing is: in divide-by-total families contrasts are linear, and then one
    matrix product serves all categories. Where a category touches few of its item's parameters, as in graded families, `bent` are the
    derivatives themselves and the rest is zero. `owner` (F,) is the item of each parameter. Scores of population parameters, which come
    last, are constant + `population`[..., 0] θ + `population`[..., 1] θ² (P or 1, R, 2), the same for all persons or each their own.
    """

    base: Floats
    linear: Floats
    bent: Floats | None
    owner: Ints
    population: Floats

    @property
    def size(self) -> int:
        """Return the number of parameters of items and population."""
        return len(self.owner) + int(self.population.shape[1])

    def take(self, chosen: Ints, points: slice = slice(None)) -> "SplitScores":
        """Return the scores of some of the item parameters, at some of the points."""
        bent = None if self.bent is None else self.bent[:, chosen, points]
        return self._replace(base=self.base[chosen, points], linear=self.linear[:, chosen], bent=bent, owner=self.owner[chosen])

    def of(self, persons: Ints) -> "SplitScores":
        """Return the scores as they are for some of the persons."""
        return self if len(self.population) == 1 else self._replace(population=self.population[persons])


def split_scores(derivatives: Floats, owner: Ints, population: Floats, theta: Floats) -> SplitScores:
    """Return derivatives (K, F, Q) split for projection on polynomials of θ (Q,), which is uniform."""
    derivatives = np.where(np.abs(derivatives) < NOUGHT, 0.0, derivatives)
    contrast = derivatives - derivatives[0]
    linear = (contrast[:, :, -1] - contrast[:, :, 0]) / (theta[-1] - theta[0])
    constant = contrast[:, :, 0] - linear * theta[0]
    bent = contrast - constant[:, :, None] - linear[:, :, None] * theta
    straight = np.abs(bent).max(initial=0.0) <= STRAIGHT * np.abs(contrast).max(initial=1.0)
    bent = np.where(np.abs(bent) < NOUGHT, 0.0, bent)
    if not straight and derivatives.any(axis=2).sum() < derivatives[0].any(axis=1).sum() + bent.any(axis=2).sum():
        return SplitScores(np.zeros_like(derivatives[0]), np.zeros_like(linear), derivatives, owner, population)
    return SplitScores(derivatives[0], linear, None if straight else bent, owner, population)


def missing_information(
    answers: Answers, tables: Tables, scores: SplitScores, *, depth: Depth, design: Floats | None, executor: Executor | None
) -> Floats:
    """Return Σ_p Cov[S_p | x_p] (F, F), of scores by what the parameters are linear in where there is a design (F, n).

    A ``"guide"`` is made of two terms and of a few thousand persons for all: it is good enough for the direction of a Newton
    step. Terms after the first are a few per cent of the whole or less; single precision of them is plenty. With many
    persons, whose rounding averages out, all is in single precision but the sums over blocks.
    """
    terms = joint_terms(answers, tables.single() if len(answers.codes) >= MANY_PERSONS else tables)
    order, most = by_pattern((answers,), depth), GUIDE_TERMS if depth == "guide" else MAX_TERMS
    pieces = ((answers.take(order[b]), scores.of(order[b])) for b in blocks(len(order), even_size(len(order))))
    parts = map_pieces(partial(_missing_of_block, terms, tables.theta, (most, design)), pieces, executor=executor)
    return np.asarray(sum(parts) * (len(answers.codes) / len(order)))


def _missing_of_block(terms: JointTerms, theta: Floats, how: tuple[int, Floats | None], piece: tuple[Answers, SplitScores]) -> Floats:
    """Return Σ_p Cov[S_p | x_p] (F, F) of one block of persons."""
    (answers, scores), (most, design) = piece, how
    _, posterior, points = posteriors(answers, terms, *indicators(answers, slice(None), terms.base.dtype))
    codes, theta = answers.coded(-1), theta[points]
    met = np.flatnonzero(np.asarray((codes >= 0).any(axis=0))[scores.owner])
    place, some = np.concatenate([met, np.arange(len(scores.owner), scores.size)]), scores.take(met, points)
    T = None if design is None else design[place]
    whole = _straight if some.bent is None else _binary if len(some.bent) == 2 and most > GUIDE_TERMS else None
    if whole is not None and len(some.population) == 1 and (codes[:, np.unique(some.owner)] >= 0).all():
        out = whole(posterior, theta, some, codes, answers.weight, T)
        return spread_out(out, place, scores.size) if design is None else out
    project = Projection(np.ascontiguousarray(codes.T), some, theta, posterior.dtype, T)
    root = None if answers.weight is None else np.sqrt(answers.weight)[:, None]
    out, total, size = np.zeros((some.size if design is None else design.shape[1],) * 2), 0.0, np.inf
    for weighted in weighted_polynomials(posterior, theta, most):
        term = project(weighted)
        if root is not None:
            term = term * root.astype(term.dtype)
        product = term.T @ term
        out += product
        before, size = size, float(np.trace(product))
        total += size
        if size <= NEGLIGIBLE * total:
            out += product * (size / max(before - size, size))  # later terms, which shrink at the same rate
            break
    return spread_out(out, place, scores.size) if design is None else out


def _straight(posterior: Floats, theta: Floats, scores: SplitScores, codes: Codes, weight: Floats | None, T: Floats | None) -> Floats:
    """Return Σ_p Cov[S_p | x_p] of persons who answered all items, where scores are B(θ) + l_p θ with one table B, (F, F) or Tᵀ(F, F)T.

    It is B G Bᵀ + L V Bᵀ + B Vᵀ Lᵀ + L diag(var) Lᵀ, with G = Σ_p diag(w_p) - w_p w_pᵀ and V = (θ - mean) w_p of posteriors w_p.
    """
    kind, rows = posterior.dtype, np.flatnonzero(scores.linear.any(axis=0))
    scaled = posterior if weight is None else posterior * weight.astype(kind)[:, None]
    off = (theta - posterior @ theta.astype(kind)[:, None]).astype(kind)
    v = off * scaled
    spread = np.einsum("pq,pq->p", off, v)
    table = np.concatenate([scores.base, scores.population[0] @ np.stack([theta, theta**2])])
    within = np.diag(scaled.sum(axis=0, dtype=np.float64)) - scaled.T @ posterior.astype(np.float64)
    if not len(rows) and T is not None:
        table, T = T.T @ table, None
    out = table @ within @ table.T
    if (lines := _chosen(np.ascontiguousarray(codes.T)[scores.owner[rows]], scores.linear[:, rows], kind)) is not None:
        cross = (lines @ v) @ table.T
        out[rows] += cross
        out[:, rows] += cross.T
        out[np.ix_(rows, rows)] += (lines * spread) @ lines.T
    return np.asarray(out if T is None else T.T @ out @ T)


def _binary(posterior: Floats, theta: Floats, scores: SplitScores, codes: Codes, weight: Floats | None, T: Floats | None) -> Floats:
    """Return Σ_p Cov[S_p | x_p], (F, F) or Tᵀ(F, F)T, of persons who answered all items; scores are B(θ) + x_p C(θ), x_p of 0 and 1.

    Beside what it has in common with `_straight` there is Σ_q C_q C_qᵀ Σ_p w_pq x_p x_pᵀ, whose sums of persons are by pairs of items.
    Constants in C are of no account: about its mean less is lost to rounding.
    """
    kind, of, bent = posterior.dtype, scores.owner, np.asarray(scores.bent)
    order = np.argsort(posterior @ theta.astype(kind))  # whoever is far from a point of the grid is then far from it in the block too
    posterior, x = posterior[order], codes[order].astype(kind)
    weights = np.ones((len(x), 1), dtype=kind) if weight is None else weight[order, None].astype(kind)
    scaled = posterior * weights
    mass = scaled.sum(axis=0, dtype=np.float64)
    low, high = bent + scores.linear[:, :, None] * theta
    rise = high - low - ((high - low) @ mass / mass.sum())[:, None]
    table = np.concatenate([scores.base + low, scores.population[0] @ np.stack([theta, theta**2])])
    out = table @ (np.diag(mass) - scaled.T @ posterior.astype(np.float64)) @ table.T
    steep = rise.astype(kind)
    mean = (posterior @ steep.T) * x[:, of]
    cross = table @ ((scaled.T @ x)[:, of] * rise.T - scaled.T @ mean)
    out[:, : len(of)] += cross
    out[: len(of)] += cross.T
    inner, near = -((mean * weights).T @ mean).astype(np.float64), scaled > FAR_OFF * scaled.max()
    for q, (first, behind) in enumerate(zip(near.argmax(axis=0), near[::-1].argmax(axis=0), strict=True)):
        rows = slice(first, len(near) - behind)
        part = x[rows] * np.sqrt(scaled[rows, q, None])
        inner += (part.T @ part)[of][:, of] * (steep[:, q, None] * steep[:, q])
    out[: len(of), : len(of)] += inner
    return np.asarray(out if T is None else T.T @ out @ T)


def by_pattern(parts: Sequence[Answers], depth: Depth) -> Ints:
    """Return persons in an order that puts equal sets of answered items together, so that blocks meet few items.

    `parts` are their answers, taken apart in any way; a guide is made of a few thousand answers to an item.
    """
    masks = [np.packbits(part.observed, axis=1).T for part in parts if part.observed is not None]
    order = np.lexsort(np.concatenate(masks)) if masks else np.arange(len(parts[0].codes))
    if depth == "exact":
        return order
    answered = min((float(part.observed.mean()) for part in parts if part.observed is not None), default=1.0)
    return order[:: max(1, int(len(order) * answered) // GUIDE_PERSONS)]


class Projection:
    """Expected scores times polynomials, c_pr (p, F), or by what parameters are linear in, T (F, n), by posteriors times φ_r (p, Q)."""

    __slots__ = ("T", "base", "bent", "linear", "parts", "scores", "seen", "theta")

    def __init__(self, codes: Codes, scores: SplitScores, theta: Floats, kind: DTypeLike = float, T: AnyFloats | None = None) -> None:
        self.scores, self.theta, self.T, self.parts = scores, theta, T, []
        if T is not None and scores.bent is None and not scores.linear.any():  # by sets of persons who answered the same items
            items, place = np.unique(scores.owner, return_inverse=True)
            bits = np.packbits(codes[items] >= 0, axis=1)
            _, first, alike = np.unique(bits.view(f"V{bits.shape[1]}")[:, 0], return_index=True, return_inverse=True)
            of = [np.flatnonzero(alike[place] == k) for k in range(len(first))]
            self.parts = [(np.flatnonzero(codes[items[i]] >= 0), scores.base[at].T @ T[at]) for i, at in zip(first, of, strict=True)]
            return
        own = codes[scores.owner]
        self.seen = None if (own >= 0).all() else own >= 0
        self.linear = _chosen(own, scores.linear, kind)
        self.base = scores.base if scores.base.any() else None
        some = ((k, np.flatnonzero(table.any(axis=1)), table) for k, table in enumerate(() if scores.bent is None else scores.bent))
        self.bent = [(rows, (own[rows] == k).astype(np.float32), table[rows]) for k, rows, table in some if len(rows)]

    def __call__(self, weighted: AnyFloats) -> AnyFloats:
        """Return the next term; constants vanish beside φ_1, φ_2 …, and what is linear in θ beside φ_2, φ_3 …."""
        kind, across, F = weighted.dtype, weighted.T, len(self.scores.owner)
        T = None if self.T is None else self.T.astype(kind)
        population = np.einsum("pk,prk->rp", weighted @ np.stack([self.theta, self.theta**2], axis=1), self.scores.population)
        if T is not None and self.parts:
            total: AnyFloats = population.T.astype(kind) @ T[F:]
            for persons, table in self.parts:
                total[persons] += weighted[persons] @ table.astype(kind)
            return total
        out = np.zeros((self.scores.size, len(weighted)), dtype=kind)
        items, out[F:] = out[:F], population
        if self.base is not None:
            np.matmul(self.base.astype(kind), across, out=items)
        if self.linear is not None:
            items += self.linear * (weighted @ self.theta)
            self.linear = None
        for rows, mask, table in self.bent:
            part = table.astype(kind) @ across
            part *= mask
            items[rows if len(rows) < F else slice(None)] += part
        if self.seen is not None:
            items *= self.seen
        return out.T if T is None else out.T @ T


def _chosen(codes: Codes, values: Floats, kind: DTypeLike) -> AnyFloats | None:
    """Return values[x_fp, f] (F, p) of codes (F, p), 0 where an answer is missing; None where all are 0."""
    if not values.any():
        return None
    out = np.zeros(codes.shape, dtype=kind)
    for k, row in enumerate(values.astype(kind)):
        if row.any():
            out += (codes == k) * row[:, None]
    return out


def weighted_polynomials(posterior: Floats, theta: Floats, most_terms: int) -> Iterator[AnyFloats]:
    """Yield posterior times φ_r (p, Q) for r = 1, 2 … by the three-term recurrence.

    It is Lanczos' on diag(θ) from the root of the posterior; φ_1 is in double precision, the following ones in single.
    """
    root: AnyFloats = np.maximum(np.sqrt(posterior), LEAST_ROOT)
    previous: AnyFloats = np.zeros_like(root)
    norm: AnyFloats = np.zeros((len(root), 1))
    current, points = root, np.asarray(theta, dtype=root.dtype)
    for r in range(min(most_terms, posterior.shape[1] - 1)):
        following = points * current
        following -= np.einsum("pq,pq->p", following, current)[:, None] * current
        if r:
            following -= norm * previous
        norm = np.sqrt(np.einsum("pq,pq->p", following, following))[:, None]
        following *= np.where(norm > TINY, 1 / np.maximum(norm, TINY), 0.0)
        yield following * root
        previous, current = current, following
        if r == 0:
            single = np.float32
            root, previous, current = root.astype(single), previous.astype(single), current.astype(single)
            norm, points = norm.astype(single), points.astype(single)


def item_scores(answers: Answers, tables: Tables, derivatives: Floats, owner: Ints, *, executor: Executor | None = None) -> Floats:
    """Return E[∂ log P(x_p | θ) / ∂ β_f | x_p] (P, F) by Fisher's identity, case weights left aside.

    `derivatives` (K, F, Q) are those of log P(X = k) by each parameter, `owner` (F,) is the item of each.
    """
    one = partial(_scores_of_block, joint_terms(answers, tables), derivatives, owner)
    return np.concatenate(list(map_pieces(one, answers.pieces(BLOCK), executor=executor)))


def _scores_of_block(terms: JointTerms, derivatives: Floats, owner: Ints, answers: Answers) -> Floats:
    _, posterior, points = posteriors(answers, terms, *indicators(answers, slice(None)))
    own = answers.coded(-1)[:, owner]
    out = np.zeros(own.shape)
    for k, table in enumerate(derivatives):
        out += (own == k) * (posterior @ table[:, points].T)
    return out


class Moments(NamedTuple):
    """Of each group, with e = θ - γᵀ w: number of persons (G,), Σ w wᵀ (G, R, R), Σ w E[e]ᵀ (G, R, D), Σ E[e eᵀ] (G, D, D)."""

    persons: Floats
    gram: Floats
    cross: Floats
    scatter: Floats


def moments_of_groups(off: Floats, square: Floats, *, groups: int, group: Ints, regressors: Floats, weight: Floats | None) -> Moments:
    """Return the moments of groups from those of n persons or points: E[e] (n, D) and E[e eᵀ] (n, D, D).

    `group` and `regressors` have a row for each, or one for all; `weight` is (n,), None for 1 each.
    """
    w = np.broadcast_to(regressors, (len(off), regressors.shape[1]))
    parts = []
    for g in range(groups):
        member = (group == g) * (np.ones(len(off)) if weight is None else weight)
        scaled = w * member[:, None]
        parts.append((member.sum(), scaled.T @ w, scaled.T @ off, np.einsum("p,pab->ab", member, square)))
    return Moments(*(np.stack([np.asarray(x) for x in each]) for each in zip(*parts, strict=True)))


@lru_cache(maxsize=64)
def pairs(D: int) -> tuple[Ints, Ints]:
    """Return the indices a <= b of the elements of a covariance matrix, row by row."""
    a, b = np.triu_indices(D)
    a.flags.writeable = b.flags.writeable = False
    return a, b


def halves(D: int) -> Floats:
    """Return 1/2 for variances and 1 for covariances (T,): a covariance stands twice in its matrix."""
    a, b = pairs(D)
    return np.where(a == b, 0.5, 1.0)


def size(R: int, G: int, D: int) -> int:
    """Return the number N of population parameters."""
    return R * D + G * (D * (D + 1) // 2)


def population_gradient(moments: Moments, covariance: Floats) -> Floats:
    """Return the gradient (N,) of Σ_p E[log N(θ; γᵀ w, Σ)], by the EP identity that of log Z."""
    (a, b), half = pairs(covariance.shape[1]), halves(covariance.shape[1])
    inverse = np.linalg.inv(covariance)
    by_coefficient = (moments.cross @ inverse).sum(axis=0).ravel()
    bent = inverse @ (moments.scatter - moments.persons[:, None, None] * covariance) @ inverse
    return np.concatenate([by_coefficient, (bent[:, a, b] * half).ravel()])


def population_information(moments: Moments, covariance: Floats) -> Floats:
    """Return the complete-data information -∂² Σ_p E[log N(θ; γᵀ w, Σ)] (N, N)."""
    R, D = moments.cross.shape[1:]
    basis = _directions(D)
    T, top = len(basis), R * D
    out = np.zeros((size(R, len(covariance), D),) * 2)
    for g, A in enumerate(np.linalg.inv(covariance)):
        at = slice(top + g * T, top + (g + 1) * T)
        out[:top, :top] += np.kron(moments.gram[g], A)
        out[:top, at] = (moments.cross[g] @ (A @ basis @ A)).reshape(T, top).T
        out[at, :top] = out[:top, at].T
        bent = _traces(basis @ A, basis @ (A @ moments.scatter[g] @ A))
        out[at, at] = 0.5 * (bent + bent.T) - expected_information(moments.persons[g], A)
    return out


def expected_scores(off: Floats, spread: Floats, *, covariance: Floats, group: Ints, regressors: Floats) -> Floats:
    """Return the expected scores (n, N) of persons from the moments of e: E[e] (n, D) and Cov[e] (n, D, D).

    With y = Σ⁻¹ e they are w_r E[y_d] by γ_rd and E[y_a y_b] less Σ⁻¹_ab by Σ_ab (half of it for a = b); `group` is (n,) or (1,).
    """
    D, member = off.shape[1], np.broadcast_to(group, (len(off),))
    (a, b), linear, squares = pairs(D), np.zeros_like(off), []
    for g, A in enumerate(np.linalg.inv(covariance)):
        own, y = (member == g)[:, None], off @ A
        linear += own * y
        squares.append(own * halves(D) * (y[:, a] * y[:, b] + (A @ spread @ A)[:, a, b] - A[a, b]))
    first = (regressors[:, :, None] * linear[:, None]).reshape(len(off), regressors.shape[1] * D)
    return np.concatenate([first, *squares], axis=1)


def expected_information(persons: float, inverse: Floats) -> Floats:
    """Return the Fisher information (T, T) of a covariance matrix with this inverse (D, D)."""
    basis = _directions(len(inverse)) @ inverse
    return 0.5 * persons * _traces(basis, basis)


def _directions(D: int) -> Floats:
    """Return ∂Σ / ∂Σ_ab (T, D, D)."""
    a, b = pairs(D)
    out = np.zeros((len(a), D, D))
    t = np.arange(len(a))
    out[t, a, b] = out[t, b, a] = 1.0
    return out


def _traces(left: Floats, right: Floats) -> Floats:
    """Return tr(L_s R_t) (T, T)."""
    T = len(left)
    return np.asarray(left.reshape(T, -1) @ right.transpose(0, 2, 1).reshape(T, -1).T)
