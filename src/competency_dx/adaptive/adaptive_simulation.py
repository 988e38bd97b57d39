"""Adaptive testing tried out before it is used: one item after another to simulated persons, until nothing is left to decide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np

from competency_dx.adaptive.follow_up import excluding
from competency_dx.adaptive.selection import LEAST_GAIN, Problem, select
from competency_dx.arrays import Bools, Floats, Ids, Ints, held_to, names, value
from competency_dx.bank import ItemBank
from competency_dx.competencies import R201, DeficitRule, Plan, Standards, leaf_outlook, plan_of
from competency_dx.display import Chart, Series, code_word, decimal, result_words
from competency_dx.errors import DiagnosisError, ModelError, checked
from competency_dx.models import ItemParameters, abilities, bank_parameters, curve_information, expected_scores, measuring, simulate
from competency_dx.persons import uncertain_items
from competency_dx.responses import Reason, Responses
from competency_dx.result import DataFrame, Provenance, Result, crossed, provenance

WORLDS = 32  # draws of the parameters of uncertain items, shared out among the persons
WIDTHS = (8, 12, 10, 8)  # of the columns of the summary
STANDARDS, RULE = R201(), DeficitRule()
Way = Callable[[Problem, Ints], Ints]  # the next item of some persons, who are at these rows of the simulated table
Truth = tuple[Floats, Responses, Bools]  # θ (P, D), answers to every item, whether the true percent of a leaf is below the cut (P, D)


@value
class AdaptiveSimulation(Result):
    """Length and error of sequential testing by three ways of choosing the next item.

    Attributes
    ----------
    strategies : S ways: least expected loss, random, most information at the estimate of θ.
    length : (S, P) Items each person was asked.
    decided : (S, N + 1) Share of the competencies with a conclusion after 0 … N items; persons who stopped keep theirs.
    false : (S, N + 1) Share of false ones among the conclusions, NaN where there are none.
    rmse : (S, N + 1) Root mean square error of θ over persons and competencies.
    """

    pictures: ClassVar[tuple[str, ...]] = ("decided", "rmse")
    strategies: Ids
    length: Annotated[Ints, held_to("strategies", "P", minimum=0)]
    decided: Annotated[Floats, held_to("strategies", "N", minimum=0, maximum=1)]
    false: Annotated[Floats, held_to("strategies", "N", minimum=0, maximum=1)]
    rmse: Annotated[Floats, held_to("strategies", "N", minimum=0)]
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return one row per way of choosing and number of items: `strategy, n_items, going_on, decided, false, rmse`."""
        n = np.arange(self.decided.shape[1])
        columns = {name: getattr(self, name) for name in ("decided", "false", "rmse")}
        going_on = (self.length[:, :, None] >= n).sum(axis=1) / max(self.length.shape[1], 1)
        return crossed({"strategy": self.strategies}, {"n_items": n}, {"going_on": going_on} | columns)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return for each way of choosing the length of the test, the share decided, false conclusions and error of θ."""
        say = result_words("adaptive", language)
        lines = [say("simulation", persons=self.length.shape[1], most=self.decided.shape[1] - 1), say("simulation_heads")]
        for s, name in enumerate(self.strategies):
            last = [decimal(float(getattr(self, key)[s, -1]), 2, language) for key in ("decided", "false", "rmse")]
            cells = [decimal(float(self.length[s].mean()), 1, language), *last]
            row = "".join(cell.rjust(wide) for cell, wide in zip(cells, WIDTHS, strict=True))
            lines.append(f"{code_word('strategy', name, language).replace('_', ' '):<16}{row}")
        return lines

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return the share decided, or the error of θ, by number of items."""
        rows, n = getattr(self, kind), np.arange(self.decided.shape[1], dtype=np.float64)
        say, names = result_words("adaptive", language), (code_word("strategy", s, language) for s in self.strategies)
        series = tuple(Series(name=name, mark="line", x=n, y=row) for name, row in zip(names, rows, strict=True))
        return Chart(title=say("simulation_title"), x_label=say("items_axis"), y_label=say(kind), series=series)


@checked(ModelError)
def simulate_adaptive(
    bank: ItemBank,
    persons: int | Floats,
    *,
    rng: np.random.Generator,
    standards: Standards = STANDARDS,
    rule: DeficitRule = RULE,
    most: int = 24,
    least_gain: float = 0.02,
) -> AdaptiveSimulation:
    """Simulate adaptive testing: one item after another, until the test may stop.

    A person stops when no competency is undecided, when all items left in the bank together promise to take less than
    `least_gain` off the expected loss (a false conclusion costs 1), or after `most` items. Persons come from the bank's
    population, items from the uncertainty of their parameters; every way of choosing meets the same persons and answers.

    Parameters
    ----------
    bank : Items to choose from; retired ones are asked of nobody.
    persons : int or ndarray, shape (P, D). How many, or their θ on the D competencies that items are evidence for directly.
    rng : Source of randomness; the same state gives the same simulation.
    standards, rule
        As in `diagnose`.
    most : At most so many items.
    least_gain : Least promise of the items that are left.
    """
    if most < 1 or not 0 <= least_gain < np.inf:
        raise DiagnosisError("adaptive.limits", most=most, least_gain=least_gain)
    whole = plan_of(bank, standards)
    made = whole._replace(populations=replace(whole.populations, covariances=whole.populations.central[None], log_weight=np.zeros(1)))
    theta, answers, deficit = _truth(bank, made, persons, rng)
    order = rng.random(answers.scores.shape)
    info = curve_information(made.log_prob, made.theta)
    ways: Mapping[str, Way] = {
        "expected_loss": lambda problem, _: select(problem, 1, together=False)[:, 0],
        "random": lambda problem, rows: np.where(problem.allowed, order[rows], np.inf).argmin(axis=1),
        "information": lambda problem, _: _most_informative(problem, made, info),
    }
    found: Any = _sequence(bank, made, (theta, answers, deficit), rule, tuple(ways.values()), (most, least_gain))
    settings = {
        "persons": str(len(theta)),
        "stop": f"nothing undecided, less than {least_gain:g} to gain, or {most} items",
        "rule": f"confirmed {rule.confirmed:g}, items {rule.min_items}, share of the own answers {rule.own_share:g}",
        "standards": standards.id,
    }
    return AdaptiveSimulation(
        strategies=tuple(ways),
        **dict(zip(("length", "decided", "false", "rmse"), found, strict=True)),
        provenance=provenance("simulate_adaptive", {"bank": f"{bank.id} {bank.version} {bank.digest}"}, settings),
    )


def _sequence(
    bank: ItemBank, made: Plan, truth: Truth, rule: DeficitRule, ways: tuple[Way, ...], stop: tuple[int, float]
) -> tuple[Ints, Floats, Floats, Floats]:
    """Return the length (S, P), and by number of items (S, N + 1) the share decided, the false share and the error of θ."""
    (most, least_gain), (theta, answers, deficit), S = stop, truth, len(ways)  # persons of all S ways in one table, way by way
    (P, I), D = answers.scores.shape, len(made.units.leaves)
    excluded, in_use = excluding(bank, answers.items), np.array([bank.item(item).status != "retired" for item in answers.items])
    on_leaf = made.units.leaf[:, None] == np.arange(D)
    asked, p = np.zeros((S * P, I), dtype=np.bool_), np.full((S * P, D), 0.5)
    mean, share = np.zeros((2, S * P, D))
    going, length, path = np.arange(S * P), np.zeros(S * P, dtype=np.int64), np.zeros((3, S, most + 1))
    for k in range(most + 1):
        if len(going):
            reasons = np.where(asked[going], np.uint8(Reason.ANSWERED), np.uint8(Reason.NOT_ADMINISTERED))
            scores = np.where(asked[going], answers.scores[going % P], np.int8(0))
            given = replace(answers, persons=names(np.arange(len(going))), scores=scores, reasons=reasons)
            outlook = leaf_outlook(given, made, rule, made.populations)
            mean[going], p[going] = outlook.mean, outlook.p_deficit
            share[going] = outlook.precision * np.diagonal(outlook.covariance, axis1=1, axis2=2)
        answered = asked.astype(np.int64) @ on_leaf
        sure = (np.maximum(p, 1 - p) >= rule.confirmed) & (answered >= rule.min_items) & (share >= rule.own_share)
        for s, rows in enumerate(np.arange(S * P).reshape(S, P)):
            false = ((p[rows] > 0.5) != deficit)[sure[rows]]
            path[:, s, k] = sure[rows].mean(), false.mean() if len(false) else np.nan, np.sqrt(np.mean((mean[rows] - theta) ** 2))
        if k == most or not len(going):
            continue
        free = ~(asked[going].astype(float) @ excluded > 0) & in_use
        problem = Problem(outlook, made.units.leaf, answered[going], ~sure[going], rule, free, excluded, np.eye(D)).within_reach()
        promise = (problem.loss(problem.start()) - problem.loss(problem.after(np.where(free, np.arange(I), -1)))).sum(axis=1)
        goes_on = (promise >= max(least_gain, LEAST_GAIN)) & free.any(axis=1)
        chosen = np.full(len(going), -1)
        for s, way in enumerate(ways):
            on = np.flatnonzero(goes_on & (going // P == s))
            chosen[on] = way(problem.rows(on), going[on] % P)
        going, chosen = going[chosen >= 0], chosen[chosen >= 0]
        asked[going, chosen] = True
        length[going] += 1
    return length.reshape(S, P), *path


def _most_informative(problem: Problem, made: Plan, info: Floats) -> Ints:
    """Return the item of most information at the estimate of θ of its leaf."""
    at, step = problem.outlook.mean[:, made.units.leaf], made.theta[1] - made.theta[0]
    near = np.clip(np.rint((at - made.theta[0]) / step).astype(np.int64), 0, len(made.theta) - 1)
    return np.asarray(np.where(problem.allowed, info[np.arange(info.shape[0]), near], -1.0).argmax(axis=1))


def _truth(bank: ItemBank, made: Plan, persons: int | Floats, rng: np.random.Generator) -> Truth:
    """Draw persons, items and answers."""
    single, population = bank_parameters(bank), made.parameters.population
    theta = np.reshape(abilities(made.parameters, persons, rng), (-1, len(population.dimensions)))
    uncertain = uncertain_items(single, "provisional")
    worlds = WORLDS if uncertain.any() else 1
    scores, percent = np.zeros((len(theta), len(single.items)), dtype=np.int8), np.zeros(theta.shape)
    points = single.n_categories - 1
    for w in range(min(worlds, len(theta))):
        rows = np.arange(w, len(theta), worlds)
        items = _drawn(single, uncertain, rng) if uncertain.any() else single
        scores[rows] = simulate(measuring(items, made.units.leaf, population), theta[rows], rng=rng).scores
        for d, c in enumerate(made.units.leaves):
            of = np.flatnonzero(made.units.reference[c] & (made.units.leaf == d))
            percent[rows, d] = 100 * expected_scores(items.take(of), theta[rows, d]).sum(axis=0) / points[of].sum()
    answers = Responses(
        persons=names(np.arange(1, len(theta) + 1)),
        items=single.items,
        scores=scores,
        reasons=np.zeros(scores.shape, dtype=np.uint8),
        max_scores=points,
        provenance=provenance("simulate_adaptive", {}, {}),
    )
    return theta, answers, percent < made.standards.deficit_cut


def _drawn(single: ItemParameters, uncertain: Bools, rng: np.random.Generator) -> ItemParameters:
    """Return items whose uncertain parameters are drawn from their distribution."""
    values, vectors = np.linalg.eigh(single.covariance)
    z = rng.normal(size=values.shape) * np.sqrt(np.maximum(values, 0.0)) * uncertain[:, None]
    off, K = np.einsum("ifg,ig->if", vectors, z), single.intercepts.shape[1]
    intercepts = np.concatenate([single.intercepts[:, :1], single.intercepts[:, 1:] + off[:, 1:K]], axis=1)
    return replace(single, slopes=single.slopes + off[:, :1], intercepts=intercepts, extras=single.extras + off[:, K:])
