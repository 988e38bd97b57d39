"""The page of an item analysis: what to do with each item, the numbers behind it, and who chose which answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from competency_dx.arrays import Floats
from competency_dx.display import correlation_bar, count, decimal, interval
from competency_dx.quality import LEAST_ANSWERS, VERDICTS, WEAK, ItemAnalysis, OptionTrace
from competency_dx.reports.files import Sheet
from competency_dx.reports.pages import Language, Written, engine_line, finding_lines, render, several, strings

REMARKS = ("repair", "drop", "look")
LONGEST, FIXED = 90, 5
NONE = decimal(float("nan"), 0, "en")


def items_report(items: ItemAnalysis, language: Language) -> Written:
    """Return how an item analysis is written: a page, and a workbook of items and answers."""
    return Written(
        table="table",
        page=lambda _: render("items.html", language, {"v": items_view(items, language)}),
        sheets=lambda: (item_sheets(items, language), strings(language)["items_title"]),
    )


def items_view(items: ItemAnalysis, language: Language) -> dict[str, Any]:
    """Return what the templates show; `lines` begin with the gravest remarks, `todo` are those with any."""
    t, order = strings(language), items.by_trouble.tolist()
    shown = _numbers(items, language)
    lines = [_line(items, i, [column[i] for column in shown.values()], language) for i in order]
    by_item: dict[str, list[OptionTrace]] = {}
    for option in items.options:
        by_item.setdefault(option.item, []).append(option)
    tables = [
        {"line": line, "rows": [_option(o, language) for o in by_item[line["item"]]], "open": line["verdict"] in REMARKS}
        for line in lines
        if line["item"] in by_item
    ]
    others, undecided = items.verdicts.count("keep"), items.verdicts.count("undecided")
    words = []
    if undecided:
        total = several(len(items.items), "item_of", language)
        words.append(t["items_few"].format(n=undecided, total=total, least=LEAST_ANSWERS))
    if others:
        every = others == len(items.items)
        words.append(t["items_none" if every else "items_sound"].format(items=several(others, "item", language)))
    made = items.provenance
    return {
        "facts": _facts(items, language),
        "todo": [line for line in lines if line["verdict"] in REMARKS],
        "others": words,
        "note": t["items_note"].format(weak=decimal(WEAK, 2, language)),
        "heads": [*t["items_heads"].split("|")[:FIXED], *shown],
        "lines": lines,
        "options": tables,
        "option_heads": t["options_heads"].split("|"),
        "findings": finding_lines(items.findings, language),
        "methods": [
            engine_line(made, language),
            (t["items_rule"], t["items_how"].format(least=LEAST_ANSWERS)),
            (t["missing_answers"], items.missing.describe(language)),
            *((t.get(f"input_{name}", name), f"{digest[:19]}…") for name, digest in made.inputs.items()),
        ],
    }


def _facts(items: ItemAnalysis, language: Language) -> tuple[tuple[str, str], ...]:
    """Return numbers of persons and items, and alpha."""
    t = strings(language)
    facts = [(t["persons_n"], count(items.n_persons, language)), (t["head_n_items"], str(len(items.items)))]
    whole, given, n = (decimal(x, d, language) for x, d in ((items.alpha, 2), (items.alpha_given, 2), (items.n_given, 0)))
    if math.isfinite(items.alpha_low):
        limits = (decimal(x, 2, language) for x in (items.alpha_low, items.alpha_high))
        facts.append((t["items_alpha"], f"{whole} ({'–'.join(limits)})"))
    elif math.isfinite(items.alpha):
        facts.append((t["items_alpha"], t["items_alpha_given"].format(alpha=whole, given=given, n=n)))
    return tuple(facts)


def _numbers(items: ItemAnalysis, language: Language) -> dict[str, list[str]]:
    """Return the columns of further numbers by their heads, without those of which nothing is known."""
    columns = (
        [decimal(float(x), 2, language) for x in items.alpha_without],
        [count(int(n), language) for n in items.n],
        [decimal(100 * float(x), 0, language) for x in items.omitted],
        [decimal(100 * float(x), 0, language) for x in items.not_reached],
    )
    heads = strings(language)["items_heads"].split("|")[FIXED:]
    return {head: column for head, column in zip(heads, columns, strict=True) if set(column) != {NONE}}


def _line(items: ItemAnalysis, i: int, numbers: Sequence[str], language: Language) -> dict[str, Any]:
    """Return an item: its verdict in words, the reasons, a picture of the correlation, numbers as texts."""
    low, high = (100 * float(x[i]) for x in (items.share_low, items.share_high))
    r, r_low, r_high = (float(x[i]) for x in (items.item_rest, items.item_rest_low, items.item_rest_high))
    return {
        "item": items.items[i],
        "verdict": items.verdicts[i],
        "word": VERDICTS[items.verdicts[i]].text(language),
        "reason": items.reason(items.items[i], language),
        "share": decimal(100 * float(items.share[i]), 0, language),
        "limits": interval(low, high, language),
        "r": decimal(r, 2, language),
        "bar": correlation_bar(r, r_low, r_high, WEAK),
        "numbers": numbers,
    }


def _option(o: OptionTrace, language: Language) -> tuple[str, ...]:
    shares = (o.share, o.low, o.middle, o.high, o.rest)
    text = o.text if len(o.text) <= LONGEST else o.text[: LONGEST - 1].rstrip() + "…"
    percents = (decimal(100 * x, 0, language) for x in shares)
    return (o.option + "*" * o.credited, text, count(o.n, language), *percents, decimal(o.r, 2, language))


def item_sheets(items: ItemAnalysis, language: Language) -> tuple[Sheet, ...]:
    """Return the sheets: items, the gravest remarks first, answers, findings."""
    t, order = strings(language), items.by_trouble
    names = t["items_heads"].split("|")
    verdicts = [VERDICTS[items.verdicts[i]].text(language) for i in order]
    shares: dict[str, Floats] = {
        names[2]: items.share,
        f"{names[2]} ≥": items.share_low,
        f"{names[2]} ≤": items.share_high,
        names[7]: items.omitted,
        names[8]: items.not_reached,
    }
    relations = {
        names[3]: items.item_rest,
        f"{names[3]} ≥": items.item_rest_low,
        f"{names[3]} ≤": items.item_rest_high,
        names[5]: items.alpha_without,
    }
    numbers = shares | relations
    first = Sheet(
        name=t["sheet_items"],
        heads=(t["head_item"], t["head_verdict"], t["head_reason"], names[6], *numbers),
        columns=(
            [items.items[i] for i in order],
            verdicts,
            [items.reason(items.items[i], language) for i in order],
            items.n[order].tolist(),
            *(x[order].tolist() for x in numbers.values()),
        ),
        formats=dict.fromkeys(shares, "0%") | dict.fromkeys(relations, "0.00"),
    )
    heads = t["options_heads"].split("|")
    fields = ("option", "text", "n", "share", "low", "middle", "high", "rest", "r")
    answers = Sheet(
        name=t["sheet_options"],
        heads=(t["head_item"], "*", *heads),
        columns=(
            [o.item for o in items.options],
            ["*" * o.credited for o in items.options],
            *([getattr(o, name) for o in items.options] for name in fields),
        ),
        formats=dict.fromkeys(heads[3:8], "0%") | {heads[8]: "0.00"},
        frozen=3,
    )
    lines = finding_lines(items.findings, language)
    said = Sheet(
        name=t["sheet_findings"],
        heads=(t["severity"], t["finding"], t["scope"]),
        columns=([f.severity for f in lines], [f.text for f in lines], [f.scope for f in lines]),
    )
    return (first, *((answers,) if items.options else ()), said)
