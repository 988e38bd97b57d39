"""The few SVG elements that pictures are made of, and the notebook form of results; every text goes through `escape`."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Literal

from competency_dx.display.theme import FONT, INK, PALE

if TYPE_CHECKING:
    import pandas as pd

Anchor = Literal["start", "middle", "end"]
SHOWN_ROWS = 10
SHOWN_CHARS = 60


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
