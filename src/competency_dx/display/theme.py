"""How pictures look: one dark ink and greys, names of five marks, which pages draw by ``parts.html``; and results in a notebook."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Literal

from competency_dx.arrays import value

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
SHOWN_ROWS = 10
SHOWN_CHARS = 60


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

    @property
    def shown(self) -> list[str]:
        """Return where estimate and bounds are on the scale, which holds what lies beyond it at its ends."""
        return [f"{min(max(x, 0.0), 100.0):.1f}%" for x in self.at]


def notebook(summary: Sequence[str], frame: "pd.DataFrame") -> str:
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
