"""Pictures that fit a row of a table: intervals on the percent scale and stacked bars, as wide as their cell is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape

from competency_dx.arrays import value
from competency_dx.display.theme import ACCENT, FAINT, GREY, INK, LOOKS, PALE, Look, fill, marker


@value
class IntervalRow:
    """One row: label, indent, estimate with bounds in percent, what stands beside it in figures and words.

    `borrowed` draws the interval as a broken line: it rests on other rows more than on its own.
    """

    label: str
    depth: int
    point: float
    low: float
    high: float
    look: Look
    figures: str
    words: str
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
    head = f'<tr class="head"><th></th><td class="scale">{_zones(cuts, zones)}</td><td></td><td></td></tr>'
    return f'<table class="intervals" aria-label="{escape(title)}"><tbody>{head}{body}</tbody></table>'


def _zones(cuts: Sequence[float], zones: tuple[str, str]) -> str:
    words = [(cuts[0], "end", 11, zones[0]), (100.0, "end", 11, zones[1])]
    ticks = [(0.0, "start"), *((cut, "middle") for cut in cuts), (100.0, "end")]
    texts = [*words, *((x, side, 25, f"{x:g}\u00a0%") for x, side in ticks)]
    return _picture(
        "".join(
            f'<text x="{x:g}%" y="{y}" text-anchor="{side}" font-size="10.5" fill="{GREY if y > 11 else INK}">{escape(text)}</text>'
            for x, side, y, text in texts
        )
    )


def _scale(row: IntervalRow, cuts: Sequence[float]) -> str:
    low, high, point = (min(max(x, 0.0), 100.0) for x in (row.low, row.high, row.point))
    ends = "".join(
        f'<svg x="{x:.1f}%" y="50%" overflow="visible"><path d="M0-4V4" stroke="{ACCENT}" stroke-width="1.4"/></svg>'
        for x in (low, high)
    )
    line = _line(low, high, ACCENT, ("50%", "50%"), "3 3" if row.borrowed else "", 2.0)
    mark = f'<svg x="{point:.1f}%" y="50%" overflow="visible">{marker(row.look, 0, 0)}</svg>'
    return _picture(_across(tuple(cuts)) + line + ends + mark)


@cache
def _across(cuts: tuple[float, ...]) -> str:
    """Return the ends of the scale and the cuts, which all rows have."""
    ends = "".join(_line(x, x, PALE, ("0", "100%")) for x in (0.0, 100.0))
    return ends + "".join(_line(x, x, INK, ("0", "100%"), "4 3") for x in cuts)


def _line(x1: float, x2: float, stroke: str, y: tuple[str, str], dash: str = "", width: float = 1.0) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    place = f'x1="{x1:.1f}%" x2="{x2:.1f}%" y1="{y[0]}" y2="{y[1]}"'
    return f'<line {place} stroke="{stroke}" stroke-width="{width:g}"{dashes}/>'


def correlation_bar(r: float, low: float, high: float, cut: float) -> str:
    """Return a correlation with its limits on a scale from -.4 to 1, with lines at 0 and at a cut; nothing without one."""
    if r != r:  # noqa: PLR0124 - NaN
        return ""
    left, right, point, zero, at = (100 * (min(max(x, -0.4), 1.0) + 0.4) / 1.4 for x in (low, high, r, 0.0, cut))
    lines = _line(zero, zero, INK, ("0", "100%")) + _line(at, at, GREY, ("0", "100%"), "3 3")
    mark = f'<circle cx="{point:.1f}%" cy="50%" r="3.4" fill="{ACCENT}"/>'
    return _picture(lines + _line(left, right, ACCENT, ("50%", "50%"), width=2.0) + mark)


def stacked_bar(counts: Sequence[int]) -> str:
    """Return a bar divided into five kinds by their counts; the page needs the fills of `theme.patterns`."""
    total, x, out = max(sum(counts), 1), 0.0, ""
    for look, n in zip(LOOKS, counts, strict=True):
        width = 100 * n / total
        if n:
            out += f'<rect x="{x:.2f}%" y="0" width="{width:.2f}%" height="100%" fill="{fill(look)}" stroke="{INK}"/>'
        x += width
    return _picture(out, f' style="background: {FAINT}"')


def swatch(look: Look) -> str:
    """Return a small piece of a bar for the key."""
    return f'<svg width="16" height="11" aria-hidden="true"><rect width="16" height="11" fill="{fill(look)}" stroke="{INK}"/></svg>'


def _picture(body: str, more: str = "") -> str:
    return f'<svg width="100%" height="100%" aria-hidden="true"{more}>{body}</svg>'
