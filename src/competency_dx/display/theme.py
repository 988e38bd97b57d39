"""How pictures look: one dark ink and greys, five marks told apart by shape and pattern, never by colour alone.

What is drawn by hand stands here too, every text through `escape`: pictures that fit a row of a table and are as wide as their cell is
(intervals on the percent scale, stacked bars), and the notebook form of results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Literal

from competency_dx.arrays import FrozenDict, value

if TYPE_CHECKING:
    import pandas as pd

FONT = "'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK = "#1a1a1a"
ACCENT = "#1f3a5f"
GREY = "#5c5c5c"
PALE = "#b8b8b8"
FAINT = "#e4e4e4"
PAPER = "#ffffff"

Look = Literal["solid", "half", "diamond", "open", "none"]
LOOKS: tuple[Look, ...] = ("solid", "half", "diamond", "open", "none")

_PATTERNS: Mapping[Look, str] = FrozenDict(
    solid=f'<rect width="6" height="6" fill="{ACCENT}"/>',
    half=f'<rect width="6" height="6" fill="{PAPER}"/>'
    f'<path d="M-1.5 1.5 1.5 -1.5M0 6 6 0M4.5 7.5 7.5 4.5" stroke="{ACCENT}" stroke-width="2"/>',
    diamond=f'<rect width="6" height="6" fill="{PAPER}"/><circle cx="3" cy="3" r="1.1" fill="{ACCENT}"/>',
    open=f'<rect width="6" height="6" fill="{PAPER}"/>',
    none=f'<rect width="6" height="6" fill="{FAINT}"/>',
)
SHOWN_ROWS = 10
SHOWN_CHARS = 60


def fill(look: Look) -> str:
    """Return the reference to the fill of a look; the page needs `patterns` once."""
    return f"url(#fill-{look})"


def patterns() -> str:
    """Return an invisible SVG with the five fills, once for a page."""
    size = 'width="6" height="6" patternUnits="userSpaceOnUse"'
    tiles = "".join(f'<pattern id="fill-{look}" {size}>{tile}</pattern>' for look, tile in _PATTERNS.items())
    return f'<svg width="0" height="0" style="position: absolute" aria-hidden="true"><defs>{tiles}</defs></svg>'


def marker(look: Look) -> str:
    """Return the SVG mark of a look around the origin: filled square, half-filled square, diamond, open circle, cross."""
    pen, box = f'stroke="{ACCENT}" stroke-width="1.6"', 'x="-5.0" y="-5.0" height="10.0"'
    return {
        "solid": f'<rect {box} width="10.0" fill="{ACCENT}" {pen}/>',
        "half": f'<rect {box} width="10.0" fill="{PAPER}" {pen}/><rect {box} width="5.0" fill="{ACCENT}"/>',
        "diamond": f'<path d="M-6.2 0.0l6.2 -6.2 6.2 6.2 -6.2 6.2z" fill="{PAPER}" {pen}/>',
        "open": f'<circle cx="0.0" cy="0.0" r="5.0" fill="{PAPER}" {pen}/>',
        "none": f'<path d="M-3.5 -3.5l7.0 7.0M-3.5 3.5l7.0 -7.0" stroke="{GREY}" stroke-width="1.6" fill="none"/>',
    }[look]


def symbol(look: Look) -> str:
    """Return the mark of a look as a small inline picture for running text and tables."""
    return f'<svg class="mark" viewBox="-8 -8 16 16" width="12" height="12" aria-hidden="true">{marker(look)}</svg>'


def notebook(summary: Sequence[str], frame: pd.DataFrame) -> str:
    """Return the summary lines, columns aligned, and the first rows of the table as HTML."""
    head, *rest = summary
    lines = "\n".join(escape(line) for line in rest)
    block = f'<pre style="margin:.4em 0;font-size:.9em;line-height:1.35">{lines}</pre>' if rest else ""
    hidden = len(frame) - SHOWN_ROWS
    more = f'<div style="opacity:.7">… {hidden} more {"row" if hidden == 1 else "rows"}</div>' if hidden > 0 else ""
    shown = frame.head(SHOWN_ROWS)
    texts = {name: _short for name in frame.columns if frame[name].dtype.kind == "O"}
    whole = [name for name in frame.columns if frame[name].dtype.kind == "f" and (frame[name].dropna() % 1 == 0).all()]
    texts |= dict.fromkeys(whole, lambda cell: "" if cell != cell else f"{cell:.0f}")  # noqa: PLR0124 - as below
    table = shown.to_html(index=False, border=0, na_rep="", float_format="{:.3f}".format, justify="left", formatters=texts)
    return f'<div><strong>{escape(head)}</strong>{block}<div style="overflow-x:auto">{table}</div>{more}</div>'


def _short(cell: object) -> str:
    if cell is None or cell != cell:  # noqa: PLR0124 - NaN is the one value unequal to itself
        return ""
    words = str(cell)
    return words if len(words) <= SHOWN_CHARS else words[: SHOWN_CHARS - 1] + "…"


@value
class IntervalRow:
    """One row: label, indent, estimate, bounds in percent, words; a `borrowed` interval is a broken line: it rests on other rows."""

    label: str
    depth: int
    at: tuple[float, float, float]
    figures: str
    words: str = ""
    look: Look = "open"
    borrowed: bool = False


def interval_table(rows: Sequence[IntervalRow], cuts: Sequence[float], zones: tuple[str, str], title: str) -> str:
    """Return an HTML table with a row for each interval; style sheets may set its cells below each other.

    `cuts` are lines across all rows, 0-100, `zones` what lies below the first of them and above the last; the title is for screen
    readers.
    """
    body = "".join(
        f'<tr class="r{min(row.depth, 3)}"><th scope="row">{escape(row.label)}</th>'
        f'<td class="scale">{_scale(row, cuts)}</td>'
        f'<td class="n">{escape(row.figures)}</td><td>{escape(row.words)}</td></tr>'
        for row in rows
    )
    words = [(cuts[0], "end", 11, zones[0]), (100.0, "end", 11, zones[1])]
    ticks = [(0.0, "start"), *((cut, "middle") for cut in cuts), (100.0, "end")]
    texts = [*words, *((x, side, 25, f"{x:g}\u00a0%") for x, side in ticks)]
    scale = _picture(
        "".join(
            f'<text x="{x:g}%" y="{y}" text-anchor="{side}" font-size="10.5" fill="{GREY if y > 11 else INK}">{escape(text)}</text>'
            for x, side, y, text in texts
        )
    )
    head = f'<tr class="head"><td></td><td class="scale">{scale}</td><td></td><td></td></tr>'
    return f'<table class="intervals" aria-label="{escape(title)}"><tbody>{head}{body}</tbody></table>'


def _scale(row: IntervalRow, cuts: Sequence[float]) -> str:
    point, low, high = (min(max(x, 0.0), 100.0) for x in row.at)
    tick = f'<path d="M0-4V4" stroke="{ACCENT}" stroke-width="1.4"/>'
    ends = "".join(f'<svg x="{x:.1f}%" y="50%" overflow="visible">{tick}</svg>' for x in (low, high))
    line = _line(low, high, ACCENT, ("50%", "50%"), "3 3" if row.borrowed else "", 2.0)
    return _picture(f'{_across(tuple(cuts))}{line}{ends}<svg x="{point:.1f}%" y="50%" overflow="visible">{marker(row.look)}</svg>')


@cache
def _across(cuts: tuple[float, ...]) -> str:
    """Return the ends of the scale and the cuts, which all rows have."""
    ends = "".join(_line(x, x, PALE, ("0", "100%")) for x in (0.0, 100.0))
    return ends + "".join(_line(x, x, INK, ("0", "100%"), "4 3") for x in cuts)


def _line(x1: float, x2: float, stroke: str, y: tuple[str, str], dash: str = "", width: float = 1.0) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}%" x2="{x2:.1f}%" y1="{y[0]}" y2="{y[1]}" stroke="{stroke}" stroke-width="{width:g}"{dashes}/>'


def correlation_bar(r: float, low: float, high: float, cut: float) -> str:
    """Return a correlation with its limits on a scale from -.4 to 1, with lines at 0 and at a cut; nothing without one."""
    if r != r:  # noqa: PLR0124 - NaN
        return ""
    left, right, point, zero, at = (100 * (min(max(x, -0.4), 1.0) + 0.4) / 1.4 for x in (low, high, r, 0.0, cut))
    lines = _line(zero, zero, INK, ("0", "100%")) + _line(at, at, GREY, ("0", "100%"), "3 3")
    mark = f'<circle cx="{point:.1f}%" cy="50%" r="3.4" fill="{ACCENT}"/>'
    return _picture(lines + _line(left, right, ACCENT, ("50%", "50%"), width=2.0) + mark)


def stacked_bar(counts: Sequence[int | None], total: int) -> str:
    """Return a bar divided into five kinds by their counts, gaps for None; the page needs the fills of `theme.patterns`."""
    x, out = 0.0, ""
    for look, n in zip(LOOKS, counts, strict=True):
        width = 100 * (n or 0) / max(total, 1)
        if n:
            out += f'<rect x="{x:.2f}%" y="0" width="{width:.2f}%" height="100%" fill="{fill(look)}" stroke="{INK}"/>'
        x += width
    return _picture(out, f' style="background: {FAINT}"')


def swatch(look: Look) -> str:
    """Return a small piece of a bar for the key."""
    return f'<svg width="16" height="11" aria-hidden="true"><rect width="16" height="11" fill="{fill(look)}" stroke="{INK}"/></svg>'


def _picture(body: str, more: str = "") -> str:
    return f'<svg width="100%" height="100%" aria-hidden="true"{more}>{body}</svg>'
