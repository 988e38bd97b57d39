"""Everything about a bank, its standards and its population that does not depend on the persons."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.bank import Item, ItemBank, Text
from competency_dx.competencies.choices import Standards
from competency_dx.competencies.conclusion import ItemFact
from competency_dx.competencies.form_quality import ItemMoments, item_moments
from competency_dx.competencies.percent import LeafTables, leaf_tables
from competency_dx.competencies.population import LeafPopulations, Pattern, Stated, Units, leaf_populations, pattern_of, reporting_units
from competency_dx.kernels.propagation.settled_persons import EvenModel, even_model
from competency_dx.models import ItemParameters, NormalPopulation, bank_parameters, informed_scores, measuring, uncertain_scores
from competency_dx.persons import curves_of, uncertain_items

POINTS = 61  # at least, on ±6 SD
KEPT = 128


class Plan(NamedTuple):
    """What diagnosis needs of a bank.

    Parameters of the I items, each measuring one of D leaves; C units; populations of the leaves and the bank's pattern of
    their correlations; points θ (Q,) with log P (I, K, Q), expected scores (I, Q) and their variances where items are
    uncertain; tables of the answers to the items of each leaf; `share` (C, D), the part of a unit's reference points that
    lies on each leaf; moments of the items for reliabilities; the model that persons are settled under.
    """

    parameters: ItemParameters
    units: Units
    populations: LeafPopulations
    pattern: Pattern
    theta: Floats
    log_prob: Floats
    score: Floats
    score_variance: Floats
    tables: LeafTables
    share: Floats
    moments: ItemMoments
    model: EvenModel
    standards: Standards
    facts: tuple[ItemFact, ...]

    def judged_se(self) -> Floats:
        """Return the standard error of each item's difficulty (I,), the mean over its steps, where it is a judgement, else 0."""
        known = self.parameters.single()
        se, judged = known.difficulty_se(), np.array(known.statuses) == "provisional"
        return np.asarray(np.where(judged, np.nansum(se, axis=1) / np.maximum(np.isfinite(se).sum(axis=1), 1), 0.0))


@lru_cache(maxsize=KEPT)
def plan(bank: ItemBank, standards: Standards, stated: Stated = None) -> Plan:
    """Return the plan of a bank under standards; all are frozen, the bank and a population of arrays compared by identity."""
    single = bank_parameters(bank)
    units = reporting_units(bank, single)
    populations = leaf_populations(bank, units, stated)
    wide = NormalPopulation(dimensions=units.leaf_codes, mean=populations.mean, covariance=populations.central)
    parameters = measuring(single, units.leaf, wide)
    theta, log_prob = curves_of(parameters, POINTS, "provisional")
    uncertain = uncertain_items(single, "provisional")
    score, variance = uncertain_scores(single, theta, uncertain)
    by_answer, points = informed_scores(single, theta, uncertain), single.n_categories - 1
    own = units.reference[units.leaves[units.leaf], np.arange(len(points))]
    share = units.below * np.bincount(units.leaf, weights=points * own, minlength=len(units.leaves))
    share = share / share.sum(axis=1, keepdims=True)
    tables = leaf_tables(units, points, log_prob, (score, variance), by_answer)
    moments = item_moments(theta, log_prob, score, units, (populations.mean, populations.central))
    model = even_model((points + 1, units.leaf), (theta, log_prob), populations.mixture())
    facts = tuple(_fact(bank.item(item), single, k, units, score[k], theta) for k, item in enumerate(single.items))
    answered = (theta, log_prob, score, variance, tables, share, moments, model)
    return Plan(parameters, units, populations, pattern_of(bank.header.population, units), *answered, standards, facts)


def _fact(item: Item, parameters: ItemParameters, k: int, units: Units, curve: Floats, theta: Floats) -> ItemFact:
    return ItemFact(
        item=item.id,
        title=item.title or Text(ru=item.id, en=item.id),
        topics=tuple(item.competencies),
        competencies=tuple(u.code for u, has in zip(units.competencies, units.member[:, k], strict=True) if has),
        max_score=item.max_score,
        difficulty=float(np.interp((parameters.n_categories[k] - 1) / 2, curve, theta, left=np.nan, right=np.nan)),
        status=parameters.statuses[k],
    )
