"""Item map (Wright map): persons left, items by difficulty right, on one vertical scale; as a chart, and by hand for pages."""

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.display.charts import Chart, Series
from competency_dx.display.theme import ACCENT, FAINT, FONT, GREY, INK, PALE, PAPER
from competency_dx.wording import decimal

LEVELS = 34  # rows of names
SHEET, NARROWEST = 100, 34  # width of all columns, and the least of one, in characters
PEOPLE = 0.26  # share of a column that the densities take
LONGEST, GAP, MORE = 16, 2, 4  # characters of a name, between names, and of "+12"
CHARACTER, LEVEL = 0.066, 0.17  # inches
BEYOND = 2.0
WIDTH, AXIS, TOP, ROW, BINS = 780.0, 250.0, 34.0, 15.0, 28  # of the map of pages, in units of its own
LETTER = 5.6


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
    for row, members in _by_row(column.places, edges):
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


def _by_row(places: Floats, edges: Floats) -> Iterator[tuple[int, list[int]]]:
    """Yield the rows between `edges` that hold a place, with the places of each in ascending order; NaN are left out."""
    rows = np.clip(np.searchsorted(edges, places, side="right") - 1, 0, len(edges) - 2).tolist()
    ascending = [i for i in np.argsort(places, kind="stable").tolist() if not np.isnan(places[i])]
    for row, members in groupby(ascending, key=rows.__getitem__):
        yield row, list(members)


def map_svg(
    theta: Floats, difficulty: Floats, items: Sequence[str], *, hollow: Sequence[bool], words: Sequence[str], language: str
) -> str:
    """Return the item map as inline SVG, drawn in milliseconds.

    Positions of persons `theta` (P,) and difficulties (I,) are on one scale, NaN are left out; items without data behind their
    difficulty are `hollow` (I,). `words` are the title and the heads of the left and the right side.
    """
    theta, there = theta[np.isfinite(theta)], difficulty[np.isfinite(difficulty)]
    edges = np.linspace(np.floor(min([*theta, *there, -1.0]) * 2) / 2, np.ceil(max([*theta, *there, 1.0]) * 2) / 2, BINS + 1)
    bottom, counts = TOP + BINS * ROW, np.histogram(theta, edges)[0].tolist()
    out = [_rule(x, TOP, x, bottom, ink) for x, ink in ((AXIS, INK), (AXIS + 36, PALE))]
    for tick in range(int(np.ceil(edges[0])), int(np.floor(edges[-1])) + 1):
        y = TOP + BINS * ROW * float((edges[-1] - tick) / (edges[-1] - edges[0]))
        out += [_rule(0, y, WIDTH, y, FAINT), _said(AXIS + 18, y + 4, decimal(tick, 0, language), "middle", fill=INK)]
    for k, n in enumerate(counts):
        width, y = (AXIS - 40) * n / max(*counts, 1), bottom - (k + 1) * ROW
        if n:
            at = f'x="{AXIS - width:.1f}" y="{y + 1:.1f}" width="{width:.1f}" height="{ROW - 2:.1f}" fill="{PALE}" stroke="{GREY}"'
            out += [f'<rect {at} stroke-width="0.8"/>', _said(AXIS - width - 4, y + 11.5, str(n), "end", 9.5)]
    for k, members in _by_row(difficulty, edges):
        x, y = AXIS + 48.0, bottom - (k + 1) * ROW
        for done, i in enumerate(members):
            if x + 22 + LETTER * len(items[i]) > WIDTH - 34:
                out.append(_said(x, y + 11, f"+{len(members) - done}", size=9.5))
                break
            at = f'cx="{x + 4:.1f}" cy="{y + 7.5:.1f}" r="3.6" fill="{PAPER if hollow[i] else ACCENT}"'
            out += [f'<circle {at} stroke="{ACCENT}" stroke-width="1.3"/>', _said(x + 11, y + 11, items[i], size=9.5, fill=INK)]
            x += 22 + LETTER * len(items[i])
    title, left, right = words
    out += [_said(AXIS - 8, TOP - 16, left, "end"), _said(AXIS + 44, TOP - 16, right)]
    size, label = f'viewBox="0 0 {WIDTH:.0f} {bottom + 12:.0f}" font-family="{escape(FONT)}"', escape(title)
    return f'<svg class="picture" {size} role="img" aria-label="{label}"><title>{label}</title>{"".join(out)}</svg>'


def _said(x: float, y: float, words: str, anchor: str = "start", size: float = 11, *, fill: str = GREY) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}">{escape(words)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float, ink: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{ink}" stroke-width="1"/>'
