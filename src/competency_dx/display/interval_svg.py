"""Interval chart ("forest"): estimates with intervals on the percent scale, cuts as labelled lines, words beside."""

from __future__ import annotations

import math
from collections.abc import Sequence

from competency_dx.arrays import value
from competency_dx.display import svg
from competency_dx.display.theme import ACCENT, FAINT, GREY, INK, PALE, Look, marker

WIDTH, LEFT, RIGHT = 780.0, 262.0, 542.0
NUMBERS, WORDS = 552.0, 640.0
LABEL_CHARS, WORD_CHARS = 38, 23
TOP, FOOT = 40.0, 34.0
TALL, FLAT = 26.0, 19.0


@value
class IntervalRow:
    """One row: label, indent, estimate with bounds (NaN draws no mark), what stands beside it in figures and words."""

    label: str
    depth: int
    point: float
    low: float
    high: float
    look: Look
    figures: str
    words: str


def interval_svg(
    rows: Sequence[IntervalRow], cuts: Sequence[tuple[float, str]], *, title: str, axis: str, unit: str = "%"
) -> str:
    """Return the chart as inline SVG.

    Parameters
    ----------
    rows : sequence of IntervalRow
        From top to bottom; rows of depth 0 and 1 are set in bold and stand apart as heads of groups.
    cuts : sequence of (float, str)
        Position 0-100 and label of each cut line.
    title : str
        Title for screen readers.
    axis : str
        Label of the percent axis.
    unit : str
        Written after the tick numbers.
    """
    heights = [_height(row) for row in rows]
    bottom = TOP + sum(heights)
    body = [_grid(bottom, cuts, unit), svg.text((LEFT + RIGHT) / 2, bottom + 30, axis, anchor="middle", fill=GREY)]
    y = TOP
    for row, height in zip(rows, heights, strict=True):
        body.append(_row(row, y + height / 2, y))
        y += height
    return svg.picture(WIDTH, bottom + FOOT, "".join(body), title)


def place(x: float) -> float:
    """Return the horizontal position of a percent, held within the scale."""
    return LEFT + (RIGHT - LEFT) * min(max(x, 0.0), 100.0) / 100


def _height(row: IntervalRow) -> float:
    label, words = _texts(row)
    base = TALL if math.isfinite(row.point) else FLAT
    return base + svg.LINE_HEIGHT * (max(len(label), len(words)) - 1)


def _texts(row: IntervalRow) -> tuple[list[str], list[str]]:
    return svg.wrapped(row.label, LABEL_CHARS - 2 * row.depth), svg.wrapped(row.words, WORD_CHARS)


def _grid(bottom: float, cuts: Sequence[tuple[float, str]], unit: str) -> str:
    out = []
    for tick in range(0, 101, 20):
        x = place(tick)
        out.append(svg.rule(x, TOP, x, bottom, stroke=FAINT))
        out.append(svg.text(x, bottom + 14, f"{tick}\u00a0{unit}".strip(), anchor="middle", size=10, fill=GREY))
    out.append(svg.rule(LEFT, bottom, RIGHT, bottom, stroke=PALE))
    for k, (cut, label) in enumerate(cuts):
        x = place(cut)
        side: svg.Anchor = "middle" if len(cuts) == 1 else "end" if k == 0 else "start"
        nudge = {"middle": 0, "end": 4, "start": -4}[side]
        height = 0 if len(cuts) < 3 or k in {0, len(cuts) - 1} else 12
        out.append(svg.rule(x, TOP - 8, x, bottom, stroke=INK, dash="5 3"))
        out.append(svg.text(x + nudge, TOP - 14 - height, label, anchor=side, size=10.5, fill=INK))
    return "".join(out)


def _row(row: IntervalRow, y: float, top: float) -> str:
    known = math.isfinite(row.point)
    label, words = _texts(row)
    weight, ink = (600 if row.depth < 2 and known else 400), (INK if known else GREY)
    out = [svg.lines(4 + 12 * row.depth, y, label, fill=ink, weight=weight)]
    if row.depth < 2:
        out.append(svg.rule(0, top, WIDTH, top, stroke=PALE))
    if known:
        low, high = place(row.low), place(row.high)
        out.append(svg.rule(low, y, high, y, stroke=ACCENT, width=2))
        out += [svg.rule(x, y - 4, x, y + 4, stroke=ACCENT, width=1.4) for x in (low, high)]
    else:
        out.append(svg.rule(LEFT, y, RIGHT, y, stroke=PALE, dash="1 4"))
    out.append(marker(row.look, place(row.point) if known else NUMBERS + 6, y))
    out.append(svg.lines(NUMBERS, y, [row.figures], fill=ink))
    out.append(svg.lines(WORDS, y, words, fill=ink))
    return "".join(out)
