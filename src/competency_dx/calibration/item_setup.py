"""Which items are calibrated: their families, categories, competencies and anchors, and where no honest calibration exists."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration.calibration import Calibration
from competency_dx.calibration.exploratory import Exploratory
from competency_dx.classification import read_q_matrix
from competency_dx.engine import Fixed, Known, Priors, extra_width
from competency_dx.errors import CalibrationError
from competency_dx.findings import Finding, Template
from competency_dx.models import CALIBRATED_FROM, FAMILIES, ItemParameters, bank_parameters, family, family_for
from competency_dx.responses import Responses, check_design, chosen_options
from competency_dx.result import frame

LEAST_FREE_SLOPES = 3
BankLevel = Literal["competencies", "clusters", "testlets"]


def highest_scores(data: Responses, bank: ItemBank | None) -> Ints:
    """Return the highest score of each item (I,): the bank's where it knows the item, otherwise that of the responses."""
    of_bank = {} if bank is None else {item.id: item.max_score for item in bank.items}
    out = np.array([of_bank.get(item, m) for item, m in zip(data.items, data.max_scores, strict=True)], dtype=np.int64)
    if (high := np.array(data.items, dtype=object)[data.scores.max(axis=0, initial=0) > out]).size:
        raise CalibrationError("calibration.scores_above", high=high)
    return out


def families_of(data: Responses, observed: Bools, model: str | Mapping[str, str], top: Ints) -> tuple[Ints, list[str]]:
    """Return the items with answers and the family of each."""
    if not (kept := np.flatnonzero(observed.any(axis=0))).size:
        raise CalibrationError("calibration.no_answers", n_items=len(data.items))
    ids, families = [data.items[i] for i in kept], []
    asked = dict.fromkeys(ids, model) if isinstance(model, str) else model
    if bare := [item for item in ids if item not in asked]:
        raise CalibrationError("calibration.no_family", bare=bare)
    for item, m in zip(ids, np.maximum(top[kept] + 1, 2).tolist(), strict=True):
        by_option = data.answers is not None and family(asked[item]).options
        families.append(asked[item] if by_option else family_for(asked[item], m, item).name)
    return kept, families


def by_option(
    data: Responses, which: tuple[Ints, list[str]], table: tuple[Codes, Bools, Ints]
) -> tuple[Codes, Bools, Ints, tuple[tuple[str, ...], ...]]:
    """Return answers (P, I), mask and highest categories (I,) with chosen options in place of points where families want them.

    Responses without raw answers hold options already, the key being the highest. An omitted answer has no option.
    """
    (kept, families), (codes, observed, top) = which, table
    wanted = [(int(i), n) for n, (i, f) in enumerate(zip(kept, families, strict=True)) if FAMILIES[f].options]
    if not wanted or data.answers is None:
        return codes, observed, top, ()
    codes, observed, top = codes.copy(), observed.copy(), top.copy()
    labels: list[tuple[str, ...]] = [()] * len(kept)
    for i, n in wanted:
        use = chosen_options(data, i)
        labels[n] = use.labels
        codes[:, i], observed[:, i], top[i] = use.codes, use.chosen, len(use.labels) - 1
    return codes, observed, top, tuple(labels)


def level_of_bank(bank: ItemBank | None, level: str, items: Sequence[str]) -> Any:  # noqa: ANN401
    """Return the competency of each item of a bank, or the node that this stands below, or the sets of items on one stimulus."""
    if level not in get_args(BankLevel):
        raise CalibrationError("calibration.level", level=level, choices=get_args(BankLevel))
    if bank is None:
        raise CalibrationError("calibration.level_without_bank", level=level)
    if level == "competencies":
        return dict(bank.leaves)
    if level == "testlets":
        of = {item.id: item.stimulus for item in bank.items}
        shown = [of.get(item) for item in items]
        if not (shared := [stimulus for stimulus, n in Counter(shown).items() if stimulus is not None and n > 1]):
            raise CalibrationError("calibration.no_testlets", id=bank.id)
        return [[item for item, s in zip(items, shown, strict=True) if s == stimulus] for stimulus in shared]
    above = {leaf: bank.framework.node(leaf).parent or leaf for leaf in bank.leaves.values()}
    return {item: above[leaf] for item, leaf in bank.leaves.items()}


def loadings(items: tuple[str, ...], dimensions: Any, bank: ItemBank | None = None) -> tuple[tuple[str, ...], Bools]:  # noqa: ANN401
    """Return the names of the competencies and which of them each item measures (I, D)."""
    if isinstance(dimensions, str):
        dimensions = level_of_bank(bank, dimensions, items)
    if isinstance(dimensions, tuple | list):
        sets = [[str(i) for i in item] if isinstance(item, tuple | list) else [str(item)] for item in dimensions]
        twice, there = Counter(item for tied in sets for item in tied), set(items)
        if wrong := [item for item, n in twice.items() if n > 1 or item not in there] + [t[0] for t in sets if len(t) == 1]:
            raise CalibrationError("calibration.testlet_items", wrong=dict.fromkeys(wrong))
        dimensions = frame(theta=1, item=items, **{f"testlet{k + 1}": [int(i in t) for i in items] for k, t in enumerate(sets)})
    if dimensions is None:
        return ("theta",), np.ones((len(items), 1), dtype=np.bool_)
    if isinstance(dimensions, Exploratory):
        return dimensions.dimensions, np.ones((len(items), dimensions.n), dtype=np.bool_)
    if isinstance(dimensions, Mapping):
        if bare := [item for item in items if item not in dimensions]:
            raise CalibrationError("calibration.no_competency", bare=bare)
        names = tuple(dict.fromkeys(competencies := np.array([str(dimensions[item]) for item in items], dtype=object)))
        return names, competencies[:, None] == np.array(names, dtype=object)
    if hasattr(dimensions, "columns"):
        q = read_q_matrix(dimensions).take(items)
        if thin := [name for name, column in zip(q.attributes, q.entries.T, strict=True) if not column.any()]:
            raise CalibrationError("calibration.competency_without_items", thin=thin)
        return q.attributes, q.entries.astype(np.bool_)
    raise CalibrationError("calibration.dimensions_type", given=type(dimensions).__name__)


def refuse(data: Responses, known: Known, priors: Priors | None, *, anchored: bool) -> tuple[Finding, ...]:
    """Raise where no honest calibration exists; return what is to be said where it hangs by a few answers."""
    free, n = any(FAMILIES[f].slope == "free" or FAMILIES[f].slope_in_extras for f in known.families), len(known.ids)
    least = LEAST_FREE_SLOPES if free else 2
    if n < least and priors is None and not anchored:
        raise CalibrationError("calibration.too_few_items", n=n, least=least)
    constant = [item for item, row in zip(known.ids, known.counts, strict=True) if (row > 0).sum() <= 1]
    if constant and priors is None and not anchored:
        raise CalibrationError("calibration.constant", constant=constant)
    if (known.counts.sum(axis=1) == len(data.persons)).all():
        return ()  # where everybody answered everything, everything is connected
    weak = []
    for loads in known.loads.T:
        ids = set(np.array(known.ids, dtype=object)[loads])
        for finding in check_design(data.select(items=[item for item in data.items if item in ids]) if ids else data):
            if finding.code == "responses.disconnected":
                raise CalibrationError("calibration.unlinked", finding=finding)
            if finding.code == "responses.weakly_linked" and not anchored:
                weak.append(finding)
    return tuple(weak)


def statuses_of(n_answers: Ints, anchors: "Anchors | None" = None) -> tuple[str, ...]:
    """Return the status of each item by the number of answers to it (I,); anchors keep theirs."""
    kept = (None,) * len(n_answers) if anchors is None else anchors.statuses
    # an item is on the scale of its anchors: where some are not calibrated, it is a pilot however many answers it has
    least = np.inf if set(kept) - {None, "calibrated"} else CALIBRATED_FROM
    return tuple(s or ("calibrated" if n >= least else "pilot") for s, n in zip(kept, n_answers, strict=True))


def left_out(data: Responses, calibrated: Sequence[str]) -> tuple[Finding, ...]:
    """Return the note about items without answers."""
    there = set(calibrated)
    return Template("calibration.no_answers").about(item for item in data.items if item not in there)


class Anchors(NamedTuple):
    """Items held at slopes (D), intercepts (K - 1), extras (E): their statuses (I,), None for others, and covariances of each item."""

    fixed: Fixed
    statuses: tuple[str | None, ...]
    covariance: Floats


def anchored(anchors: ItemBank | Calibration, known: Known, dimensions: tuple[str, ...]) -> tuple[Anchors, Known]:
    """Return which items are held at which parameters, and the items with the anchors' own families."""
    given = anchors.parameters if isinstance(anchors, Calibration) else bank_parameters(anchors)
    if given.slopes.shape[1] > 1 and given.dimensions != dimensions:
        raise CalibrationError("calibration.anchors_competencies", dimensions=given.dimensions, dimensions2=dimensions)
    places = {key: i for i, key in enumerate(zip(given.items, given.item_groups or [""] * len(given.items), strict=True))}
    groups = [known.group_names[g] if g >= 0 else "" for g in known.groups] or [""] * len(known.ids)
    held = [places.get((item, g), places.get((item, ""), -1)) for item, g in zip(known.ids, groups, strict=True)]
    mask, D = np.array(held) >= 0, given.slopes.shape[1]
    if known.loads.shape[1] != D and (D > 1 or (known.loads[mask].sum(axis=1) > 1).any()):
        raise CalibrationError("calibration.anchors_number", d=D, shape=known.loads.shape[1])
    if not mask.any():
        raise CalibrationError("calibration.no_anchors", ids=known.ids, items=given.items)
    for item, i, m in zip(known.ids, held, known.n_categories, strict=True):
        if i >= 0 and given.n_categories[i] != m:
            raise CalibrationError("calibration.anchor_categories", item=item, n_categories=given.n_categories[i], m=m)
    known = known._replace(families=[given.families[i] if i >= 0 else f for i, f in zip(held, known.families, strict=True)])
    statuses = tuple(given.statuses[i] if i >= 0 else None for i in held)
    values, covariance = _anchor_values(given, known, held)
    return Anchors(Fixed(mask, values), statuses, covariance), known


def _anchor_values(given: ItemParameters, known: Known, held: list[int]) -> tuple[Floats, Floats]:
    """Return the parameters of the anchors in rows `held` (-1: none) in the columns of this calibration, and their covariance."""
    D, K, E = known.loads.shape[1], int(known.n_categories.max()), extra_width(known.families, known.n_categories)
    own, width = given.slopes.shape[1], given.intercepts.shape[1] - 1
    I, n = len(known.ids), min(E, given.extras.shape[1])
    values, covariance = np.zeros((I, D + K - 1 + E)), np.zeros((I, *(D + K - 1 + E,) * 2))
    for j in np.flatnonzero(np.array(held) >= 0):
        i, steps = held[j], np.arange(int(known.n_categories[j]) - 1)
        slopes = np.arange(D) if own == D else known.dimension[j : j + 1]
        to = np.concatenate([slopes, D + steps, D + K - 1 + np.arange(n)])
        of = np.concatenate([np.arange(own), own + steps, own + width + np.arange(n)])
        values[j, to] = given.beta[i, of]  # an intercept of a category not admitted is 0 there
        covariance[j, to[:, None], to] = given.covariance[i, of[:, None], of]
        if known.families[j] == "3PL":
            values[j, D + K :] = np.inf
    return values, covariance
