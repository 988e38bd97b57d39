"""What the posterior of each reporting unit says of each person: θ, percent with its interval, probabilities, reliability."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, blocks
from competency_dx.competencies import gate
from competency_dx.competencies.percent import PercentCurve, quantile
from competency_dx.competencies.percent_given_answers import (
    Informed,
    percent_moments,
    percent_quantile,
    probability_below,
)
from competency_dx.competencies.plan import Plan
from competency_dx.competencies.rule import DeficitRule
from competency_dx.persons import Matched, filled_table, posterior_on

BLOCK = 128


class UnitEstimates(NamedTuple):
    """Arrays (P, C) of what the posteriors of all units say."""

    theta: Floats
    se: Floats
    percent: Floats
    percent_low: Floats
    percent_high: Floats
    p_deficit: Floats
    p_strength: Floats
    reliability: Floats
    n_items: Ints


class Percent(NamedTuple):
    """Percent of some persons (n,): mean, interval, P(below the lowest cut), P(above the highest)."""

    percent: Floats
    percent_low: Floats
    percent_high: Floats
    p_deficit: Floats
    p_strength: Floats


def estimates(matched: Matched, made: Plan, rule: DeficitRule) -> UnitEstimates:
    """Return what the posterior of each unit says of each person."""
    P, C = len(matched.codes), len(made.units.competencies)
    out = UnitEstimates(*(np.empty((P, C), dtype=np.int64 if f == "n_items" else float) for f in UnitEstimates._fields))
    weight = np.exp(made.grid.log_weight)
    for c, member in enumerate(made.units.member):
        observed = matched.observed[:, member]
        out.n_items[:, c] = observed.sum(axis=1)
        out.reliability[:, c] = _reliability(observed, made.information[member], made.grid.theta, weight)
        _fill(out, c, matched, made, rule)
    return out


def _reliability(observed: Bools, information: Floats, theta: Floats, weight: Floats) -> Floats:
    """Return the marginal reliability of the answered items (P,), one evaluation for each distinct set."""
    patterns, group = np.unique(observed, axis=0, return_inverse=True)
    out = np.empty(len(patterns))
    for block in blocks(len(patterns), BLOCK):
        table = filled_table(patterns[block], BLOCK).astype(float) @ information
        out[block] = gate.marginal_reliability(table, theta, weight)[: block.stop - block.start]
    return out[group.ravel()]


def _fill(out: UnitEstimates, c: int, matched: Matched, made: Plan, rule: DeficitRule) -> None:
    """Fill column `c` of the estimates from the posteriors of one unit."""
    member, grid, informed = made.units.member[c], made.grid, made.informed[c]
    part = matched._replace(codes=matched.codes[:, member], observed=matched.observed[:, member])
    powers = np.column_stack([grid.theta, grid.theta**2])
    tail, lowest, highest = (1 - rule.interval) / 2, made.standards.deficit_cut, made.standards.strength_cut

    def one(block: slice, posterior: Floats, _: Floats) -> None:
        n = block.stop - block.start
        posterior /= posterior.sum(axis=1)[:, None]
        moments = (posterior @ powers)[:n]
        out.theta[block, c] = moments[:, 0]
        out.se[block, c] = np.sqrt(np.maximum(moments[:, 1] - moments[:, 0] ** 2, 0.0))
        if informed is None:
            found = _certain(posterior, made.curves[c], tail)
        else:
            found = _informed(posterior, informed, matched, block, (lowest, highest, tail))
        for name, values in found._asdict().items():
            getattr(out, name)[block, c] = values[:n]

    posterior_on(part, made.parameters.n_categories[member], grid.take(member)).each(one, size=BLOCK)


def _certain(posterior: Floats, curve: PercentCurve, tail: float) -> Percent:
    """Return the percent where D(θ) is the same for all persons."""
    linear = posterior @ np.column_stack([curve.mean, curve.below[:, 0], 1 - curve.below[:, -1]])
    cumulative = posterior @ curve.cumulative
    return Percent(
        linear[:, 0],
        quantile(curve.levels, cumulative, tail),
        quantile(curve.levels, cumulative, 1 - tail),
        np.clip(linear[:, 1], 0.0, 1.0),
        np.clip(linear[:, 2], 0.0, 1.0),
    )


def _informed(
    posterior: Floats, informed: Informed, matched: Matched, block: slice, bounds: tuple[float, float, float]
) -> Percent:
    """Return the percent where the answers tell of uncertain items too; `bounds` are the outer cuts and the tail."""
    lowest, highest, tail = bounds
    codes, observed = filled_table(matched.codes[block], BLOCK), filled_table(matched.observed[block], BLOCK)
    mean, sd = percent_moments(informed, codes, observed)
    n = block.stop - block.start
    posterior, mean, sd = posterior[:n], mean[:n], sd[:n]
    return Percent(
        np.einsum("pq,pq->p", posterior, mean),
        percent_quantile(posterior, mean, sd, tail),
        percent_quantile(posterior, mean, sd, 1 - tail),
        probability_below(posterior, mean, sd, lowest),
        1 - probability_below(posterior, mean, sd, highest),
    )
