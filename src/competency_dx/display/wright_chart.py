"""Item map (Wright map) of a calibration: densities of populations left, names of items right of a line, one vertical scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.display.charts import Chart, Series

LEVELS = 34  # rows of names
SHEET, NARROWEST = 100, 34  # width of all columns, and the least of one, in characters
PEOPLE = 0.26  # share of a column that the densities take
LONGEST, GAP, MORE = 16, 2, 4  # characters of a name, between names, and of "+12"
CHARACTER, LEVEL = 0.066, 0.17  # inches
BEYOND = 2.0


class WrightColumn(NamedTuple):
    """One competency: its name, densities (G, Q) of the populations, names of items or steps with their places (N,)."""

    label: str
    densities: Floats
    words: Sequence[str]
    places: Floats


def wright_chart(columns: Sequence[WrightColumn], theta: Floats, groups: Sequence[str]) -> Chart:
    """Return the map, a column for each competency.

    Parameters
    ----------
    columns : sequence of WrightColumn
    theta : ndarray, shape (Q,)
        Points of the densities, ascending, in logits.
    groups : sequence of str
        Names of the G populations.
    """
    wide = max(NARROWEST, SHEET // len(columns))
    low, high = _ends(theta, np.concatenate([c.places for c in columns]))
    edges = np.linspace(low, high, LEVELS + 1)
    series: list[Series] = []
    for k, column in enumerate(columns):
        axis = (k + PEOPLE) * wide
        names = groups if k == 0 and len(groups) > 1 else [""] * len(groups)
        series += _people(column, theta, axis, 0.95 * PEOPLE * wide, names)
        series.append(Series(name="", mark="line", x=np.full(2, axis), y=edges[[0, -1]], style=0))
        series.append(_names(column, edges, axis + 1.0, (k + 1) * wide))
    middles = tuple((k + (1 + PEOPLE) / 2) * wide for k in range(len(columns)))
    alone = len(columns) == 1
    return Chart(
        title="Wright map: population and items on one scale",
        x_label="" if alone else "population left, items right of each line",
        y_label="θ, logits",
        series=tuple(series),
        x_names=("population", "items") if alone else tuple(c.label for c in columns),
        x_places=(PEOPLE * wide / 2, *middles) if alone else middles,
        x_range=(0.0, float(wide * len(columns))),
        y_range=(low, high),
        size=(CHARACTER * wide * len(columns) + 1.0, LEVEL * LEVELS + 1.4),
    )


def _ends(theta: Floats, places: Floats) -> tuple[float, float]:
    """Return the ends of the scale: those of theta, wider by at most 2 logits where items lie beyond."""
    low, high = float(theta[0]), float(theta[-1])
    least, most = float(np.floor(places.min(initial=low))), float(np.ceil(places.max(initial=high)))
    return max(least, low - BEYOND), min(most, high + BEYOND)


def _people(column: WrightColumn, theta: Floats, axis: float, room: float, names: Sequence[str]) -> list[Series]:
    """Return the densities, growing to the left of the axis by at most `room`."""
    left, base = axis - room * column.densities / column.densities.max(), np.full(len(theta), axis)
    return [
        Series(name=name, mark="area", x=x, y=theta, low=base, style=g)
        for g, (name, x) in enumerate(zip(names, left, strict=True))
    ]


def _names(column: WrightColumn, edges: Floats, left: float, right: float) -> Series:
    """Return names side by side in the row of their place; an arrow marks those beyond the ends, +n those without room."""
    rows = np.clip(np.searchsorted(edges, column.places, side="right") - 1, 0, LEVELS - 1)
    x, y, labels = [], [], []
    for row in np.unique(rows).tolist():
        members = sorted(np.flatnonzero(rows == row).tolist(), key=lambda k: float(column.places[k]))
        words = [_marked(column.words[k], float(column.places[k]), edges) for k in members]
        for start, word in _side_by_side(words, right - left):
            x.append(left + start)
            y.append(float(edges[row] + edges[row + 1]) / 2)
            labels.append(word)
    return Series(name="", mark="text", x=np.array(x), y=np.array(y), labels=tuple(labels))


def _marked(word: str, place: float, edges: Floats) -> str:
    short = word if len(word) <= LONGEST else word[: LONGEST - 1] + "…"
    return f"{short}↑" if place > edges[-1] else f"{short}↓" if place < edges[0] else short


def _side_by_side(words: Sequence[str], room: float) -> Iterator[tuple[float, str]]:
    """Yield where each word starts and the word, as many as there is room for, then how many are left."""
    start = 0.0
    for done, word in enumerate(words):
        left = len(words) - done
        if done and start + len(word) + GAP + (MORE if left > 1 else 0) > room:
            yield start, f"+{left}"
            return
        yield start, word
        start += len(word) + GAP
