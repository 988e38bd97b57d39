"""The follow-up form: a workbook to fill in and read again, and a page to print; what a person sees, never a key."""

from __future__ import annotations

from typing import Any

from competency_dx.adaptive import NextItems
from competency_dx.reports.files import Sheet, sheet_of
from competency_dx.reports.pages import Language, Written, render, strings


def form_report(items: NextItems, language: Language) -> Written:
    """Return how the next items are written: a form to print, for everybody or for each who is asked, and one to fill in."""
    rows, grouped = range(len(items)), items.form == "group"
    forms = [("" if grouped else str(items.persons[row]), items.asked(row)) for row in (rows[:1] if grouped else rows)]
    values = {"bank": items.bank.text(language), "forms": [form for form in forms if form[1]]}
    return Written(
        page=lambda _: render("form.html", language, values),
        sheets=lambda: (form_sheets(items, language), strings(language)["form_title"]),
    )


def form_sheets(items: NextItems, language: Language) -> tuple[Sheet, ...]:
    """Return the sheets: answers to fill in (read by `load_responses`), questions, and what is expected to be decided."""
    t, asked = strings(language), items.questions
    frame, decisions = items.to_frame(), items.decisions_frame()
    titles = {c.code: c.title.text(language) for c in items.competencies}
    answers = {"person": frame["person"].tolist(), "item": frame["item"].tolist(), "answer": [None] * len(frame)}
    questions: dict[str, list[Any]] = {
        "item": [q.item for q in asked],
        "question": ["\n".join([q.stem.strip(), *(f"{code}) {text}" for code, text in q.left.items())]) for q in asked],
        "options": ["\n".join(f"{code}) {text}" for code, text in q.options.items()) for q in asked],
        "how": [t[f"answer_{q.type}"] for q in asked],
        "points": [q.max_score for q in asked],
        "title": [f"{q.competency} {titles[q.competency]}" for q in asked],
    }
    expected: dict[str, list[Any]] = {
        name: decisions[name].tolist() for name in ("person", "competency", "title", "p_deficit", "p_decided")
    }
    expected["title"] = [titles[code] for code in expected["competency"]]
    sheets = (("sheet_answers", answers, 2), ("sheet_questions", questions, 1), ("sheet_decisions", expected, 3))
    return tuple(sheet_of(t[name], columns, language, frozen) for name, columns, frozen in sheets)
