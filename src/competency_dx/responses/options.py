"""Chosen options of keyed multiple choice items as categories: distractors in the order of their labels, the key last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes
from competency_dx.errors import ResponsesError, listed
from competency_dx.responses.normalise import fold_code

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
    codes = data.answers.codes[:, item]
    folded = [fold_code(text) for text in data.answers.vocabulary[item]]
    answered = data.observed[:, item] & (codes >= 0)
    if labels is None:
        labels = _labels(data, item, folded, answered)
    place = {label: k for k, label in enumerate(labels)}
    table = np.array([place.get(label, -1) for label in folded] or [-1])
    found = np.where(answered, table[np.maximum(codes, 0)], -1)
    return Options(labels, np.maximum(found, 0).astype(np.int8), np.asarray(found >= 0))


def _labels(data: Responses, item: int, folded: list[str], answered: Bools) -> tuple[str, ...]:
    """Return the labels that occur, the one that earns the points last."""
    name, codes = data.items[item], data.answers.codes[:, item] if data.answers is not None else np.zeros(0, int)
    seen = {folded[c] for c in np.unique(codes[answered])}
    right = {folded[c] for c in np.unique(codes[answered & (data.scores[:, item] > 0)])}
    if len(right) != 1:
        what = "no chosen option earns a point" if not right else f"options {listed(sorted(right))} earn points"
        raise ResponsesError(f"Item {name}: {what}; a model of distractors needs exactly one keyed option")
    if len(seen) > MOST:
        raise ResponsesError(
            f"Item {name} has {len(seen)} different answers; a model of distractors is for multiple choice"
        )
    return (*sorted(seen - right), *right)
