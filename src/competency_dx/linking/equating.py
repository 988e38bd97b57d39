"""`equate`: true or observed scores of a new form on an old one (Kolen & Brennan 2014, ch. 6; errors: Ogasawara 2001, 2003)."""

from typing import Literal

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration
from competency_dx.errors import LinkingError, checked
from competency_dx.kernels.persons import sum_score_likelihood
from competency_dx.linking.api import DEFAULT_METHOD, Without, alike, scale_of, steps_between
from competency_dx.linking.choices import Constants, LinkMethod, curve_gradients
from competency_dx.linking.links import Equivalents
from competency_dx.models import ItemParameters, expected_scores, log_probabilities
from competency_dx.result import provenance

BISECTIONS, FARTHEST, POINTS, STEP = 70, 60.0, 30, 1e-5
WithGradients = tuple[Floats, Floats, Floats, Floats]
"""Points on the old form for 0 … S on the new one, with ∂ by A and B (S + 1, 2) and by items, new and old (S + 1, I, F)."""


@checked(LinkingError)
def equate(
    new: ItemBank | Calibration,
    old: ItemBank | Calibration,
    *,
    scores: Literal["true", "observed"] = "true",
    weight: float = 0.5,
    method: LinkMethod = DEFAULT_METHOD,
    without: Without = (),
    competency: str = "",
) -> Equivalents:
    """Turn points of the new form into points of the old one, by the curves of all items of both on the scale of the old.

    Standard errors are from the errors of all item parameters through the curves and through the link. Raises `LinkingError` as
    `link` does, or when `scores` or `weight` are none.

    Parameters
    ----------
    new, old : Each with the items of its form.
    scores : Points expected at the θ where so many are expected on the new form; or points of the same percentile rank.
    weight : Of observed scores: the share of the new population among those whose ranks are taken.
    method, without, competency
        As in `link`.
    """
    if scores not in {"true", "observed"} or not 0 <= weight <= 1:
        raise LinkingError("linking.scores", scores=scores, weight=weight)
    here, there = scales = alike([scale_of(new, competency), scale_of(old, competency)])
    (linked,) = steps_between(scales, method, without)
    at = linked.slope, linked.intercept
    found = true_scores(here.items, there.items, at) if scores == "true" else observed_scores(here.items, there.items, at, weight)
    y, by_constants, *sides = found
    variance = np.zeros((len(y), len(y)))
    for scale, side, rows, gradient in zip((here, there), sides, linked.rows, linked.gradients, strict=True):
        side[:, rows] += np.tensordot(by_constants, gradient, 1)
        variance += scale.errors.variance(side)
    settings = {"method": type(method).__name__, "scores": scores, "weight": str(weight)}
    settings |= {"without": "drifted" if without == "drifted" else ", ".join(without) or "none"}
    settings |= {"competency": competency} if competency else {}
    return Equivalents(
        scores=scores,
        method=settings["method"],
        highest=int((there.items.n_categories - 1).sum()),
        equivalent=y,
        se=np.sqrt(np.maximum(np.diag(variance), 0.0)),
        provenance=provenance("equate", {"new": here.digest, "old": there.digest}, settings),
    )


def true_scores(new: ItemParameters, old: ItemParameters, at: Constants) -> WithGradients:
    """Return equivalents by true scores; below the sum of lower asymptotes, where no θ has so few points, on the line to zero."""
    points = np.arange((new.n_categories - 1).sum() + 1.0)
    guessed, old_guessed = (float(x.asymptotes[:, 0].sum()) for x in (new, old))
    inside = (points > guessed) & (points < points[-1])
    low, high = np.full((2, len(points)), FARTHEST) * [[-1], [1]]
    for _ in range(BISECTIONS):
        below = expected_scores(new, middle := (low + high) / 2).sum(axis=0) < points
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    both = (new, u := np.where(inside, low, 0.0)), (old, at[0] * u + at[1])
    steep = [(expected_scores(x, t + STEP) - expected_scores(x, t - STEP)).sum(axis=0) / (2 * STEP) for x, t in both]
    by_new, by_old = (np.einsum("ifkq,ik,q->qif", curve_gradients(x, t), x.points, inside) for x, t in both)
    back = -at[0] * steep[1] / np.where(inside, steep[0], 1.0)
    ends = np.where(points == points[-1], (old.n_categories - 1).sum(), points * old_guessed / max(guessed, 1e-9))
    y = np.where(inside, expected_scores(*both[1]).sum(axis=0), ends)
    return y, (inside * steep[1])[:, None] * np.stack([u, np.ones(len(u))], axis=1), back[:, None, None] * by_new, by_old


def observed_scores(new: ItemParameters, old: ItemParameters, at: Constants, weight: float) -> WithGradients:
    """Return equivalents by percentile ranks in one population, `weight` of it new and the rest old."""
    x, w = np.polynomial.hermite_e.hermegauss(POINTS)
    w = np.concatenate([weight * w, (1 - weight) * w]) / w.sum()
    mine, theirs = (form.mean + np.sqrt(form.variance) * x for form in (new, old))

    def sides(A: float, B: float) -> tuple[tuple[ItemParameters, Floats], ...]:
        """Return both forms, each with the points of the whole population on its scale."""
        return (new, np.concatenate([mine, (theirs - B) / A])), (old, np.concatenate([A * mine + B, theirs]))

    def shares(A: float, B: float) -> list[Floats]:
        """Return the shares (S + 1,) of persons with each sum of points on both forms."""
        return [sum_score_likelihood(np.exp(log_probabilities(f, t)), f.n_categories) @ w for f, t in sides(A, B)]

    here, there = shares(*at)
    place, part = equipercentile(here, there)
    own = np.eye(len(there))[place]
    by_shares = [np.tri(len(here), k=-1) + np.eye(len(here)) / 2, -((np.arange(len(there)) < place[:, None]) + part[:, None] * own)]
    by_shares = [m / there[place][:, None] for m in by_shares]
    ends = [[shares(at[0] + s * a, at[1] + s * b) for s in (STEP, -STEP)] for a, b in ((1, 0), (0, 1))]
    by_constants = [sum(m @ (x - y) for m, x, y in zip(by_shares, *pair, strict=True)) / (2 * STEP) for pair in ends]
    items = [np.tensordot(m, share_gradients(f, t, w), 1) for m, (f, t) in zip(by_shares, sides(*at), strict=True)]
    return place - 0.5 + part, np.stack(by_constants, axis=1), items[0], items[1]


def equipercentile(here: Floats, there: Floats) -> tuple[Ints, Floats]:
    """Return where each of 0 … S has its percentile rank among other shares: the points, and how far from half a point below them."""
    rank, total = np.cumsum(here) - here / 2, np.append(0.0, np.cumsum(there))
    place = np.clip(np.searchsorted(total[1:], rank, side="right"), 0, len(there) - 1)
    return place, (rank - total[place]) / there[place]


def share_gradients(form: ItemParameters, theta: Floats, w: Floats) -> Floats:
    """Return ∂ shares of persons with each sum of points by the parameters of a form (S + 1, I, F), at points of weight w."""
    prob, by = np.exp(log_probabilities(form, theta)), curve_gradients(form, theta)
    out = np.zeros((int((form.n_categories - 1).sum()) + 1, *form.beta.shape))
    for i, K in enumerate(form.n_categories):
        others = np.arange(len(prob)) != i
        rest = sum_score_likelihood(prob[others], form.n_categories[others]) * w
        for k in range(K):
            out[k : k + len(rest), i] += rest @ by[i, :, k].T
    return out
