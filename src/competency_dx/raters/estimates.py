"""What a fitted many-facet model says: effects of experts with their errors, how they use the scale, persons adjusted for severity."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Z95, Floats, Ints, blocks, evenly
from competency_dx.engine import Marginal, Maximised
from competency_dx.kernels.blocks import BLOCK
from competency_dx.kernels.grid import Tables, indicators, joint_terms, log_joint, normalise, standard_nodes
from competency_dx.models import ItemParameters, expected_scores, log_probabilities
from competency_dx.raters.facets import FacetModel, common_terms, times
from competency_dx.raters.rater_calibration import Facets
from competency_dx.raters.ratings import Ratings

DRAWS, WORKS, SEED = 100, 400, 20_150_713  # of a predictive check: draws, works at most of an expert
TINY = 1e-12


class Fitted(NamedTuple):
    """A model with its likelihood at the maximum φ and the covariance V (F, F) of φ."""

    model: FacetModel
    likelihood: Marginal
    at: Maximised
    V: Floats

    def told(self, rows: Floats) -> Floats:
        """Return linear functions of φ, rows (…, F), with their standard errors (…, 2)."""
        variance = np.einsum("...n,nm,...m->...", rows, self.V, rows)
        return np.stack([rows @ self.at.phi, np.sqrt(np.maximum(variance, 0.0))], axis=-1)


class Effects(NamedTuple):
    """Severity, drift (R, 2), severity on criteria (R, I, 2), thresholds (R, K, 2), each with SE; criteria at mean severity."""

    severity: Floats
    drift: Floats
    by_item: Floats
    thresholds: Floats
    criteria: ItemParameters


def effects_of(fit: Fitted, ratings: Ratings, facets: Facets) -> Effects:
    """Return the effects of experts, which sum to zero over those with marks (NaN for others), and what criteria are then."""
    row, K, (R, I) = fit.model.row, int(ratings.max_marks.max()), (len(ratings.experts), len(ratings.items))
    cell = np.array([[row("s", r) + row("c", r, i) for i in range(I)] for r in range(R)])
    steps = np.array([[row("x", r, k) for k in range(1, K)] for r in range(R)]).reshape(R, K - 1, len(fit.at.phi))
    drift = np.array([row("d", r) for r in range(R)])
    marked = np.zeros((R, I), dtype=np.bool_)
    marked[fit.model.mark[2], fit.model.mark[1]] = True
    at = marked.any(axis=1)
    criteria = _criteria(fit, ratings, facets, cell[at].mean(axis=0), steps[at].mean(axis=0))
    cell, steps, drift = (x - x[at].mean(axis=0) for x in (cell, steps, drift))
    cell[~at], steps[~at], drift[~at] = np.nan, np.nan, np.nan
    by_item = fit.told(cell)
    by_item[~marked & (facets.severity == "criterion")] = np.nan
    change = fit.told(drift) * (np.nan if facets.drift == "none" else 1.0)
    thresholds = fit.told(steps) * (1.0 if facets.thresholds == "expert" else np.nan)
    return Effects(fit.told(cell.mean(axis=1)), change, by_item, thresholds, criteria)


def _criteria(fit: Fitted, ratings: Ratings, facets: Facets, centre: Floats, middle: Floats) -> ItemParameters:
    """Return the criteria with the `centre` (I, F) of severities and the `middle` (K, F) of thresholds, then the keyed items."""
    model, items, top = fit.model, fit.likelihood.items, ratings.max_marks.tolist()
    first, U = [int(model.mark[4, model.mark[1] == i][0]) for i in range(len(top))], int(model.mark[4].max()) + 1
    columns = np.array([*first, *range(U, U + len(model.keyed))])
    rows = np.zeros((len(columns), items.base.shape[1], len(fit.at.phi)))
    for i, t in enumerate(top):
        for (kind, *at), weights in common_terms(i, t, facets):
            rows[i, : t + 1] += weights[:, None] * model.row(kind, *at)
        rows[i, : t + 1] -= times(t, int(model.lowest[i]), facets)[:, None] * centre[i]
        rows[i, 1:t] += middle[: t - 1]
    for j, u in enumerate(columns[len(top) :].tolist(), start=len(top)):
        rows[j] = [model.row("k", u, f) for f in range(rows.shape[1])]
    free, allowed = items.free[columns], items.allowed[columns]
    values = np.where(free, rows @ fit.at.phi, items.base[columns])
    rows[~free] = 0.0
    return ItemParameters(
        items=(*ratings.items, *model.keyed),
        families=tuple(model.families[u] for u in columns),
        statuses=("calibrated",) * len(columns),
        n_categories=items.n_categories[columns],
        slopes=values[:, :1],
        intercepts=np.where(allowed, np.hstack([np.zeros((len(values), 1)), values[:, 1:]]), np.nan),
        extras=np.zeros((len(values), 0)),
        covariance=rows @ fit.V @ rows.transpose(0, 2, 1),
        population=fit.likelihood.populations(fit.at.phi)[0],
    )


class PersonEstimates(NamedTuple):
    """Points θ (Q,), log posterior (P, Q) up to constants, and the columns `PERSONS` of a calibration (P, 10)."""

    theta: Floats
    log_posterior: Floats
    table: Floats


def persons_of(fit: Fitted, ratings: Ratings, criteria: ItemParameters) -> PersonEstimates:
    """Return what marks say of persons, as they stand and adjusted for severity.

    The last SE adds the error of all estimated parameters to the posterior variance by the delta method: the mean of θ changes with
    a parameter by its covariance with the score. Percents are expected points on all criteria as an expert of mean severity marks.
    """
    of, phi, (person, item, _, mark, column) = fit.likelihood, fit.at.phi, fit.model.mark
    z, log_weight = standard_nodes(fit.at.points)
    variance = float(of.normals(phi)[1][0, 0, 0])
    theta = np.sqrt(variance) * z
    tables = of.tables(phi, theta)
    joint, W, by_entry = _posterior(of, Tables(theta, log_weight, tables.log_prob), tables.derivatives, tables.owner)
    curves, (columns, at) = tables.log_prob.copy(), np.unique(column, return_index=True)
    curves[columns] = log_probabilities(criteria, theta)[item[at]]
    raw = _posterior(of, Tables(theta, log_weight, curves), tables.derivatives[:, :0], tables.owner[:0])[1]
    mean, square = W @ theta, W @ theta**2
    G = np.zeros((len(W), len(phi)))
    G[:, : of.items.size] = by_entry @ np.asarray(of.items.design)[of.items.place[of.items.free]]
    if of.population.free.any():
        G[:, -1] = (W @ theta**3 - mean * square) / (2 * variance**2)
    known = square - mean**2
    se = np.sqrt(known + np.einsum("pn,nm,pm->p", G, fit.V, G))
    marks, points, most = (np.bincount(person, weights=w, minlength=len(W)) for w in (None, mark, ratings.max_marks[item]))
    fair = 100 * expected_scores(criteria.take(range(len(ratings.items))), theta).sum(axis=0) / ratings.max_marks.sum()
    ends = [np.interp(mean + sign * Z95 * se, theta, fair) for sign in (-1, 1)]
    percent = 100 * np.divide(points, most, out=np.full(len(most), np.nan), where=most > 0)
    table = np.stack([marks, percent, raw @ fair, W @ fair, *ends, raw @ theta, mean, np.sqrt(known), se], axis=1)
    return PersonEstimates(theta, joint, table)


def _posterior(of: Marginal, tables: Tables, derivatives: Floats, owner: Ints) -> tuple[Floats, Floats, Floats]:
    """Return log joint and posterior (P, Q), and the covariance of θ with the score by each parameter (P, N) of the items `owner`."""
    answers, terms = of.answers, joint_terms(of.answers, tables)
    joint, W = np.zeros((2, len(answers.codes), len(tables.theta)))
    G = np.zeros((len(W), len(owner)))
    for rows in blocks(len(W), BLOCK):
        part = answers.take(rows)
        joint[rows] = log_joint(part, terms, *indicators(part, slice(None)))
        W[rows] = normalise(joint[rows].copy())[1]
        off, codes = W[rows] * (tables.theta - (W[rows] @ tables.theta)[:, None]), part.coded(-1)[:, owner]
        for k, table in enumerate(derivatives):
            G[rows] += (codes == k) * (off @ table.T)
    return joint, W, G


def scale_use(fit: Fitted, persons: PersonEstimates, R: int) -> Floats:
    """Return infit and outfit of each expert's marks, how spread and how alike across criteria they are, each with its z (R, 6).

    Infit and outfit are means over the posterior of θ. Spread is the SD of marks within criteria over that of marks drawn from the
    model, halo the mean product of standardised residuals of two criteria of a work less that of drawn marks. Marks are drawn, and
    residuals taken, by what all other marks and answers say of θ (a predictive check that the expert's own marks do not soften).
    """
    rng, log_prob = np.random.default_rng(SEED), fit.likelihood.curves(fit.at.phi, persons.theta)
    prob, k = np.exp(log_prob), np.arange(log_prob.shape[1], dtype=np.float64)
    first, second = (np.einsum("k,ikq->iq", power, prob) for power in (k, k**2))
    variance = np.maximum(second - first**2, TINY)
    out = np.full((R, 6), np.nan)
    for r in np.unique(fit.model.mark[2]).tolist():
        person, item, _, mark, column = fit.model.mark[:, fit.model.mark[2] == r]
        (works, p), (columns, u) = (np.unique(x, return_inverse=True) for x in (person, column))
        joint, curves = persons.log_posterior[works], (first[columns], variance[columns])
        W = normalise(joint.copy())[1]
        square, expected, inverse, lifted, bent = (
            (W @ x.T)[p, u] for x in (curves[0] ** 2, curves[0], 1 / curves[1], curves[0] / curves[1], curves[0] ** 2 / curves[1])
        )
        infit = (mark**2 - 2 * mark * expected + square).sum() / (W @ curves[1].T)[p, u].sum()
        outfit = (mark**2 * inverse - 2 * mark * lifted + bent).mean()
        some = np.isin(p, evenly(len(works), WORKS))  # enough for a predictive check
        (works, p), u, item, mark = np.unique(p[some], return_inverse=True), u[some], item[some], mark[some]
        joint = joint[works]
        for n, own in enumerate(columns.tolist()):
            joint[p[u == n]] -= log_prob[own, mark[u == n]]
        others = normalise(joint)[1]
        expected, square = ((others @ x[columns].T)[p, u][:, None] for x in (first, second))
        chances = zip(np.cumsum(others, axis=1), rng.random((len(others), DRAWS)), strict=True)
        q, v = np.stack([np.searchsorted(c, x * c[-1]) for c, x in chances])[p], rng.random((len(mark), DRAWS))
        drawn = np.zeros(v.shape)
        for table in np.cumsum(prob[columns], axis=1)[:, :-1].transpose(1, 0, 2):
            drawn += table[u[:, None], q] < v
        both = np.hstack([mark[:, None], drawn])
        spread, halo = _spread(both, item), _halo((both - expected) / np.sqrt(np.maximum(square - expected**2, TINY)), p)
        z = [(x[0] - x[1:].mean()) / max(float(x[1:].std()), TINY) for x in (spread, halo)]
        out[r] = infit, outfit, spread[0] / max(float(spread[1:].mean()), TINY), z[0], halo[0] - halo[1:].mean(), z[1]
    return out


def _spread(x: Floats, item: Ints) -> Floats:
    """Return the SD of marks (M, N) within criteria (N,)."""
    item, n = np.unique(item, return_inverse=True, return_counts=True)[1:]
    member = (item == np.arange(len(n))[:, None]).astype(np.float64)
    return np.asarray(np.sqrt(np.maximum((member @ x**2 - (member @ x) ** 2 / n[:, None]).sum(axis=0) / len(item), 0.0)))


def _halo(z: Floats, work: Ints) -> Floats:
    """Return the mean product of residuals (M, N) of two marks of a work (N,); NaN where no work has two."""
    order = np.argsort(work, kind="stable")
    first, n = np.unique(work[order], return_index=True, return_counts=True)[1:]
    total = np.add.reduceat(z[order], first, axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(((total**2).sum(axis=0) - (z**2).sum(axis=0)) / (n * (n - 1)).sum())
