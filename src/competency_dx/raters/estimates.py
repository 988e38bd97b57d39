"""What a fitted many-facet model says: effects of experts with their errors, how they use the scale, persons adjusted for severity."""

from typing import Any

import numpy as np

from competency_dx.arrays import Z95, Codes, Floats, Ints, blocks, evenly
from competency_dx.kernels.blocks import BLOCK
from competency_dx.kernels.grid import Tables, indicators, joint_terms, log_joint, normalise, standard_nodes
from competency_dx.kernels.grid.louis import Projection, split_scores
from competency_dx.models import ItemParameters, expected_scores, log_probabilities
from competency_dx.raters.facets import Fitted
from competency_dx.raters.rater_calibration import Facets
from competency_dx.raters.ratings import Ratings

WORKS = 400  # of an expert, at most: enough to see habits
TINY, NOTHING = 1e-12, -100.0  # the log of a mass that is none: beyond it products meet slow subnormal numbers
LOOSE, SURE = 0.5, 3.0  # slopes below, z above are of experts on whose marks others are not judged


def effects_of(fit: Fitted, ratings: Ratings, facets: Facets) -> dict[str, Any]:
    """Return the effects of experts, which sum to zero over those with marks (NaN for others), and what criteria are then.

    Severity, drift (R, 2), `by_item` (R, I, 2), `thresholds` (R, K, 2), each with SE, and `parameters`.
    """
    model = fit.model
    marked = np.zeros((len(ratings.experts) + 1, len(model.items)), dtype=np.bool_)
    marked[model.expert, model.of] = True
    marked, cell = marked[:-1, : len(ratings.items)], (model.rows("s") + model.rows("c"))[:, : len(ratings.items)]
    at, all_of = marked.any(axis=1), (cell, model.rows("x"), model.rows("d"))
    means = [x[at].mean(axis=0) for x in all_of]
    cell, steps, drift = (x - mean for x, mean in zip(all_of, means, strict=True))
    for x in (cell, steps, drift):
        x[~at] = np.nan
    return {
        "severity": fit.told(cell.mean(axis=1)),
        "drift": fit.told(drift) * (1.0 if facets.drift != "none" else np.nan),
        "by_item": np.where((marked | (facets.severity != "criterion"))[:, :, None], fit.told(cell), np.nan),
        "thresholds": fit.told(steps[:, 1 : int(ratings.max_marks.max())]) * (1.0 if facets.thresholds == "expert" else np.nan),
        "parameters": _criteria(fit, means[0], means[1]),
    }


def _criteria(fit: Fitted, centre: Floats, middle: Floats) -> ItemParameters:
    """Return the criteria with the `centre` (I, n) of severities and the `middle` (F, n) of thresholds, then the keyed items."""
    model, items, I = fit.model, fit.model.likelihood.items, len(centre)
    first = np.unique(model.of, return_index=True)[1]
    rows, free, allowed = model.common.copy(), items.free[first], items.allowed[first]
    rows[:I] += model.inner[:I, :, None] * middle - model.shift[:I, :, None] * centre[:, None]
    rows[~free] = 0.0
    values = np.where(free, rows @ fit.at.phi, items.base[first])
    return ItemParameters(
        items=model.items,
        families=model.families,
        statuses=("calibrated",) * len(first),
        n_categories=items.n_categories[first],
        slopes=values[:, :1],
        intercepts=np.where(allowed, np.hstack([np.zeros((len(values), 1)), values[:, 1:]]), np.nan),
        extras=np.zeros((len(values), 0)),
        covariance=rows @ fit.V @ rows.transpose(0, 2, 1),
        population=fit.model.likelihood.populations(fit.at.phi)[0],
    )


def persons_of(fit: Fitted, ratings: Ratings, criteria: ItemParameters) -> tuple[tuple[Floats, Floats], Floats]:
    """Return log posteriors up to constants and posteriors of rows of the likelihood, and what is said of persons (P, 10): `PERSONS`.

    The last SE adds the error of all estimated parameters to the posterior variance by the delta method: the mean of θ changes with
    a parameter by its covariance with the score. Percents are expected points on all criteria as an expert of mean severity marks.
    """
    of, phi, theta = fit.model.likelihood, fit.at.phi, fit.at.at.step.theta
    mine, to_phi = np.flatnonzero(fit.model.expert < len(ratings.experts)), of.collector().astype(np.float32)
    log_weight, variance = standard_nodes(len(theta))[1], float(of.normals(phi)[1][0, 0, 0])
    tables = of.tables(phi, theta)
    curves, codes, I = tables.log_prob.copy(), of.answers.coded(-1), len(ratings.items)
    curves[: len(fit.model.of)] = log_probabilities(criteria, theta)[fit.model.of]
    joint, W, raw = (np.zeros((len(codes), len(theta))) for _ in range(3))
    G = np.zeros((len(codes), len(phi)))
    scores = split_scores(tables.derivatives, tables.owner, np.array([[[0.0, 0.5 / variance**2]]]), theta)
    for rows in blocks(len(codes), BLOCK):
        part = of.answers.take(rows)
        Z = indicators(part, slice(None))
        joint[rows], other = (log_joint(part, joint_terms(part, Tables(theta, log_weight, x)), *Z) for x in (tables.log_prob, curves))
        W[rows], raw[rows] = normalise(joint[rows].copy())[1], normalise(other)[1]
        off = (W[rows] * (theta - (W[rows] @ theta)[:, None])).astype(np.float32)  # errors of errors
        G[rows] = Projection(np.ascontiguousarray(codes[rows].T), scores, theta, off.dtype, to_phi)(off)
    mean, known = W @ theta, W @ theta**2 - (W @ theta) ** 2
    se = np.sqrt(known + np.einsum("pn,pn->p", G @ fit.V, G))
    seen, marks = codes[:, mine] >= 0, np.maximum(codes[:, mine], 0)
    points, most = marks.sum(axis=1), seen @ ratings.max_marks[fit.model.of[mine]]
    fair = 100 * expected_scores(criteria.take(range(I)), theta).sum(axis=0) / ratings.max_marks.sum()
    ends = [np.interp(mean + sign * Z95 * se, theta, fair) for sign in (-1, 1)]
    percent = 100 * np.divide(points, most, out=np.full(len(most), np.nan), where=most > 0)
    told = np.stack([seen.sum(axis=1), percent, raw @ fair, W @ fair, *ends, raw @ theta, mean, np.sqrt(known), se], axis=1)
    return (joint, W), told[fit.model.row]


def scale_use(fit: Fitted, by_row: tuple[Floats, Floats], R: int) -> Floats:
    """Return infit and outfit of each expert's marks, how spread and how alike across criteria they are, each with its z (R, 10).

    Infit and outfit are means over the posterior of θ, their z come last. The rest is by what all other marks and answers say of θ (a
    predictive check that own marks do not soften): spread is the SD of marks within criteria over that of the model, halo the mean
    product of standardised residuals of two criteria of a work less that of the model, and the last two are the slope of marks on
    what is expected of the work, 1 by the model and 0 for marks by lot; residuals are from that slope. Of experts whose halo or slope
    is off, the worst first, all marks are left out of what the others are judged by: they would make habits of anybody's marks.
    `by_row` are log posteriors up to constants and posteriors, both of rows of the likelihood.
    """
    model, codes, log_prob, (joint, W) = fit.model, fit.model.answers.coded(-1), fit.at.at.step.log_prob, by_row
    U, prob, k, out = len(model.expert), np.exp(log_prob), np.arange(log_prob.shape[1])[:, None], np.full((R, 10), np.nan)
    first, second = (np.einsum("k,ikq->iq", k[:, 0] ** power, prob)[:U, None] for power in (1, 2))
    variance, n = np.maximum(second - first**2, TINY), fit.at.at.step.totals[:U, None]
    excess = (((k - first) ** 2) ** 2 * prob[:U]).sum(axis=1, keepdims=True) - variance**2
    marks, start = np.maximum(codes[np.argsort(model.row), :U], 0.0), np.unique(np.sort(model.row), return_index=True)[1]
    points, squares = (np.add.reduceat(x, start).T @ W for x in (marks, marks**2))
    square = squares[:, None] - 2 * first * points[:, None] + first**2 * n
    sums = square, square / variance, n * variance, n, n * excess, n * excess / variance**2
    told = np.stack([np.bincount(model.expert, weights=x.sum(axis=(1, 2)), minlength=R)[:R] for x in sums], axis=1)
    with np.errstate(invalid="ignore"):
        out[:, :2], se = told[:, :2] / told[:, 2:4], np.sqrt(told[:, 4:]) / told[:, 2:4]
        out[:, 8:] = 3 * (np.cbrt(out[:, :2]) - 1) / se + se / 3  # a mean square is as skew as chi-square (Wilson & Hilferty 1931)
    experts, apart, others = np.unique(model.expert[model.expert < R]), np.zeros(R + 1, dtype=np.bool_), joint[model.row]
    while True:
        for r in experts.tolist():
            columns = np.flatnonzero(model.expert == r)
            works = np.flatnonzero((codes[:, columns] >= 0).any(axis=1))
            works = works[evenly(len(works), WORKS)]
            x = codes[np.ix_(works, columns)]
            rest = others[works] if apart[r] else _without(others[works], x, log_prob[columns])
            weight = normalise(np.maximum(rest, rest.max(axis=1, keepdims=True) + NOTHING, out=rest))[1]
            out[r, 2:8] = _habits(weight, x, prob[columns], model.of[columns])
        odd = np.fmax(out[:, 5], np.where(out[:, 6] < LOOSE, -out[:, 7], 0.0))
        odd[apart[:-1] | ~np.isfinite(odd)] = 0.0
        if odd.max() <= SURE or 2 * (apart.sum() + 1) > len(experts):
            return out
        apart[odd.argmax()] = True
        columns = np.flatnonzero(model.expert == odd.argmax())
        others = _without(others, codes[:, columns], log_prob[columns])


def _without(log_posterior: Floats, x: Codes, log_prob: Floats) -> Floats:
    """Return log posteriors (P, Q) without marks x (P, C) of which -1 is none, whose log probabilities are (C, K, Q)."""
    given = (x[:, :, None] == np.arange(log_prob.shape[1])).reshape(len(x), -1)
    return np.asarray(log_posterior - given.astype(np.float64) @ log_prob.reshape(-1, log_prob.shape[2]))


def _habits(W: Floats, x: Codes, prob: Floats, item: Ints) -> tuple[float, ...]:
    """Return spread, halo and slope with their z of marks (P, C), -1 where there is none, for posteriors (P, Q) given other marks."""
    (P, C), k, seen, c = x.shape, np.arange(prob.shape[1]), x >= 0, np.arange(x.shape[1])
    first = np.einsum("k,ckq->cq", k, prob)
    products = first[:, None] * first
    products[c, c] = np.einsum("k,ckq->cq", k**2, prob)
    mean, V = np.split(W @ np.vstack([first, products.reshape(C * C, -1)]).T, [C], axis=1)
    V = (V.reshape(P, C, C) - mean[:, :, None] * mean[:, None]) * (seen[:, :, None] & seen[:, None])
    variance, e = np.where(seen, np.maximum(V[:, c, c], TINY), 0.0), np.where(seen, x - mean, 0.0)
    V[:, c, c] = variance
    at = np.unique(item, return_inverse=True)[1]
    n, total, expected, spread = (np.bincount(at, weights=(seen * y).sum(axis=0)) for y in (1.0, x, mean, variance))
    n = np.maximum(n, 1.0)
    level, middle, share = (total / n)[at], (expected / n)[at], (1 - 1 / n)[at]
    within = (seen * (x - level) ** 2).sum()
    known = (seen * ((mean - middle) ** 2 + variance * share)).sum()
    off, alone = (k - middle[:, None]) ** 2, seen.astype(np.float64)
    first, second = (np.einsum("ck,ckq->cq", off**power, prob) for power in (1, 2))
    weighted = W * (both := alone @ first)
    squares = np.vdot(weighted, both) + (alone.T @ W * (second - first**2)).sum() - (weighted.sum(axis=1) ** 2).sum()
    z = (within - known) / np.sqrt(squares + 2 * ((spread / n) ** 2).sum())  # the mean of a criterion varies too
    sd = np.sqrt(np.where(seen, variance, 1.0))
    lift = np.where(seen, mean - middle, 0.0)
    slope = (e * lift).sum() / max(float((lift**2).sum()), TINY)
    z_slope = (e * lift).sum() / np.sqrt(max(float(np.einsum("pa,pab,pb->", lift, V, lift)), TINY))
    R, u = V / (sd[:, :, None] * sd[:, None]), (e - slope * lift) / sd
    pairs, shared = (seen.sum(axis=1) * (seen.sum(axis=1) - 1)).sum() or np.nan, R.sum(axis=1, keepdims=True) - R
    alike = (u.sum(axis=1) ** 2 - (u**2).sum(axis=1)).sum() - (R.sum(axis=(1, 2)) - seen.sum(axis=1)).sum()
    with np.errstate(invalid="ignore", divide="ignore"):  # sums of products are skew: as of chi-square (Wilson & Hilferty 1931)
        second, third = 2 * np.einsum("pab,pba->", shared, shared), 8 * np.einsum("pab,pab->", shared @ shared, shared.swapaxes(1, 2))
        f, halo = np.maximum(third**2 / (36 * second**3), TINY), alike / pairs
        z_halo = (np.maximum(1 + 3 * np.sqrt(f / second) * alike, 0) ** (1 / 3) - 1 + f) / np.sqrt(f)
        return np.sqrt(within / known), z, halo, z_halo, 1 + slope, z_slope
