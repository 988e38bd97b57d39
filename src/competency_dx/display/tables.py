"""Notebook form of results: the summary and the head of the table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS = 10
SHOWN_CHARS = 60


def html(summary: Sequence[str], frame: pd.DataFrame) -> str:
    """Return the summary lines, columns aligned, and the first rows of the table as HTML."""
    head, *rest = summary
    lines = "\n".join(escape(line) for line in rest)
    block = f'<pre style="margin:.4em 0;font-size:.9em;line-height:1.35">{lines}</pre>' if rest else ""
    hidden = len(frame) - SHOWN_ROWS
    more = f'<div style="opacity:.7">… {hidden} more {"row" if hidden == 1 else "rows"}</div>' if hidden > 0 else ""
    return f"<div><strong>{escape(head)}</strong>{block}{_table(frame.head(SHOWN_ROWS))}{more}</div>"


def _table(frame: pd.DataFrame) -> str:
    texts = {name: _short for name in frame.columns if frame[name].dtype.kind == "O"}
    out: str = frame.to_html(
        index=False, border=0, na_rep="", float_format="{:.3f}".format, justify="left", formatters=texts
    )
    return out


def _short(cell: object) -> str:
    if cell is None or cell != cell:  # noqa: PLR0124 - NaN is the one value unequal to itself
        return ""
    words = str(cell)
    return words if len(words) <= SHOWN_CHARS else words[: SHOWN_CHARS - 1] + "…"
