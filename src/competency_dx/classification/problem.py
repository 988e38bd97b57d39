"""How a classification model is estimated, its Q-matrix, and the problem: patterns, groups of items, classes, parameters, EM steps."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints, choice, value
from competency_dx.errors import CalibrationError, repeated
from competency_dx.kernels import classes
from competency_dx.kernels.classes import Binary, Distribution, ItemGroups, item_classes
from competency_dx.kernels.classes.item_classes import ExpectedClasses, Link, Patterns, Predictor, by_group
from competency_dx.responses import MissingPolicy
from competency_dx.result import DataFrame

FAMILIES = ("DINA", "DINO", "ACDM", "LLM", "GDINA")
MOST_PROFILES = 1 << 16
LOW, HIGH = 0.2, 0.8
NOBODY = 1e-9  # expected persons below which a class of a saturated distribution is left out of the E-step
LEAST_ATTRIBUTES = {"saturated": 1, "independent": 1, "higher_order": 3, "higher_order_1pl": 2}


@choice(CalibrationError)
class ClassificationML:
    """Marginal maximum likelihood for diagnostic classification models.

    Attributes
    ----------
    attribute_distribution : A free probability for every permissible profile; independent attributes; attributes that depend on a
        latent ability, each with a slope of its own or all with a common one (de la Torre & Douglas 2004, doi:10.1007/BF02295640).
    hierarchy : Pairs of attribute names; only profiles that respect them are permissible, and only these are enumerated.
    monotone : Whether mastering more may lower the probability of a right answer.
    starts : Starting points: the first is fixed, the others are drawn from fixed seeds; the best maximum is reported.
    tolerance : The gain in log-likelihood that Newton's quadratic model still promises at the end must be below this.
    max_iterations : E-steps of one start before giving up.
    executor : Where blocks of answer patterns are processed; None is a thread pool over the cores.
    missing : Which missing answers count as wrong and which are left out.
    """

    attribute_distribution: classes.Kind = "saturated"
    hierarchy: tuple[tuple[str, str], ...] = ()
    monotone: Literal["free", "monotone"] = "free"
    starts: int = 1
    tolerance: float = 1e-7
    max_iterations: int = 3000
    executor: Executor | None = None
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        self.missing.check_scored()
        object.__setattr__(self, "hierarchy", tuple((str(a), str(b)) for a, b in self.hierarchy))
        limits = {name: getattr(self, name) for name in ("starts", "max_iterations", "tolerance")}
        if self.starts < 1 or self.max_iterations < 1 or not self.tolerance > 0:
            raise CalibrationError("classification.settings", **limits)

    def describe(self) -> dict[str, str]:
        """Return every choice that decides a number, in words."""
        return {
            "attribute distribution": self.attribute_distribution,
            "hierarchy": ", ".join(f"{a} < {b}" for a, b in self.hierarchy) or "none",
            "order": self.monotone,
            "starts": str(self.starts),
            "tolerance": f"{self.tolerance:g} log-likelihood",
            "missing": self.missing.describe("en"),
            "priors": "none (maximum likelihood)",
        }


@value
class QMatrix:
    """Which item measures which attribute: ids (I,), names (A,), and `entries` (I, A), 1 where the item measures it."""

    items: tuple[str, ...]
    attributes: tuple[str, ...]
    entries: Binary

    def take(self, items: Sequence[str]) -> "QMatrix":
        """Return the rows of some items, in their order."""
        place = {item: i for i, item in enumerate(self.items)}
        if bare := [item for item in items if item not in place]:
            raise CalibrationError("classification.q_rows_missing", bare=bare, items=self.items)
        return QMatrix(items=tuple(items), attributes=self.attributes, entries=self.entries[[place[item] for item in items]])


def read_q_matrix(frame: DataFrame) -> QMatrix:
    """Return the Q-matrix of a frame items x attributes of 0 and 1, item ids in the index or in a column `item`.

    Raises `CalibrationError` when entries are not 0 or 1, ids repeat, or an item measures nothing.
    """
    if not (hasattr(frame, "columns") and hasattr(frame, "to_numpy") and hasattr(frame, "set_index")):
        raise CalibrationError("classification.q_matrix_needed")
    table = frame.set_index("item") if "item" in frame.columns else frame
    items, attributes = [str(i) for i in table.index], [str(a) for a in table.columns]
    numbers = table.to_numpy(dtype=object)
    if (odd := sorted({str(x) for x in numbers.ravel() if x not in {0, 1}})) or not attributes:
        raise (CalibrationError("classification.q_entries", odd=odd) if odd else CalibrationError("classification.q_empty"))
    for code, ids in (("classification.q_items_twice", items), ("classification.q_attributes_twice", attributes)):
        if twice := repeated(ids):
            raise CalibrationError(code, twice=twice)
    entries = numbers.astype(np.int8)
    if empty := [item for item, row in zip(items, entries, strict=True) if not row.any()]:
        raise CalibrationError("classification.q_row_empty", empty=empty)
    return QMatrix(items=tuple(items), attributes=tuple(attributes), entries=entries)


def prerequisites(attributes: Sequence[str], hierarchy: Sequence[tuple[str, str]]) -> Bools:
    """Return the matrix (A, A) of direct prerequisites, or say which names or circles are in the way."""
    place = {a: k for k, a in enumerate(attributes)}
    if unknown := [name for pair in hierarchy for name in pair if name not in place]:
        raise CalibrationError("classification.hierarchy_unknown", unknown=dict.fromkeys(unknown), attributes=attributes)
    needs = classes.prerequisite_matrix(len(attributes), [(place[a], place[b]) for a, b in hierarchy])
    if len(order := classes.mastery_order(needs)) < len(attributes):
        raise CalibrationError("classification.hierarchy_circle", circle=[a for k, a in enumerate(attributes) if k not in order])
    return needs


class State(NamedTuple):
    """Item parameters (F,) and parameters of the distribution of profiles."""

    items: Floats
    distribution: Floats


class ClassEvaluation(NamedTuple):
    """A state with its log-likelihood and expected counts; `active` are the classes that entered it."""

    state: State
    log_likelihood: float
    expected: ExpectedClasses
    active: Ints


class ClassProblem(NamedTuple):
    """What an estimation works on: permissible `profiles` (C, A), the latent group of each class of them on each item (I, C')."""

    patterns: Patterns
    items: tuple[Predictor, ...]
    groups: tuple[ItemGroups, ...]
    families: tuple[str, ...]
    place: Ints
    profiles: Binary
    distribution: Distribution
    executor: Executor | None

    @property
    def persons(self) -> float:
        """Return the number of persons."""
        return float(self.patterns.weight.sum())

    @property
    def n_groups(self) -> int:
        """Return the number of latent groups of all items G."""
        return int(self.items[-1].where.stop)

    @property
    def n_item_parameters(self) -> int:
        """Return the number of parameters of all items."""
        return int(self.items[-1].at.stop)

    def probabilities(self, state: State) -> Floats:
        """Return the probability of a right answer in each latent group (G,)."""
        return item_classes.group_probabilities(self.items, state.items)

    def class_probabilities(self, state: State) -> Floats:
        """Return the probability of each class (C',)."""
        return classes.class_probabilities(self.distribution, state.distribution)

    def within(self, items: Floats, distribution: Floats, least: Floats | float = 0.0) -> State:
        """Return a state with the distribution in its bounds: shares of at least `least`, or intercepts and slopes."""
        if self.distribution.saturated:
            shares = np.maximum(distribution, least)
            return State(items, shares / shares.sum())
        limit = classes.FARTHEST
        return State(items, np.clip(distribution, -limit, limit))

    def evaluate(self, state: State) -> ClassEvaluation:
        """Return the evaluation at a state; classes of a saturated distribution that nobody may be in are left out."""
        probability = self.class_probabilities(state)
        inside = probability * self.persons > NOBODY if self.distribution.saturated else np.ones(len(probability), bool)
        active = np.flatnonzero(inside)
        table = self.probabilities(state)[self.place[:, active]]
        expected = item_classes.e_step(self.patterns, table, probability[active], self.executor)
        return ClassEvaluation(state, expected.log_likelihood, expected, active)

    def m_step(self, now: ClassEvaluation) -> State:
        """Return the state that maximises the expected complete-data log-likelihood of an evaluation."""
        place, G = self.place[:, now.active], self.n_groups
        right, given = by_group(now.expected.right, place, G), by_group(now.expected.given, place, G)
        items = item_classes.m_step(self.items, now.state.items, right, given)
        persons = np.zeros(len(self.distribution.members))
        persons[now.active] = now.expected.nodes
        return State(items, classes.updated_parameters(self.distribution, now.state.distribution, persons))


def distinct_patterns(codes: Codes, observed: Bools) -> tuple[Patterns, Ints]:
    """Return the distinct answer patterns with their frequencies, and the pattern of each person (P,)."""
    bits = np.packbits(np.concatenate([(codes > 0) & observed, observed], axis=1), axis=1)
    rows = np.ascontiguousarray(bits).view(np.dtype((np.void, bits.shape[1]))).ravel()
    _, first, inverse, counts = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    given = None if observed.all() else observed[first].astype(np.float64)
    right = ((codes[first] > 0) & observed[first]).astype(np.float64)
    return Patterns(right, given, counts.astype(np.float64)), inverse.ravel()


def build(codes: Codes, observed: Bools, *, q: QMatrix, families: Sequence[str], method: ClassificationML) -> ClassProblem:
    """Return the problem of scores (P, I) of 0 and 1; raises `CalibrationError` for too many profiles or too few attributes."""
    A, kind = len(q.attributes), method.attribute_distribution
    if (least := LEAST_ATTRIBUTES[kind]) > A:
        raise CalibrationError("classification.attribute_distribution", attribute_distribution=kind, least=least, a=A)
    needs = prerequisites(q.attributes, method.hierarchy)
    if (profiles := classes.permissible_profiles(needs, MOST_PROFILES)) is None:
        raise CalibrationError("classification.too_many_profiles", a=A, most_profiles=MOST_PROFILES)
    groups = tuple(classes.item_groups(profiles, np.flatnonzero(row), family) for row, family in zip(q.entries, families, strict=True))
    items = _layout(groups, families, method)
    place = np.stack([g.of_pattern[g.of_profile] + item.where.start for g, item in zip(groups, items, strict=True)])
    first, of_class = classes.distinct_columns(place)
    distribution = Distribution(kind, profiles.astype(np.float64), classes.eligible(profiles, needs), of_class)
    answered = observed.any(axis=1)
    patterns, _ = distinct_patterns(codes[answered], observed[answered])
    place = place[:, first]
    return ClassProblem(patterns, items, groups, tuple(families), place, profiles, distribution, method.executor)


def _layout(groups: Sequence[ItemGroups], families: Sequence[str], method: ClassificationML) -> tuple[Predictor, ...]:
    """Return where the groups and parameters of each item are; saturated items have their probabilities as parameters."""
    out: list[Predictor] = []
    g = f = 0
    for own, family in zip(groups, families, strict=True):
        W, k = own.size, own.patterns.shape[1]
        saturated = family not in {"ACDM", "LLM"} or k == 1
        design = np.eye(W) if saturated else classes.additive_design(own.patterns)
        F = design.shape[1]
        below = np.zeros((0, F))  # restrictions that make the probability increase with mastery
        if method.monotone == "monotone":
            low, high = (classes.covering_pairs(own.patterns) if own.size == len(own.patterns) else np.array([[0, 1]])).T
            below = np.eye(F)[high] - np.eye(F)[low] if saturated else np.eye(F)[1:]
        link: Link = "logit" if family == "LLM" and not saturated else "identity"
        out.append(Predictor(slice(g, g + W), slice(f, f + F), design, link, saturated, below))
        g, f = g + W, f + F
    return tuple(out)


def start(problem: ClassProblem, number: int) -> State:
    """Return a starting point, where mastery helps: number 0 is fixed, others are drawn with their number as seed."""
    rng = np.random.default_rng(number)
    items = np.empty(problem.n_item_parameters)
    for item, own, family in zip(problem.items, problem.groups, problem.families, strict=True):
        k = own.patterns.shape[1]
        low, high, share = LOW, HIGH, np.full(k, 1 / k)
        if number:
            low, high, share = rng.uniform(0.05, 0.4), rng.uniform(0.6, 0.95), rng.dirichlet(np.ones(k))
        if own.size < len(own.patterns) or family in {"DINA", "DINO"}:
            items[item.at] = [low, high]
        elif item.saturated:
            items[item.at] = low + (high - low) * own.patterns @ share
        elif item.link == "identity":
            items[item.at] = np.concatenate([[low], (high - low) * share])
        else:
            ends = np.log([low / (1 - low), high / (1 - high)])
            items[item.at] = np.concatenate([ends[:1], (ends[1] - ends[0]) * share])
    distribution = classes.first_parameters(problem.distribution)
    if number and problem.distribution.saturated:
        distribution = rng.dirichlet(np.full(len(distribution), 2.0))
    return State(items, distribution)
