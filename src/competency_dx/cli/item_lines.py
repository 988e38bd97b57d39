"""What `items` says: a row for each item, the gravest remarks first, and under it why and who chose what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from competency_dx.cli.terminal import Terminal, folded, table_lines
from competency_dx.display import decimal
from competency_dx.quality import VERDICTS

if TYPE_CHECKING:
    from competency_dx.quality import ItemAnalysis, OptionTrace

INDENT = 4


def analysis_lines(analysis: ItemAnalysis, terminal: Terminal) -> list[str]:
    """Return the whole report as lines that fit the terminal; only items to repair show who chose which answer."""
    language, order = terminal.language, analysis.by_trouble.tolist()
    heads = terminal.words("items_heads").split("|")
    rows = [
        [
            analysis.items[i],
            VERDICTS[analysis.verdicts[i]].text(language),
            decimal(100 * float(analysis.share[i]), 0, language),
            decimal(float(analysis.item_rest[i]), 2, language),
            str(analysis.n[i]),
        ]
        for i in order
    ]
    out, (head, *lines) = [""], table_lines(heads, rows, texts=2)
    for i, line in zip(order, lines, strict=True):
        out.append(line)
        if analysis.verdicts[i] not in {"keep", "undecided"}:
            out += folded(analysis.reason(analysis.items[i], language), INDENT, 0)
        if analysis.verdicts[i] == "repair":
            named = [o for o in analysis.options if o.item == analysis.items[i]]
            out += [line for o in named for line in folded(_trace(o, terminal), INDENT, 2)]
        out += [""] * (analysis.verdicts[i] not in {"keep", "undecided"})
    return [head, *out[1:], "", *_of_the_test(analysis, terminal)]


def _trace(option: OptionTrace, terminal: Terminal) -> str:
    """Return who chose an answer: ``"A*: 40 %; weakest 60, middle 40, strongest 20 %"``."""
    parts = {name: getattr(option, name) for name in ("share", "low", "middle", "high")}
    shares = {name: decimal(100 * x, 0, terminal.language) for name, x in parts.items()}
    words = terminal.words("thirds", **shares)
    return f"{option.option}{'*' * option.credited}: {shares['share']} %; {words}"


def _of_the_test(analysis: ItemAnalysis, terminal: Terminal) -> list[str]:
    """Return alpha, of booklets also for the number of items that a person got."""
    whole, given = (decimal(x, 2, terminal.language) for x in (analysis.alpha, analysis.alpha_given))
    line = terminal.words("alpha", whole=whole)
    if not np.isfinite(analysis.alpha_low):
        line += terminal.words("alpha_given", given=given, n=decimal(analysis.n_given, 0, terminal.language))
    return folded(f"{line}.")
