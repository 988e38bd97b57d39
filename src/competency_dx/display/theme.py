"""How pictures look: one dark ink and greys, five marks told apart by shape and pattern, never by colour alone.

The few SVG elements that pictures are made of and the notebook form of results stand here too; every text goes through `escape`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

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

_PATTERNS: Mapping[Look, str] = MappingProxyType(
    {
        "solid": f'<rect width="6" height="6" fill="{ACCENT}"/>',
        "half": f'<rect width="6" height="6" fill="{PAPER}"/>'
        f'<path d="M-1.5 1.5 1.5 -1.5M0 6 6 0M4.5 7.5 7.5 4.5" stroke="{ACCENT}" stroke-width="2"/>',
        "diamond": f'<rect width="6" height="6" fill="{PAPER}"/><circle cx="3" cy="3" r="1.1" fill="{ACCENT}"/>',
        "open": f'<rect width="6" height="6" fill="{PAPER}"/>',
        "none": f'<rect width="6" height="6" fill="{FAINT}"/>',
    }
)
Anchor = Literal["start", "middle", "end"]
SHOWN_ROWS = 10
SHOWN_CHARS = 60


def fill(look: Look) -> str:
    """Return the reference to the fill of a look; the page needs `patterns` once."""
    return f"url(#fill-{look})"


def patterns() -> str:
    """Return an invisible SVG with the five fills, once for a page."""
    tiles = "".join(
        f'<pattern id="fill-{look}" width="6" height="6" patternUnits="userSpaceOnUse">{tile}</pattern>'
        for look, tile in _PATTERNS.items()
    )
    return f'<svg width="0" height="0" style="position: absolute" aria-hidden="true"><defs>{tiles}</defs></svg>'


def marker(look: Look, x: float, y: float, r: float = 5.0) -> str:
    """Return the SVG mark of a look at a point: filled square, half-filled square, diamond, open circle, cross."""
    pen = f'stroke="{ACCENT}" stroke-width="1.6"'
    box = f'x="{x - r:.1f}" y="{y - r:.1f}" height="{2 * r:.1f}"'
    if look == "solid":
        return f'<rect {box} width="{2 * r:.1f}" fill="{ACCENT}" {pen}/>'
    if look == "half":
        return f'<rect {box} width="{2 * r:.1f}" fill="{PAPER}" {pen}/><rect {box} width="{r:.1f}" fill="{ACCENT}"/>'
    if look == "diamond":
        d = 1.25 * r
        return f'<path d="M{x - d:.1f} {y:.1f}l{d:.1f} {-d:.1f} {d:.1f} {d:.1f} {-d:.1f} {d:.1f}z" fill="{PAPER}" {pen}/>'
    if look == "open":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{PAPER}" {pen}/>'
    c = 0.7 * r
    return (
        f'<path d="M{x - c:.1f} {y - c:.1f}l{2 * c:.1f} {2 * c:.1f}M{x - c:.1f} {y + c:.1f}l{2 * c:.1f} {-2 * c:.1f}" '
        f'stroke="{GREY}" stroke-width="1.6" fill="none"/>'
    )


def symbol(look: Look) -> str:
    """Return the mark of a look as a small inline picture for running text and tables."""
    return f'<svg class="mark" viewBox="-8 -8 16 16" width="12" height="12" aria-hidden="true">{marker(look, 0, 0)}</svg>'


def text(  # the attributes of a text element
    x: float, y: float, words: str, *, anchor: Anchor = "start", size: float = 11.5, fill: str = INK
) -> str:
    """Return one line of text whose baseline is at `y`."""
    side = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{fill}"{side}>{escape(words)}</text>'


def rule(x1: float, y1: float, x2: float, y2: float, *, stroke: str = PALE) -> str:
    """Return a straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="1"/>'


def picture(width: float, height: float, body: str, title: str) -> str:
    """Return a scalable picture with a title for screen readers."""
    label = escape(title)
    return (
        f'<svg class="picture" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{label}" '
        f'font-family="{escape(FONT)}"><title>{label}</title>{body}</svg>'
    )


def notebook(summary: Sequence[str], frame: pd.DataFrame) -> str:
    """Return the summary lines, columns aligned, and the first rows of the table as HTML."""
    head, *rest = summary
    lines = "\n".join(escape(line) for line in rest)
    block = f'<pre style="margin:.4em 0;font-size:.9em;line-height:1.35">{lines}</pre>' if rest else ""
    hidden = len(frame) - SHOWN_ROWS
    more = f'<div style="opacity:.7">… {hidden} more {"row" if hidden == 1 else "rows"}</div>' if hidden > 0 else ""
    shown = frame.head(SHOWN_ROWS)
    texts = {name: _short for name in frame.columns if frame[name].dtype.kind == "O"}
    table = shown.to_html(index=False, border=0, na_rep="", float_format="{:.3f}".format, justify="left", formatters=texts)
    return f"<div><strong>{escape(head)}</strong>{block}{table}{more}</div>"


def _short(cell: object) -> str:
    if cell is None or cell != cell:  # noqa: PLR0124 - NaN is the one value unequal to itself
        return ""
    words = str(cell)
    return words if len(words) <= SHOWN_CHARS else words[: SHOWN_CHARS - 1] + "…"
