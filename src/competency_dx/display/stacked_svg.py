"""Stacked bars: how a cohort divides into five kinds, with patterns that survive a black-and-white printer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.display import svg
from competency_dx.display.theme import GREY, INK, LOOKS, PAPER, patterns

WIDTH, LEFT, RIGHT = 780.0, 262.0, 720.0
LABEL_CHARS = 38
TOP, ROW, BAR = 46.0, 25.0, 17.0
LEAST_FOR_A_NUMBER = 20.0


def stacked_svg(
    labels: Sequence[str], counts: ArrayLike, names: Sequence[str], *, title: str, depths: Sequence[int] = ()
) -> str:
    """Return horizontal stacked bars as inline SVG.

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
    body, y = [patterns(prefix), _key(names, prefix)], TOP
    for k, label in enumerate(labels):
        depth = depths[k] if depths else 0
        words = svg.wrapped(label, LABEL_CHARS - 2 * depth)
        height = ROW + svg.LINE_HEIGHT * (len(words) - 1)
        weight = 600 if depths and depth < 2 else 400
        body.append(svg.lines(4 + 12 * depth, y + height / 2, words, weight=weight))
        body.append(_bar(table[k], y + (height - BAR) / 2, prefix))
        y += height
    return svg.picture(WIDTH, y + 6, "".join(body), title)


def _key(names: Sequence[str], prefix: str) -> str:
    out, x, y = [], 4.0, 4.0
    for look, name in zip(LOOKS, names, strict=True):
        needed = 24 + 6.3 * len(name) + 14
        if x + needed > WIDTH:
            x, y = 4.0, y + 18
        out.append(svg.box(x, y, 16, 11, fill=f"url(#{prefix}-{look})"))
        out.append(svg.text(x + 22, y + 10, name, size=11))
        x += needed
    return "".join(out)


def _bar(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]], y: float, prefix: str) -> str:
    total = int(counts.sum())
    out, x = [], LEFT
    for look, n in zip(LOOKS, counts.tolist(), strict=True):
        width = (RIGHT - LEFT) * n / total if total else 0.0
        if n:
            out.append(svg.box(x, y, width, BAR, fill=f"url(#{prefix}-{look})"))
        if n and width >= LEAST_FOR_A_NUMBER:
            out.append(_number(n, x + width / 2, y, on_pattern=look != "open"))
        x += width
    out.append(svg.text(RIGHT + 8, y + 13, f"n\u00a0=\u00a0{total}", size=11, fill=GREY))
    return "".join(out)


def _number(n: int, x: float, y: float, *, on_pattern: bool) -> str:
    half = 3.4 * len(str(n)) + 2
    plate = f'<rect x="{x - half:.1f}" y="{y + 2.5:.1f}" width="{2 * half:.1f}" height="{BAR - 5}" fill="{PAPER}"/>'
    return (plate if on_pattern else "") + svg.text(x, y + 12.5, str(n), anchor="middle", size=11, fill=INK)
