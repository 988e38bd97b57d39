"""The statistics of items given the other answers of each person: the posterior with the item's own answer taken back."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints, blocks
from competency_dx.calibration import Calibration
from competency_dx.kernels import families
from competency_dx.kernels.residual_fit import item_misfit
from competency_dx.models import ItemParameters, log_probabilities
from competency_dx.persons import EAP, MarginalDensity, Matched, Posterior, posterior_of
from competency_dx.responses import LEAST_ANSWERS

METHOD = EAP(item_uncertainty="none")
GROUPS, LEAST_GROUP = 10, 20
COLUMNS = ("chi2", "df", "p", "rmsd", "infit", "infit_z", "se_infit", "outfit", "outfit_z", "se_outfit")
FLOOR, DRAWS, ROWS = 1e-200, 256, 64


class Part(NamedTuple):
    """Persons of one population: their rows (p,) in the table, their answers, the parameters that hold for them, their posterior."""

    rows: Ints
    matched: Matched
    known: ItemParameters
    posterior: Posterior

    @classmethod
    def of(cls, rows: Ints, matched: Matched, known: ItemParameters) -> "Part":
        """Return the persons with their posterior, which all statistics ask."""
        return cls(rows, matched, known, posterior_of(matched, known, METHOD))


def free_columns(calibration: Calibration, known: ItemParameters) -> list[Ints]:
    """Return the columns of its slope, intercepts and extras that the answers gave to each item by itself."""
    table, D = calibration.table, len(known.dimensions)
    names = np.array(calibration.parameters.items, dtype=object)[table.item]
    column = np.where(table.column < D, 0, table.column - D + 1) if known.between else table.column
    return [np.unique(column[table.of_items & ~table.shared & (names == item)]) for item in known.items]


def item_statistics(parts: Sequence[Part], free: list[Ints] | None) -> tuple[dict[str, Any], Floats, Floats]:
    """Return statistics by name (I,), groups (I, 4, G), expected probabilities (P, I, K); without `free` errors of parameters count."""
    known = parts[0].known
    P, I, K = sum(len(part.rows) for part in parts), len(known.items), known.intercepts.shape[1]
    out, groups, prob = np.full((len(COLUMNS), I), np.nan), np.full((I, 4, GROUPS), np.nan), np.zeros((P, I, K))
    covariance = (known.single() if known.between else known).covariance
    for pieces in zip(*(_expected(part) for part in parts), strict=True):
        item, k = pieces[0][0], int(known.n_categories[pieces[0][0]])
        seen = [part.matched.observed[:, item] for part in parts]
        who = np.concatenate([part.rows[s] for part, s in zip(parts, seen, strict=True)])
        x = np.concatenate([part.matched.codes[s, item] for part, s in zip(parts, seen, strict=True)]).astype(np.int64)
        found = np.concatenate([expected for _, expected in pieces])  # (n, 1 + F, K)
        prob[who, item] = found[:, 0]
        if len(who) < LEAST_ANSWERS:
            continue
        slope, points = found[:, 1:, :k].transpose(0, 2, 1), known.points[item, :k]
        own, elsewhere = (slope, covariance[item]) if free is None else (slope[:, :, free[item]], None)
        order = np.argsort(np.round(found[:, 0, :k] @ points, 9), kind="stable")  # ties are broken by no rounding error
        like = np.argsort(order) * max(1, min(GROUPS, len(who) // LEAST_GROUP)) // len(who)  # groups of equal size by expectation
        out[:, item], shown = item_misfit(found[:, 0, :k], own, x, points, like, elsewhere)
        groups[item, :, : shown.shape[1]] = shown
    return dict(zip(COLUMNS, out, strict=True)), groups, prob


def _expected(part: Part) -> Iterator[tuple[int, Floats]]:
    """Yield items with π and its derivatives (n, 1 + F, K), given the other answers, for those who answered them."""
    matched, known = part.matched, part.known
    if not known.between:
        yield from _by_draws(part)
        return
    single = known.single()
    for d in range(len(known.dimensions)):
        held: list[tuple[int, MarginalDensity]] = []
        part.posterior.marginals(d, lambda block, marginal, held=held: held.append((block.start, marginal)))  # type: ignore[misc]
        density = np.concatenate([marginal.log_density for _, marginal in sorted(held, key=lambda pair: pair[0])])
        weight = np.exp(density - density.max(axis=1, keepdims=True))
        at, theta = np.flatnonzero(known.dimension_index == d), held[0][1].theta[0]
        tables = _tables(single.take(at), theta)
        for i, item in enumerate(at.tolist()):
            who = np.flatnonzero(matched.observed[:, item])
            rest = np.where(weight[who] > FLOOR, weight[who] / np.maximum(tables[i, 0], FLOOR)[matched.codes[who, item]], 0.0)
            expected = rest @ tables[i].reshape(-1, len(theta)).T / rest.sum(axis=1, keepdims=True)
            yield item, expected.reshape(len(who), *tables.shape[1:3])


def _tables(known: ItemParameters, theta: Floats) -> Floats:
    """Return probabilities and their derivatives by the parameters (I, 1 + F, K, Q)."""
    log_prob = log_probabilities(known, theta)
    prob = np.exp(log_prob)[:, None]
    return np.concatenate([prob, prob * families.derivatives(known.groups, known.beta, log_prob, theta, known.allowed)], axis=1)


def _by_draws(part: Part) -> Iterator[tuple[int, Floats]]:
    matched, draws, (P, I), pieces = part.matched, part.posterior.draws(DRAWS), part.matched.codes.shape, []
    for rows in blocks(P, ROWS):
        tables = _tables(part.known, draws[rows].reshape(-1, draws.shape[2]))
        tables = tables.reshape(*tables.shape[:3], -1, DRAWS)
        own = np.take_along_axis(tables[:, 0], matched.codes[rows].T[:, None, :, None].astype(np.int64), axis=1)[:, 0]
        rest = 1 / np.maximum(own, FLOOR)
        pieces.append(np.einsum("ifkpn,ipn->ipfk", tables, rest / rest.sum(axis=2, keepdims=True)))
    whole = np.concatenate(pieces, axis=1)
    for i in range(I):
        yield i, whole[i, matched.observed[:, i]]
