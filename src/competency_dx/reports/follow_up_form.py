"""The follow-up form: a workbook to fill in and read again, and a page to print; what a person sees, never a key."""

from __future__ import annotations

from competency_dx.adaptive import NextItems
from competency_dx.reports.files import Sheet
from competency_dx.reports.pages import Language, Written, render, strings


def form_report(items: NextItems, language: Language) -> Written:
    """Return how the next items are written: a form to print, for everybody or for each who is asked, and one to fill in."""
    rows, grouped = range(len(items)), items.form == "group"
    forms = [("" if grouped else str(items.persons[row]), items.asked(row)) for row in (rows[:1] if grouped else rows)]
    values = {"bank": items.bank.text(language), "forms": [form for form in forms if form[1]]}
    return Written(
        table="table",
        page=lambda _: render("form.html", language, values),
        sheets=lambda: (form_sheets(items, language), strings(language)["form_title"]),
    )


def form_sheets(items: NextItems, language: Language) -> tuple[Sheet, ...]:
    """Return the sheets: answers to fill in (read by `load_responses`), questions, and what is expected to be decided."""
    t = strings(language)
    frame, decisions = items.to_frame(), items.decisions_frame()
    titles = {c.code: c.title.text(language) for c in items.competencies}
    asked = items.questions
    answers = Sheet(
        name=t["sheet_answers"],
        heads=(t["head_person"], t["head_item"], t["head_answer"]),
        columns=(frame["person"].tolist(), frame["item"].tolist(), [None] * len(frame)),
        frozen=2,
    )
    questions = Sheet(
        name=t["sheet_questions"],
        heads=tuple(t[f"head_{name}"] for name in ("item", "question", "options", "how", "points", "title")),
        columns=(
            [q.item for q in asked],
            ["\n".join([q.stem.strip(), *(f"{code}) {text}" for code, text in q.left.items())]) for q in asked],
            ["\n".join(f"{code}) {text}" for code, text in q.options.items()) for q in asked],
            [t[f"answer_{q.type}"] for q in asked],
            [q.max_score for q in asked],
            [f"{q.competency} {titles[q.competency]}" for q in asked],
        ),
    )
    names = ("person", "competency", "title", "p_deficit", "p_decided")
    columns = {name: decisions[name].tolist() for name in names}
    columns["title"] = [titles[code] for code in columns["competency"]]
    expected = Sheet(
        name=t["sheet_decisions"],
        heads=tuple(t[f"head_{name}"] for name in names),
        columns=tuple(columns.values()),
        formats={t["head_p_deficit"]: "0%", t["head_p_decided"]: "0%"},
        frozen=3,
    )
    return answers, questions, expected
