"""Estimates of persons with one set of item parameters and one population: values, errors, counts, statuses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints
from competency_dx.errors import ScoringError
from competency_dx.findings import Finding
from competency_dx.kernels.blocks import map_blocks
from competency_dx.kernels.grid.e_step import prepare
from competency_dx.kernels.persons.summaries import summarise
from competency_dx.models import ItemParameters
from competency_dx.persons import EAP, MAP, ML, WLE, Matched, Method, SumScore, scoring_grid, uncertain_items
from competency_dx.provenance import digest_arrays, digest_text
from competency_dx.scoring.findings import END_OF_GRID
from competency_dx.scoring.point_scores import point_estimates, reach_of
from competency_dx.scoring.several_dimensions import joint_estimates
from competency_dx.scoring.shared_errors import Shared, shared_variance
from competency_dx.scoring.sum_scores import sum_score_estimates

END_MASS = 1e-4
EDGE = 1e-6
BLOCK = 32_768


class Estimates(NamedTuple):
    """Estimates (P, D), covariances (P, D, D), answers that count and statuses (P, D), digest of the answers."""

    theta: Floats
    covariance: Floats
    n_items: Ints
    status: NDArray[np.int8]
    digest: str


def estimates(
    matched: Matched, known: ItemParameters, method: Method, shared: Shared | None = None
) -> tuple[Estimates, tuple[Finding, ...]]:
    """Return the estimates of all persons, with what is to be said of them; `shared` are errors that items have in common."""
    if method.item_uncertainty == "all" and np.isnan(known.covariance).any():
        raise ScoringError(
            'item_uncertainty="all" needs standard errors of the item parameters, and these parameters have none; calibrate by '
            'MarginalML(), or take item_uncertainty="none"'
        )
    digest = digest_arrays(matched.codes, np.packbits(matched.observed))
    if len(known.dimensions) > 1:
        return _on_several(matched, known, method)._replace(digest=digest), ()
    theta, se, notes = _on_one(matched, known, method, shared)
    sums = _sums(matched, known)
    status = _status(sums)
    if not isinstance(method, EAP | SumScore):
        status = _at_bounds(status, theta, known, reach_of(type(method).__name__))
    return Estimates(theta[:, None], (se**2)[:, None, None], sums.n_items[:, None], status[:, None], digest), notes


def joined(parts: list[Estimates], rows: list[Ints | None]) -> Estimates:
    """Return estimates of parts of the persons as one, in the persons' order."""
    order = np.argsort(np.concatenate([r for r in rows if r is not None]), kind="stable")
    theta, covariance, n_items, status = (np.concatenate(each)[order] for each in list(zip(*parts, strict=True))[:4])
    return Estimates(theta, covariance, n_items, status, digest_text(" ".join(part.digest for part in parts)))


def _on_several(matched: Matched, known: ItemParameters, method: Method) -> Estimates:
    """Return joint estimates; counts and statuses are those of each competency."""
    found = joint_estimates(matched, known, method)
    D = len(known.dimensions)
    sums = [_sums(matched, known, np.flatnonzero(known.loads[:, d])) for d in range(D)]
    status = np.stack([_status(s) for s in sums], axis=1)
    status = np.where((status == 0) & found.on_bound, np.where(found.theta > known.population.mean, 2, 1), status)
    n_items = np.stack([s.n_items for s in sums], axis=1)
    return Estimates(found.theta, found.covariance, n_items, status.astype(np.int8), "")


def _on_one(
    matched: Matched, known: ItemParameters, method: Method, shared: Shared | None
) -> tuple[Floats, Floats, tuple[Finding, ...]]:
    if isinstance(method, MAP | ML | WLE):
        uncertain = uncertain_items(known, method.item_uncertainty)
        theta, se = point_estimates(matched, known, type(method).__name__, uncertain)
        return theta, se, ()
    grid = scoring_grid(known, method.points, method.item_uncertainty)
    if isinstance(method, SumScore):
        theta, se = sum_score_estimates(matched, known, grid)
        return theta, se, ()
    answers = prepare(matched.codes, matched.observed, known.n_categories)
    found = summarise(answers, grid, method.executor)
    sd = found.sd
    if shared is not None:
        sd = np.sqrt(sd**2 + shared_variance(answers, grid, known, shared))
    return found.mean, sd, _end_note(matched, found.end_mass)


class _Sums(NamedTuple):
    """Answers that count, points earned and points possible of every person (P,)."""

    n_items: Ints
    earned: Ints
    possible: Ints


def _sums(matched: Matched, known: ItemParameters, items: Ints | None = None) -> _Sums:
    """Return the sums of every person over some items (all when None), in blocks over the cores."""
    codes = matched.codes if items is None else matched.codes[:, items]
    observed = matched.observed if items is None else matched.observed[:, items]
    top = (known.n_categories if items is None else known.n_categories[items]) - 1
    least, higher = int(top.min()), [(int(p), np.flatnonzero(top == p)) for p in np.unique(top)[1:]]
    n, earned, possible = np.empty((3, len(codes)), dtype=np.int64)

    def one(block: slice) -> None:
        seen = observed[block]
        n[block] = seen.sum(axis=1, dtype=np.int32)
        earned[block] = codes[block].sum(axis=1, dtype=np.int32)
        possible[block] = least * n[block]
        for points, some in higher:
            possible[block] += (points - least) * seen[:, some].sum(axis=1, dtype=np.int32)

    for _ in map_blocks(one, len(n), size=BLOCK):
        pass
    return _Sums(n, earned, possible)


def _status(sums: _Sums) -> NDArray[np.int8]:
    """Return the index into `STATUSES` of every person (P,)."""
    return np.select([sums.n_items == 0, sums.earned == 0, sums.earned == sums.possible], [3, 1, 2], 0).astype(np.int8)


def _at_bounds(status: NDArray[np.int8], theta: Floats, known: ItemParameters, reach: float) -> NDArray[np.int8]:
    """Return the statuses with estimates on a bound of the scale marked as extreme, whatever the points."""
    sd = float(np.sqrt(known.variance))
    far = (theta - known.mean) / (reach * sd)
    edge = np.where(far > 1 - EDGE, 2, np.where(far < EDGE - 1, 1, status))
    return np.where(status == 3, status, edge).astype(np.int8)


def _end_note(matched: Matched, end_mass: Floats) -> tuple[Finding, ...]:
    far = np.flatnonzero(end_mass > END_MASS)
    return END_OF_GRID.about(matched.data.persons[p] for p in far)
