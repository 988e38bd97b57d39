"""What `validate` says about a bank: size, standing of the parameters, findings, coverage of the framework."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from competency_dx.bank import Item, ItemBank
from competency_dx.cli.terminal import MARKS, Terminal, folded

CODE, NUMBER, TITLE = 11, 8, 36


def bank_lines(bank: ItemBank, terminal: Terminal) -> list[str]:
    """Return the whole report as lines of at most 80 characters."""
    return [*_head(bank, terminal), *_findings(bank, terminal), "", *_coverage(bank, terminal)]


def _head(bank: ItemBank, terminal: Terminal) -> list[str]:
    points = sum(i.max_score for i in bank.items)
    kinds = {k: sum(i.type == k for i in bank.items) for k in dict.fromkeys(i.type for i in bank.items)}
    states = [r.status for r in bank.parameters]
    forms = ", ".join(f"{f.id} ({len(f.items)})" for f in bank.forms) or terminal.pick("нет", "none")
    standing = ", ".join(f"{s} {states.count(s)}" for s in dict.fromkeys(states)) or terminal.pick("нет", "none")
    texts = [
        f"{bank.id} {bank.version}: {bank.title.text(terminal.language)}",
        terminal.pick("заданий", "items") + f" {len(bank.items)}, " + terminal.pick("баллов", "points") + f" {points}",
        ", ".join(f"{k} {n}" for k, n in kinds.items()),
        terminal.pick("варианты", "forms") + f": {forms}{_common(bank, terminal)}",
        terminal.pick("рамка", "framework") + f": {bank.framework.id} {bank.framework.version}",
        terminal.pick("параметры", "parameters") + f": {standing}",
        bank.digest[:23] + "…",
    ]
    return [line for text in texts for line in folded(text, hang=2)]


def _common(bank: ItemBank, terminal: Terminal) -> str:
    if len(bank.forms) < 2:
        return ""
    n = len(set.intersection(*(set(f.items) for f in bank.forms)))
    return terminal.pick(f", общих заданий {n}", f", {n} items in common")


def _findings(bank: ItemBank, terminal: Terminal) -> list[str]:
    found = bank.findings()
    if not found:
        return [terminal.pick("замечаний нет", "no findings")]
    texts = [f"{MARKS[f.severity].strip() or '-'} {f.text(terminal.language)}" for f in found]
    return [line for text in texts for line in folded(text, hang=2)]


def _coverage(bank: ItemBank, terminal: Terminal) -> list[str]:
    heads = [terminal.pick("заданий", "items"), terminal.pick("баллов", "points"), *(f.id[:6] for f in bank.forms[:3])]
    head = terminal.pick("код", "code").ljust(CODE) + "".join(h.rjust(NUMBER) for h in heads)
    lines = [head + "  " + terminal.pick("компетенция", "competency")]
    for node in bank.framework.nodes:
        items = [i for i in bank.items if any(bank.framework.within(c, node.code) for c in i.competencies)]
        if items and node.kind != "topic":
            lines.append(_row(bank, node.code, items, node.title.text(terminal.language)))
    return lines


def _row(bank: ItemBank, code: str, items: Sequence[Item], title: str) -> str:
    ids = {i.id for i in items}
    numbers = [len(items), sum(i.max_score for i in items), *(len(ids & set(f.items)) for f in bank.forms[:3])]
    cells = code.ljust(CODE) + "".join(str(n).rjust(NUMBER) for n in numbers)
    width = max(12, 80 - len(cells) - 2)
    return f"{cells}  {textwrap.shorten(title, width=min(width, TITLE), placeholder='…')}"
