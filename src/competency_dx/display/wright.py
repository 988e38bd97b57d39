"""Item map (Wright map): persons left, items by difficulty right, on one vertical scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress, groupby
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
LEAST = (-1.0, 1.0)  # what a map of persons shows in any case


class WrightColumn(NamedTuple):
    """One competency: its name, densities (G, Q) of the populations, names of items or steps with their places (N,)."""

    label: str
    densities: Floats
    words: Sequence[str]
    places: Floats


def wright_chart(columns: Sequence[WrightColumn], theta: Floats, groups: Sequence[str], words: Sequence[str]) -> Chart:
    """Return the map, a column for each competency; `theta` (Q,) are the points of the densities, ascending, in logits.

    `words` are the title, what stands on either side of a line, the label of the scale, and the heads of the two sides.
    """
    title, sides, scale, *heads = words
    wide = max(NARROWEST, SHEET // len(columns))
    places, ends = np.concatenate([c.places for c in columns]), (float(theta[0]), float(theta[-1]))
    low = max(float(np.floor(places.min(initial=ends[0]))), ends[0] - BEYOND)  # wider than theta where items lie beyond
    high = min(float(np.ceil(places.max(initial=ends[1]))), ends[1] + BEYOND)
    edges = np.linspace(low, high, LEVELS + 1)
    series: list[Series] = []
    for k, column in enumerate(columns):
        axis = (k + PEOPLE) * wide
        names = groups if k == 0 and len(groups) > 1 else [""] * len(groups)
        left, base = axis - 0.95 * PEOPLE * wide * column.densities / column.densities.max(), np.full(len(theta), axis)
        for g, (name, x) in enumerate(zip(names, left, strict=True)):  # densities grow to the left of the axis
            series.append(Series(name=name, mark="area", x=x, y=theta, low=base, style=g))
        series.append(Series(name="", mark="line", x=np.full(2, axis), y=edges[[0, -1]], style=0))
        series.append(_names(column, edges, axis + 1.0, (k + 1) * wide))
    middles = tuple((k + (1 + PEOPLE) / 2) * wide for k in range(len(columns)))
    alone = len(columns) == 1
    return Chart(
        title=title,
        x_label="" if alone else sides,
        y_label=scale,
        series=tuple(series),
        x_names=tuple(heads) if alone else tuple(c.label for c in columns),
        x_places=(PEOPLE * wide / 2, *middles) if alone else middles,
        x_range=(0.0, float(wide * len(columns))),
        y_range=(low, high),
        size=(CHARACTER * wide * len(columns) + 1.0, LEVEL * LEVELS + 1.4),
    )


def _names(column: WrightColumn, edges: Floats, left: float, right: float) -> Series:
    """Return names side by side in the row of their place; an arrow marks those beyond the ends, +n those without room."""
    x, y, labels = [], [], []
    rows = np.clip(np.searchsorted(edges, column.places, side="right") - 1, 0, len(edges) - 2).tolist()
    ascending = [i for i in np.argsort(column.places, kind="stable").tolist() if not np.isnan(column.places[i])]
    for row, members in groupby(ascending, key=rows.__getitem__):
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


def persons_map(theta: Floats, names: Sequence[str], places: Floats, words: Sequence[str]) -> Chart:
    """Return the map of persons `theta` (P,), counted by row, and items with their names and places (N,); NaN are left out."""
    there = np.isfinite(places)
    theta, places, names = theta[np.isfinite(theta)], places[there], [*compress(names, there)]
    low, high = (end([*theta, *places, *LEAST]) for end in (min, max))
    edges = np.linspace(np.floor(low), np.ceil(high), LEVELS + 1)
    counts = np.histogram(theta, edges)[0]
    column = WrightColumn("", np.maximum(np.repeat(counts, 2), 1e-9)[None], names, places)
    chart = wright_chart([column], np.repeat(edges, 2)[1:-1], [""], words)
    shown = [(row, str(n)) for row, n in enumerate(counts.tolist()) if n]
    x = np.array([PEOPLE * SHEET - len(text) - 0.5 for _, text in shown])
    y = np.array([edges[row : row + 2].mean() for row, _ in shown])
    return replace(chart, series=(*chart.series, Series(name="", mark="text", x=x, y=y, labels=tuple(text for _, text in shown))))
