"""The statistics of items and of persons: what the other answers of each let expect, and what an item does to conclusions.

Those of an item go by the posterior with its own answer taken back.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from competency_dx.arrays import Bools, Codes, Floats, Ints, blocks, evenly
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration
from competency_dx.competencies import R201, STATES, DeficitRule, bank_impact, diagnose, one_option
from competency_dx.kernels import families
from competency_dx.kernels.persons import solve
from competency_dx.kernels.residual_fit import alike, item_misfit, standardised_parts
from competency_dx.models import ItemParameters, expected_scores, log_probabilities
from competency_dx.persons import EAP, MarginalDensity, Matched, Posterior, posterior_of
from competency_dx.responses import LEAST_ANSWERS, Responses

METHOD = EAP(item_uncertainty="none")
GROUPS, LEAST_GROUP = 10, 20
COLUMNS = ("chi2", "df", "p", "rmsd", "infit", "infit_z", "se_infit", "outfit", "outfit_z", "se_outfit")
FLOOR, DRAWS, ROWS = 1e-200, 256, 64
BLOCK, REACH = 4096, 10.0
COMPARED, LEAST_SAME = 5000, 8  # persons of whom every pair is looked at, items that both answered
TAIL, TRIED = 1e-4, 400  # probability of a person's zeros at the end below which they are called so; persons
SAME = 0.9  # share of one score among the answers to items of several scores
NONE = STATES.index("insufficient_data")


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


def lz_star(part: Part) -> Floats:
    """Return lz* (p,) at MAP estimates, summed up over competencies that share no item; NaN where items measure several."""
    known, out = part.known, np.full(len(part.rows), np.nan)
    for rows in blocks(len(out), BLOCK) if known.between else ():
        total = np.zeros((4, rows.stop - rows.start))
        for d in range(len(known.dimensions)):
            at = np.flatnonzero(known.dimension_index == d)
            of, codes, observed = known.take(at).single(d), part.matched.codes[rows][:, at], part.matched.observed[rows][:, at]
            curves, ends = partial(families.person_curves, of.groups, of.beta, allowed=of.allowed), REACH * np.sqrt(of.variance)
            theta, _ = solve("MAP", curves, codes, observed, (of.mean, of.variance), (of.mean - ends, of.mean + ends))
            total += standardised_parts(curves, codes, observed, theta, (of.mean - theta) / of.variance)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[rows] = total[0] / np.sqrt(total[1])
    return out


def person_statistics(
    parts: Sequence[Part], matched: Matched, prob: Floats, closed: Bools
) -> tuple[Floats, Floats, dict[str, Bools], list[tuple[int, int]]]:
    """Return lz*, infit, flags by name (P,), and pairs who are alike; `prob` (P, I, K) is expected, `closed` columns have options."""
    codes, observed, points = matched.codes, matched.observed, parts[0].known.points
    (P, I), fit = codes.shape, np.empty(len(codes))
    for part in parts:
        fit[part.rows] = lz_star(part)
    mean = np.einsum("pik,ik->pi", prob, points)
    variance, off = np.einsum("pik,ik->pi", prob, points**2) - mean**2, points[np.arange(I), codes.astype(np.int64)] - mean
    with np.errstate(invalid="ignore", divide="ignore"):
        infit = (off**2 * observed).sum(axis=1) / (variance * observed).sum(axis=1)
    one = one_option(matched.data, np.flatnonzero(closed)) | flat(codes, observed, prob)
    dull = one | flat(codes, observed, prob, 0.5)  # as much as explains that their answers agree
    same, pairs = np.zeros(P, dtype=np.bool_), list[tuple[int, int]]()
    if P <= COMPARED and I >= LEAST_SAME:
        for p, q in alike(codes, observed, prob, -np.expm1(np.log(0.95) * 2 / max(P * (P - 1), 2))):
            if (observed[p] & observed[q]).sum() >= LEAST_SAME and not (dull[p] or dull[q]):
                pairs.append((p, q))
        same[np.array(pairs, dtype=np.int64).ravel()] = True
    after = np.cumsum(((codes > 0) & observed)[:, ::-1], axis=1)[:, ::-1]
    zeros = np.where((after == 0) & observed, np.log(np.maximum(prob[:, :, 0], 1e-300)), 0.0).sum(axis=1)
    flags = {"misfit": fit < DeficitRule().misfit, "one_option": one, "alike": same}
    return fit, infit, flags | {"zero_tail": (zeros < np.log(TAIL)) & (after[:, 0] > 0)}, pairs


def flat(codes: Codes, observed: Bools, prob: Floats, share: float = SAME) -> Bools:
    """Return who gave one middle score (P,) to this share of the items of several scores, more often than expected."""
    out = np.zeros(len(codes), dtype=np.bool_)
    top = prob.any(axis=0).sum(axis=1) - 1  # (I,)
    for k in range(1, prob.shape[2] - 1):
        seen = observed & (top > k)
        given, expected, n = ((codes == k) & seen).sum(axis=1), prob[:, :, k] * seen, seen.sum(axis=1)
        spread = np.sqrt((expected * (1 - expected)).sum(axis=1))
        out |= (n >= LEAST_SAME) & (given >= share * n) & (given - expected.sum(axis=1) > -ndtri(TAIL) * spread)
    return out


def changed_states(source: ItemBank | Calibration, data: Responses, parts: Sequence[Part], items: Sequence[str]) -> Iterator[float]:
    """Yield for each item the share of states of persons and competencies that change without it, of at most 400 persons.

    With a bank they are those of `diagnose`; with a calibration, of P(expected share of points on the competency's items below the
    first cut) by the rule of `diagnose`.
    """
    if isinstance(source, ItemBank):
        before = diagnose(data.select(persons=[data.persons[p] for p in evenly(len(data.persons), TRIED)]), source)
        for item in items:
            yield len(bank_impact(before, source.without([item]))) / max(int((before.state != NONE).sum()), 1)
        return
    chosen = [part.matched.rows(evenly(len(part.rows), TRIED // len(parts))) for part in parts]
    asked = [(part.known, m, _cuts(part.known)) for part, m in zip(parts, chosen, strict=True)]
    whole = np.concatenate([_states(*one, "") for one in asked])
    for item in items:
        yield float(np.mean(whole != np.concatenate([_states(*one, item) for one in asked])))


def _cuts(known: ItemParameters) -> Floats:
    """Return θ (D,) at which so many points of the competency's items are expected as the first cut asks for."""
    cuts = np.empty(len(mean := known.population.mean))
    for d, sd in enumerate(np.sqrt(np.diag(known.population.covariance))):
        own, theta = known.loads[:, d], np.tile(mean, (241, 1))
        theta[:, d] += sd * np.linspace(-6, 6, 241)
        score = expected_scores(known, theta if len(mean) > 1 else theta[:, 0])[own].sum(axis=0)
        cuts[d] = np.interp(R201().deficit_cut / 100, score / known.points[own].max(axis=1).sum(), theta[:, d])
    return cuts


def _states(known: ItemParameters, matched: Matched, cuts: Floats, without: str) -> Floats:
    """Return the states (p, D) when an item is set aside."""
    kept = matched.observed & np.array([item != without for item in known.items])
    below = posterior_of(matched._replace(observed=kept), known, METHOD).below(cuts)
    return np.asarray(DeficitRule().state_index(below, np.ones(below.shape, dtype=np.bool_)))
