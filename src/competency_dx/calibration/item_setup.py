"""Which items are calibrated: their families, categories, competencies and anchors, and where no honest calibration exists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from competency_dx.arrays import Bools, Codes, Ints
from competency_dx.bank import ItemBank
from competency_dx.calibration.calibration import Calibration
from competency_dx.calibration.exploratory import Exploratory
from competency_dx.calibration.findings import NO_ANSWERS
from competency_dx.engine import Fixed, Known, Priors, extra_width
from competency_dx.errors import CalibrationError, listed
from competency_dx.findings import Finding
from competency_dx.models import FAMILIES, ItemParameters, bank_parameters, family, family_for
from competency_dx.responses import Responses, check_design, chosen_options

if TYPE_CHECKING:
    import pandas as pd

LEAST_FREE_SLOPES = 3


def highest_scores(data: Responses, bank: ItemBank | None) -> Ints:
    """Return the highest score of each item (I,): the bank's where it knows the item, otherwise that of the responses."""
    known = {} if bank is None else {item.id: item.max_score for item in bank.items}
    out = np.array(
        [known.get(item, int(m)) for item, m in zip(data.items, data.max_scores, strict=True)], dtype=np.int64
    )
    high = [item for i, item in enumerate(data.items) if data.scores[:, i].max(initial=0) > out[i]]
    if high:
        raise CalibrationError(f"Scores are above the bank's maximum in {listed(high)}; correct the scores or the bank")
    return out


def families_of(data: Responses, observed: Bools, model: str | Mapping[str, str], top: Ints) -> tuple[Ints, list[str]]:
    """Return the items with answers and the family of each."""
    kept = np.flatnonzero(observed.any(axis=0))
    if not kept.size:
        raise CalibrationError(f"None of the {len(data.items)} items has a single answer; nothing can be calibrated")
    if not isinstance(model, str):
        bare = [data.items[i] for i in kept if data.items[i] not in model]
        if bare:
            raise CalibrationError(f"model= names no family for {listed(bare)}; give every item one")
    names = [model if isinstance(model, str) else model[data.items[i]] for i in kept]
    by_choice = data.answers is not None
    return kept, [
        name if by_choice and family(name).options else family_for(name, max(int(top[i]) + 1, 2), data.items[i]).name
        for name, i in zip(names, kept, strict=True)
    ]


def by_option(
    data: Responses, which: tuple[Ints, list[str]], table: tuple[Codes, Bools, Ints]
) -> tuple[Codes, Bools, Ints, tuple[tuple[str, ...], ...]]:
    """Return answers (P, I), mask and highest categories (I,) with chosen options in place of points where families want them.

    `which` are the kept items with their families. Responses that hold points only are taken to hold options already, the
    key being the highest. Omitted answers that count as wrong have no option and are left out.
    """
    (kept, families), (codes, observed, top) = which, table
    wanted = [(int(i), n) for n, (i, f) in enumerate(zip(kept, families, strict=True)) if FAMILIES[f].options]
    if not wanted or data.answers is None:
        return codes, observed, top, ()
    codes, observed, top = codes.copy(), observed.copy(), top.copy()
    labels: list[tuple[str, ...]] = [()] * len(kept)
    for i, n in wanted:
        found = chosen_options(data, i)
        labels[n] = found.labels
        codes[:, i], observed[:, i], top[i] = found.codes, found.chosen, len(found.labels) - 1
    return codes, observed, top, tuple(labels)


def loadings(
    items: tuple[str, ...],
    dimensions: Any,  # noqa: ANN401 - a mapping or a frame
) -> tuple[tuple[str, ...], Bools]:
    """Return the names of the competencies and which of them each item measures (I, D)."""
    if dimensions is None:
        return ("theta",), np.ones((len(items), 1), dtype=np.bool_)
    if isinstance(dimensions, Exploratory):
        return dimensions.dimensions, np.ones((len(items), dimensions.n), dtype=np.bool_)
    if hasattr(dimensions, "columns"):
        return _from_frame(items, dimensions)
    if not isinstance(dimensions, Mapping):
        raise CalibrationError(
            f"dimensions= takes None, a mapping of item to competency or a Q-matrix frame, got {type(dimensions).__name__}"
        )
    bare = [item for item in items if item not in dimensions]
    if bare:
        raise CalibrationError(f"dimensions= names no competency for {listed(bare)}; give every item one")
    names = tuple(dict.fromkeys(str(dimensions[item]) for item in items))
    out = np.array([[str(dimensions[item]) == name for name in names] for item in items])
    return _measured(items, names, out)


def _from_frame(items: tuple[str, ...], frame: pd.DataFrame) -> tuple[tuple[str, ...], Bools]:
    table = frame.set_index("item") if "item" in frame.columns else frame
    place = {str(item): i for i, item in enumerate(table.index)}
    bare = [item for item in items if item not in place]
    if bare:
        raise CalibrationError(
            f"The Q-matrix has no row for {listed(bare)}; its rows go by item id (index or column item)"
        )
    values = table.to_numpy()[[place[item] for item in items]]
    if not np.isin(values, (0, 1)).all():
        raise CalibrationError(
            "The Q-matrix holds values other than 0 and 1; put 1 where an item measures a competency"
        )
    return _measured(items, tuple(str(c) for c in table.columns), values.astype(np.bool_))


def _measured(items: tuple[str, ...], names: tuple[str, ...], loads: Bools) -> tuple[tuple[str, ...], Bools]:
    empty = [item for item, row in zip(items, loads, strict=True) if not row.any()]
    if empty:
        raise CalibrationError(
            f"The Q-matrix says of {listed(empty)} that they measure nothing; mark a competency or drop them"
        )
    thin = [name for name, column in zip(names, loads.T, strict=True) if not column.any()]
    if thin:
        raise CalibrationError(f"No item measures {listed(thin)}; drop the competency or add items")
    return names, loads


def refuse(data: Responses, known: Known, priors: Priors | None, *, anchored: bool) -> None:
    """Raise where no honest calibration exists."""
    free = sum(FAMILIES[f].slope == "free" or FAMILIES[f].slope_in_extras for f in known.families)
    least = LEAST_FREE_SLOPES if free else 2
    n = len(known.ids)
    if n < least and priors is None and not anchored:
        raise CalibrationError(
            f"{n} items do not identify the model without priors; it needs {least}: add items, use Rasch, or "
            'priors="weak"'
        )
    constant = [item for item, row in zip(known.ids, known.counts, strict=True) if (row > 0).sum() <= 1]
    if constant and priors is None and not anchored:
        raise CalibrationError(
            f"All answers to {listed(constant)} earned the same score, so maximum likelihood has no estimate for them; "
            'leave them out with responses.select(items=...), or use priors="weak"'
        )
    for d in range(known.loads.shape[1]):
        ids = {item for item, loads in zip(known.ids, known.loads[:, d], strict=True) if loads}
        own = [item for item in data.items if item in ids]
        broken = [
            f for f in check_design(data.select(items=own) if own else data) if f.code == "responses.disconnected"
        ]
        if broken:
            raise CalibrationError(broken[0].en)


def left_out(data: Responses, kept: Ints) -> tuple[Finding, ...]:
    """Return the note about items without answers."""
    bare = [item for i, item in enumerate(data.items) if i not in set(kept.tolist())]
    return NO_ANSWERS.about(bare)


def anchored(anchors: ItemBank | Calibration, known: Known, dimensions: tuple[str, ...]) -> tuple[Fixed, Known]:
    """Return which items are fixed at which parameters (I, F), and the items with the anchors' own families."""
    families = list(known.families)
    given = anchors.parameters if isinstance(anchors, Calibration) else bank_parameters(anchors)
    if given.slopes.shape[1] > 1 and given.dimensions != dimensions:
        raise CalibrationError(
            f"The anchors measure {listed(given.dimensions)}, the calibration {listed(dimensions)}; give the same "
            "competencies in the same order"
        )
    if given.slopes.shape[1] != known.loads.shape[1]:
        raise CalibrationError(
            f"The anchors measure {given.slopes.shape[1]} competencies, the calibration {known.loads.shape[1]}; "
            "anchor with the same ones"
        )
    places = {
        key: i for i, key in enumerate(zip(given.items, given.item_groups or [""] * len(given.items), strict=True))
    }
    groups = [known.group_names[g] if g >= 0 else "" for g in known.groups] or [""] * len(known.ids)
    held = [places.get((item, g), places.get((item, ""), -1)) for item, g in zip(known.ids, groups, strict=True)]
    mask = np.array(held) >= 0
    if not mask.any():
        raise CalibrationError(f"None of the items {listed(known.ids)} is among the anchors {listed(given.items)}")
    for j in np.flatnonzero(mask):
        i, m = held[j], int(known.n_categories[j])
        if given.n_categories[i] != m:
            raise CalibrationError(
                f"Anchor {known.ids[j]} has {given.n_categories[i]} score categories, the responses have {m}"
            )
        families[j] = given.families[i]
    known = known._replace(families=families)
    return Fixed(mask, _values(given, known, held)), known


def _values(given: ItemParameters, known: Known, held: list[int]) -> np.ndarray[Any, Any]:
    """Return the anchors' parameters in the columns of this calibration (I, F), for the rows `held` of them, -1 for none."""
    several = known.loads.shape[1] > 1 and bool((known.loads.sum(axis=1) == 1).all())
    given = given.single() if several and given.between else given
    D, K = given.slopes.shape[1], int(known.n_categories.max())
    width = given.intercepts.shape[1] - 1
    out = np.zeros((len(known.ids), D + K - 1 + extra_width(known.families, known.n_categories)))
    for j, i in enumerate(held):
        if i < 0:
            continue
        m = int(known.n_categories[j])
        own = given.beta[i]
        out[j, :D] = own[:D]
        out[j, D : D + m - 1] = np.where(np.isfinite(given.intercepts[i, 1:m]), own[D : D + m - 1], 0.0)
        n = min(out.shape[1] - D - K + 1, len(own) - D - width)
        out[j, D + K - 1 : D + K - 1 + n] = own[D + width : D + width + n]
        if known.families[j] == "3PL":
            out[j, D + K :] = np.inf
    return out
