"""Chosen options of keyed multiple choice items as categories: distractors in the order of their labels, the key last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Ints
from competency_dx.errors import ResponsesError, listed

if TYPE_CHECKING:
    from competency_dx.responses.responses import Responses

MOST = 26


class Options(NamedTuple):
    """Labels of the options of one item, the key last; the option of each person (P,), and where one was chosen (P,)."""

    labels: tuple[str, ...]
    codes: Codes
    chosen: Bools


def chosen_options(data: Responses, item: int, labels: tuple[str, ...] | None = None) -> Options:
    """Return which option each person chose in the item at position `item`.

    Without `labels` they are those that occur; options other than the given ones count as no choice.

    Raises
    ------
    ResponsesError
        When raw answers were not kept, or more than one option or none earns the points.
    """
    name = data.items[item]
    if data.answers is None:
        raise ResponsesError(
            f"Item {name}: the chosen options are needed and the responses hold points only; load the raw answers with "
            "load_responses(…, bank=bank)"
        )
    spelled, codes = data.answers.spelled(item)
    given: Ints = np.where(data.observed[:, item], codes, -1).astype(np.int64)
    if labels is None:
        labels = _labels(data, item, spelled, given)
    place = {label: k for k, label in enumerate(labels)}
    found = np.array([*(place.get(label, -1) for label in spelled), -1])[given]
    return Options(labels, np.maximum(found, 0).astype(np.int8), np.asarray(found >= 0))


def _labels(data: Responses, item: int, spelled: tuple[str, ...], given: Ints) -> tuple[str, ...]:
    """Return the labels that occur, the one that earns the points last."""
    name = data.items[item]
    seen = {spelled[k] for k in np.unique(given[given >= 0])}
    right = {spelled[k] for k in np.unique(given[(given >= 0) & (data.scores[:, item] > 0)])}
    if len(right) != 1:
        what = "no chosen option earns a point" if not right else f"options {listed(sorted(right))} earn points"
        raise ResponsesError(f"Item {name}: {what}; a model of distractors needs exactly one keyed option")
    if len(seen) > MOST:
        raise ResponsesError(
            f"Item {name} has {len(seen)} different answers; a model of distractors is for multiple choice"
        )
    return (*sorted(seen - right), *right)
