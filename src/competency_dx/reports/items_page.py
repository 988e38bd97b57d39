"""The page of an item analysis: what to do with each item, the numbers behind it, and who chose which answer."""

from __future__ import annotations

import math
from typing import Any

from competency_dx.display import NONE, count, decimal
from competency_dx.quality import LEAST_ANSWERS, VERDICTS, WEAK, ItemAnalysis, OptionTrace
from competency_dx.reports.files import findings_sheet
from competency_dx.reports.pages import Language, Sheet, Written, about, engine_line, finding_lines, render, several, strings

REMARKS = ("repair", "drop", "look")
FIXED, BOUNDS = 5, ("", " ≥", " ≤")


def items_report(items: ItemAnalysis, language: Language) -> Written:
    """Return how an item analysis is written: a page, and a workbook of items and answers."""
    t = strings(language)
    values = about(items, language) | {"x": items_view(items, language), "facts": _facts(items, language)}
    values["methods"] = [
        engine_line(items.provenance, language),
        (t["items_rule"], t["items_how"].format(least=LEAST_ANSWERS)),
        (t["missing_answers"], items.missing.describe(language)),
        *((t.get(f"input_{name}", name), f"{digest[:19]}…") for name, digest in items.provenance.inputs.items()),
    ]
    return Written(
        page=lambda _: render("items.html", language, values), sheets=lambda: (item_sheets(items, language), t["items_title"])
    )


def items_view(items: ItemAnalysis, language: Language) -> dict[str, Any]:
    """Return what the templates show: `order` begins with the gravest remarks, `todo` are the items with any."""
    t, order = strings(language), items.by_trouble.tolist()
    others, few = items.verdicts.count("keep"), items.verdicts.count("undecided")
    total = several(len(items.items), "item_of", language)
    words = [t["items_few"].format(n=few, total=total, least=LEAST_ANSWERS)] if few else []
    if others:
        words.append(t["items_none" if others == len(items.items) else "items_sound"].format(items=several(others, "item", language)))
    options: dict[str, list[OptionTrace]] = {}
    for option in items.options:
        options.setdefault(option.item, []).append(option)
    return {
        "analysis": items,
        "order": order,
        "todo": [i for i in order if items.verdicts[i] in REMARKS],
        "others": words,
        "weak": WEAK,
        "verdicts": {code: text.text(language) for code, text in VERDICTS.items()},
        "numbers": _numbers(items, language),
        "options": options,
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


def item_sheets(items: ItemAnalysis, language: Language) -> tuple[Sheet, ...]:
    """Return the sheets: items, the gravest remarks first, answers, findings."""
    t, order = strings(language), items.by_trouble
    names = t["items_heads"].split("|")
    columns: dict[str, list[Any]] = {
        t["head_item"]: [items.items[i] for i in order],
        t["head_verdict"]: [VERDICTS[items.verdicts[i]].text(language) for i in order],
        t["head_reason"]: [items.reason(items.items[i], language) for i in order],
        names[6]: items.n[order].tolist(),
    }
    formats: dict[str, str] = {}
    for k, pattern, numbers in (
        (2, "0%", (items.share, items.share_low, items.share_high)),
        (7, "0%", (items.omitted,)),
        (8, "0%", (items.not_reached,)),
        (3, "0.00", (items.item_rest, items.item_rest_low, items.item_rest_high)),
        (5, "0.00", (items.alpha_without,)),
    ):
        columns |= {f"{names[k]}{end}": x[order].tolist() for end, x in zip(BOUNDS, numbers, strict=False)}
        formats |= {f"{names[k]}{end}": pattern for end in BOUNDS}
    first = Sheet(name=t["sheet_items"], heads=tuple(columns), columns=tuple(columns.values()), formats=formats)
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
    return (first, *((answers,) if items.options else ()), findings_sheet(finding_lines(items.findings, language), language))
