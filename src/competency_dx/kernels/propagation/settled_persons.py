"""Persons settled from scratch under one or several populations, with the same digits for each in any company."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints, T, blocks
from competency_dx.kernels.blocks import at_least_two, even_product, map_pieces
from competency_dx.kernels.propagation import Block, Settled, Sites, SweepControl, lowest_precision, settle, single_sites

POSTERIOR_BLOCK = 256
EVEN = SweepControl(even=True)
NOBODY = -1


class PossibleAnswers(NamedTuple):
    """The M possible answers to the items of D dimensions, filled up: `item`, `category` (D, M); `place` (I, K) among the D M."""

    item: Ints
    category: Ints
    place: Ints

    def chosen(self, codes: Codes, observed: Bools) -> Floats:
        """Return indicators (D, p, M) of the answers (p, I) that were given."""
        given = (codes[:, self.item] == self.category) & observed[:, self.item]
        return np.ascontiguousarray(given.transpose(1, 0, 2), dtype=np.float64)

    def stacked(self, values: Floats, item: Ints, category: Ints) -> Floats:
        """Return values (N, …) of the N possible answers as (D, M, …), 0 where nobody answers."""
        out = np.zeros((self.item.size, *values.shape[1:]))
        out[self.place[item, category]] = values
        return out.reshape(*self.item.shape, *values.shape[1:])


def possible_answers(dimension: Ints, n_categories: Ints) -> PossibleAnswers:
    """Return the possible answers to items (I,) with so many categories, each measuring one of the dimensions 0 … D - 1."""
    item, category = np.nonzero(np.arange(n_categories.max()) < n_categories[:, None])
    order = np.argsort(dimension[item], kind="stable")
    item, category = item[order], category[order]
    of, D = dimension[item], int(dimension.max()) + 1
    n = np.bincount(of, minlength=D)
    column, M = np.arange(len(of)) - (np.cumsum(n) - n)[of], int(n.max())
    place, (of_item, of_category) = (np.zeros((len(dimension), category.max() + 1), dtype=np.int64), np.full((2, D, M), NOBODY))
    place[item, category] = of * M + column
    of_item[of, column], of_category[of, column] = item, category
    return PossibleAnswers(of_item, of_category, place)


class EvenModel(NamedTuple):
    """What persons are settled under: curves log P (D, M, Q) of the possible answers on a uniform grid θ (Q,), populations.

    A population is one of H with mean (D,), covariances (H, D, D) and prior weights log_weight (H,); `floor` (H,) are the lowest
    precisions of sites under each, `touched` (D, I) says which items measure a dimension.
    """

    theta: Floats
    answers: PossibleAnswers
    log_prob: Floats
    mean: Floats
    covariances: Floats
    log_weight: Floats
    floor: Floats
    touched: Floats


def even_model(items: tuple[Ints, Ints], curves: tuple[Floats, Floats], populations: tuple[Floats, Floats, Floats]) -> EvenModel:
    """Return the model of items with so many categories, each measuring one dimension (I,).

    `curves` are points θ (Q,) and log-probabilities (I, K, Q), `populations` the mean (D,), covariances (H, D, D) and log prior
    weights (H,).
    """
    (n_categories, dimension), (theta, log_prob), (mean, covariances, log_weight) = items, curves, populations
    answers = possible_answers(dimension, n_categories)
    item, category = np.nonzero(np.arange(n_categories.max()) < n_categories[:, None])
    touched = (dimension == np.arange(len(mean))[:, None]).astype(np.float64)
    stacked = answers.stacked(log_prob[item, category], item, category)
    return EvenModel(theta, answers, stacked, mean, covariances, log_weight, lowest_precision(covariances), touched)


class Mixture(NamedTuple):
    """Persons settled under each of H populations, the posterior weight (H, p) of these, and who they are: rows (p,)."""

    parts: tuple[Settled, ...]
    weight: Floats
    rows: Ints

    def average(self, each: Callable[[Settled], Floats]) -> Floats:
        """Return the average over the populations of an array whose last axis runs over persons."""
        total: Floats = each(self.parts[0]) * self.weight[0]
        for part, weight in zip(self.parts[1:], self.weight[1:], strict=True):
            total += each(part) * weight
        return total

    def joined(self) -> Settled:
        """Return the mixture's tilted marginals, moments, average sites and evidence; one population stays as it is."""
        first = self.parts[0]
        if len(self.parts) == 1:
            return first
        mean = self.average(lambda part: part.mean)

        def spread(part: Settled) -> Floats:
            off = part.mean - mean
            return np.asarray(part.covariance + off[:, None] * off)

        covariance = self.average(spread)
        sites = Sites(self.average(lambda part: part.sites.tau), self.average(lambda part: part.sites.nu))
        evidence = np.logaddexp.reduce([part.evidence + np.log(w) for part, w in zip(self.parts, self.weight, strict=True)])
        k = np.arange(len(mean))
        settled = np.logical_and.reduce([part.settled for part in self.parts])
        return Settled(self.average(lambda part: part.tilted), mean, covariance, sites, evidence, covariance[k, k], settled)


def settled_blocks(
    model: EvenModel, given: tuple[Codes, Bools], function: Callable[[Mixture], T], *, control: SweepControl, executor: Executor | None
) -> Iterator[T]:
    """Yield a function of each `POSTERIOR_BLOCK` of settled persons; `given` are categories and mask (P, I). Each stops by itself."""
    codes, observed = given
    persons = (at_least_two(np.arange(block.start, block.stop)) for block in blocks(len(codes), POSTERIOR_BLOCK))
    pieces = ((rows, codes[rows], observed[rows]) for rows in persons)
    return map_pieces(partial(_settled, model, control, function), pieces, executor=executor)


def _settled(model: EvenModel, control: SweepControl, function: Callable[[Mixture], T], piece: tuple[Ints, Codes, Bools]) -> T:
    rows, codes, observed = piece
    H, p = len(model.floor), len(rows)
    log_likelihood = even_product(model.answers.chosen(codes, observed), model.log_prob)
    mean, covariance = np.repeat(model.mean[:, None], H * p, axis=1), np.repeat(model.covariances.transpose(1, 2, 0), p, axis=2)
    floor, answered = np.repeat(model.floor, p), np.tile(model.touched @ observed.T > 0, H)
    several = Block(model.theta, np.ascontiguousarray(log_likelihood.transpose(0, 2, 1)), mean, covariance, floor, answered)
    alone = several._replace(mean=mean[:, :p], covariance=covariance[:, :, :p], floor=floor[:p], answered=answered[:, :p])
    start = single_sites(alone, even=control.even)
    found = settle(several, Sites(np.tile(start.tau, H), np.tile(start.nu, H)), control)
    parts = [found.take(slice(h * p, (h + 1) * p)) for h in range(H)] if H > 1 else [found]
    log_posterior = model.log_weight[:, None] + np.stack([part.evidence for part in parts])
    weight = np.exp(log_posterior - log_posterior.max(axis=0))
    return function(Mixture(tuple(parts), weight / weight.sum(axis=0), rows))
