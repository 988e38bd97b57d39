"""Charts of rows as inline SVG: estimates with intervals on the percent scale ("forest"), and stacked bars of a cohort."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Ints, value
from competency_dx.display import markup
from competency_dx.display.theme import ACCENT, FAINT, GREY, INK, LOOKS, PALE, PAPER, Look, marker, patterns

WIDTH, LEFT, RIGHT = 780.0, 262.0, 542.0
NUMBERS, WORDS = 552.0, 640.0
LABEL_CHARS, WORD_CHARS = 38, 23
TOP, FOOT = 40.0, 34.0
TALL, FLAT = 26.0, 19.0
BARS_TOP, BARS_RIGHT, ROW, BAR = 46.0, 720.0, 25.0, 17.0
LEAST_FOR_A_NUMBER = 20.0


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
    body, y = [], TOP
    for row in rows:
        label, words = _label(row.label, row.depth), markup.wrapped(row.words, WORD_CHARS)
        height = TALL if math.isfinite(row.point) else FLAT
        height += markup.LINE_HEIGHT * (max(len(label), len(words)) - 1)
        body.append(_row(row, (label, words), y + height / 2, y))
        y += height
    axis_label = markup.text((LEFT + RIGHT) / 2, y + 30, axis, anchor="middle", fill=GREY)
    return markup.picture(WIDTH, y + FOOT, "".join([_grid(y, cuts, unit), axis_label, *body]), title)


def place(x: float) -> float:
    """Return the horizontal position of a percent, held within the scale."""
    return LEFT + (RIGHT - LEFT) * min(max(x, 0.0), 100.0) / 100


def _label(words: str, depth: int) -> list[str]:
    return markup.wrapped(words, LABEL_CHARS - 2 * depth)


def _grid(bottom: float, cuts: Sequence[tuple[float, str]], unit: str) -> str:
    out = []
    for tick in range(0, 101, 20):
        x = place(tick)
        out.append(markup.rule(x, TOP, x, bottom, stroke=FAINT))
        out.append(markup.text(x, bottom + 14, f"{tick}\u00a0{unit}".strip(), anchor="middle", size=10, fill=GREY))
    out.append(markup.rule(LEFT, bottom, RIGHT, bottom, stroke=PALE))
    for k, (cut, label) in enumerate(cuts):
        x = place(cut)
        side: markup.Anchor = "middle" if len(cuts) == 1 else "end" if k == 0 else "start"
        nudge = {"middle": 0, "end": 4, "start": -4}[side]
        height = 0 if len(cuts) < 3 or k in {0, len(cuts) - 1} else 12
        out.append(markup.rule(x, TOP - 8, x, bottom, stroke=INK, dash="5 3"))
        out.append(markup.text(x + nudge, TOP - 14 - height, label, anchor=side, size=10.5, fill=INK))
    return "".join(out)


def _row(row: IntervalRow, texts: tuple[list[str], list[str]], y: float, top: float) -> str:
    """Return a row around `y` that begins at `top`; `texts` are the lines of its label and of its words."""
    known = math.isfinite(row.point)
    weight, ink = (600 if row.depth < 2 and known else 400), (INK if known else GREY)
    out = [markup.lines(4 + 12 * row.depth, y, texts[0], fill=ink, weight=weight)]
    if row.depth < 2:
        out.append(markup.rule(0, top, WIDTH, top, stroke=PALE))
    if known:
        low, high = place(row.low), place(row.high)
        out.append(markup.rule(low, y, high, y, stroke=ACCENT, width=2))
        out += [markup.rule(x, y - 4, x, y + 4, stroke=ACCENT, width=1.4) for x in (low, high)]
    else:
        out.append(markup.rule(LEFT, y, RIGHT, y, stroke=PALE, dash="1 4"))
    out.append(marker(row.look, place(row.point) if known else NUMBERS + 6, y))
    out.append(markup.lines(NUMBERS, y, [row.figures], fill=ink))
    out.append(markup.lines(WORDS, y, texts[1], fill=ink))
    return "".join(out)


def stacked_svg(
    labels: Sequence[str], counts: ArrayLike, names: Sequence[str], *, title: str, depths: Sequence[int] = ()
) -> str:
    """Return horizontal stacked bars as inline SVG, with patterns that survive a black-and-white printer.

    Parameters
    ----------
    labels : sequence of str
        One per row, from top to bottom.
    counts : array (rows, 5)
        Persons of each kind; every bar is drawn to full width and its total is written behind it.
    names : sequence of str
        Names of the five kinds for the key above the bars.
    title : str
        Title for screen readers; also keeps the pattern ids of several pictures apart.
    depths : sequence of int
        Indent of each row.
    """
    table = np.asarray(counts, dtype=np.int64).reshape(len(labels), len(LOOKS))
    prefix = f"fill{sum(title.encode()) % 10_007}"
    body, y = [patterns(prefix), _key(names, prefix)], BARS_TOP
    for k, label in enumerate(labels):
        depth = depths[k] if depths else 0
        words = _label(label, depth)
        height = ROW + markup.LINE_HEIGHT * (len(words) - 1)
        weight = 600 if depths and depth < 2 else 400
        body.append(markup.lines(4 + 12 * depth, y + height / 2, words, weight=weight))
        body.append(_bar(table[k], y + (height - BAR) / 2, prefix))
        y += height
    return markup.picture(WIDTH, y + 6, "".join(body), title)


def _key(names: Sequence[str], prefix: str) -> str:
    out, x, y = [], 4.0, 4.0
    for look, name in zip(LOOKS, names, strict=True):
        needed = 24 + 6.3 * len(name) + 14
        if x + needed > WIDTH:
            x, y = 4.0, y + 18
        out.append(markup.box(x, y, 16, 11, fill=f"url(#{prefix}-{look})"))
        out.append(markup.text(x + 22, y + 10, name, size=11))
        x += needed
    return "".join(out)


def _bar(counts: Ints, y: float, prefix: str) -> str:
    total, out, x = int(counts.sum()), [], LEFT
    for look, n in zip(LOOKS, counts.tolist(), strict=True):
        width = (BARS_RIGHT - LEFT) * n / total if total else 0.0
        if n:
            out.append(markup.box(x, y, width, BAR, fill=f"url(#{prefix}-{look})"))
        if n and width >= LEAST_FOR_A_NUMBER:
            middle, half = x + width / 2, 3.4 * len(str(n)) + 2
            plate = f'x="{middle - half:.1f}" y="{y + 2.5:.1f}" width="{2 * half:.1f}" height="{BAR - 5}"'
            out += [f'<rect {plate} fill="{PAPER}"/>'] if look != "open" else []
            out.append(markup.text(middle, y + 12.5, str(n), anchor="middle", size=11, fill=INK))
        x += width
    out.append(markup.text(BARS_RIGHT + 8, y + 13, f"n\u00a0=\u00a0{total}", size=11, fill=GREY))
    return "".join(out)
