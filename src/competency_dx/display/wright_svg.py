"""Item map (Wright map): the distribution of persons left and the items by difficulty right, on one vertical scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Bools, Floats
from competency_dx.display import svg
from competency_dx.display.theme import ACCENT, FAINT, GREY, INK, PALE, PAPER
from competency_dx.display.words import decimal

WIDTH, AXIS, TOP, ROW = 780.0, 250.0, 34.0, 15.0
BINS = 28
CHAR = 5.6


def wright_svg(
    theta: ArrayLike,
    difficulty: ArrayLike,
    items: Sequence[str],
    *,
    provisional: ArrayLike,
    words: tuple[str, str, str, str],
    language: str,
) -> str:
    """Return the item map as inline SVG.

    Parameters
    ----------
    theta : array (P,)
        Positions of the persons; NaN are left out.
    difficulty : array (I,)
        Difficulties of the items, on the same scale; NaN are left out.
    items : sequence of str
        Short names of the items.
    provisional : array (I,) of bool
        Drawn hollow: no data stand behind their difficulty.
    words : tuple of str
        Title, head of the left side, head of the right side, template for what does not fit (``"+{n}"``).
    language : str
        For the numbers on the axis.
    """
    title, left, right, more = words
    persons, b = np.asarray(theta, dtype=np.float64), np.asarray(difficulty, dtype=np.float64)
    persons = persons[np.isfinite(persons)]
    edges = _edges(np.concatenate([persons, b[np.isfinite(b)]]))
    body = [
        _axis(edges, language),
        _histogram(persons, edges),
        _items(b, items, np.asarray(provisional, dtype=np.bool_), edges, more),
        svg.text(AXIS - 8, TOP - 16, left, anchor="end", size=11, fill=GREY),
        svg.text(AXIS + 44, TOP - 16, right, size=11, fill=GREY),
    ]
    return svg.picture(WIDTH, TOP + BINS * ROW + 12, "".join(body), title)


def _edges(values: Floats) -> Floats:
    if not values.size:
        return np.linspace(-3.0, 3.0, BINS + 1)
    low, high = float(values.min()), float(values.max())
    low, high = np.floor(min(low, -1.0) * 2) / 2, np.ceil(max(high, 1.0) * 2) / 2
    return np.linspace(low, high, BINS + 1)


def _axis(edges: Floats, language: str) -> str:
    out = [
        svg.rule(AXIS, TOP, AXIS, TOP + BINS * ROW, stroke=INK),
        svg.rule(AXIS + 36, TOP, AXIS + 36, TOP + BINS * ROW),
    ]
    for tick in range(int(np.ceil(edges[0])), int(np.floor(edges[-1])) + 1):
        y = TOP + BINS * ROW * float((edges[-1] - tick) / (edges[-1] - edges[0]))
        out.append(svg.rule(0, y, WIDTH, y, stroke=FAINT))
        out.append(svg.text(AXIS + 18, y + 4, decimal(tick, 0, language), anchor="middle", size=11))
    return "".join(out)


def _histogram(persons: Floats, edges: Floats) -> str:
    counts = np.histogram(persons, edges)[0]
    top = max(int(counts.max(initial=0)), 1)
    out = []
    for k, n in enumerate(counts.tolist()):
        if not n:
            continue
        width, y = (AXIS - 40) * n / top, TOP + (BINS - 1 - k) * ROW
        out.append(svg.box(AXIS - width, y + 1, width, ROW - 2, fill=PALE, stroke=GREY))
        out.append(svg.text(AXIS - width - 4, y + 11.5, str(n), anchor="end", size=9.5, fill=GREY))
    return "".join(out)


def _items(difficulty: Floats, items: Sequence[str], provisional: Bools, edges: Floats, more: str) -> str:
    rows: dict[int, list[int]] = {}
    for i in np.argsort(difficulty, kind="stable"):
        if np.isfinite(difficulty[i]):
            k = int(np.clip(np.searchsorted(edges, difficulty[i], side="right") - 1, 0, BINS - 1))
            rows.setdefault(k, []).append(int(i))
    return "".join(
        _item_row(members, items, provisional, TOP + (BINS - 1 - k) * ROW, more) for k, members in rows.items()
    )


def _item_row(members: list[int], items: Sequence[str], provisional: Bools, y: float, more: str) -> str:
    out, x = [], AXIS + 48.0
    for done, i in enumerate(members):
        needed = 14 + CHAR * len(items[i]) + 8
        if x + needed > WIDTH - 34 and done < len(members):
            out.append(svg.text(x, y + 11, more.format(n=len(members) - done), size=9.5, fill=GREY))
            break
        fill = PAPER if provisional[i] else ACCENT
        out.append(
            f'<circle cx="{x + 4:.1f}" cy="{y + 7.5:.1f}" r="3.6" fill="{fill}" stroke="{ACCENT}" stroke-width="1.3"/>'
        )
        out.append(svg.text(x + 11, y + 11, items[i], size=9.5))
        x += needed
    return "".join(out)
