"""The follow-up form: a workbook to fill in and read again, and a page to print; what a person sees, never a key."""

from __future__ import annotations

from competency_dx.adaptive import NextItems, Question
from competency_dx.arrays import value
from competency_dx.reports.files import Sheet
from competency_dx.reports.pages import Language, Written, render, strings


@value
class FormQuestion:
    """One question as it is printed: number, text, what to choose from, and how to answer."""

    number: int
    question: Question
    title: str
    hint: str
    unit: str


@value
class PersonForm:
    """The questions for one person, or for everybody."""

    who: str
    questions: tuple[FormQuestion, ...]


@value
class FormView:
    """What the template of the printable form shows."""

    bank: str
    forms: tuple[PersonForm, ...]


def form_report(items: NextItems, language: Language) -> Written:
    """Return how the next items are written: a form to print and a workbook to fill in."""

    def page(_: bool) -> str:  # noqa: FBT001 - no further pages
        return render("form.html", language, {"v": form_view(items, language)})

    title = strings(language)["form_title"]
    return Written(table="table", page=page, sheets=lambda: (form_sheets(items, language), title))


def form_view(items: NextItems, language: Language) -> FormView:
    """Return the printed form: one for a group, else one for each person who is asked anything."""
    rows = range(1 if items.form == "group" and len(items) else len(items))
    forms = tuple(
        PersonForm(
            who="" if items.form == "group" else str(items.persons[row]),
            questions=tuple(_printed(k, q, language) for k, q in enumerate(items.asked(row), start=1)),
        )
        for row in rows
    )
    return FormView(bank=items.bank.text(language), forms=tuple(form for form in forms if form.questions))


def _printed(number: int, question: Question, language: Language) -> FormQuestion:
    hint = strings(language)[f"answer_{question.type}"]
    unit = question.unit.text(language) if question.unit else ""
    return FormQuestion(number=number, question=question, title=question.title.text(language), hint=hint, unit=unit)


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
        formats={},
        frozen=2,
    )
    questions = Sheet(
        name=t["sheet_questions"],
        heads=tuple(t[f"head_{name}"] for name in ("item", "question", "options", "how", "points", "title")),
        columns=(
            [q.item for q in asked],
            ["\n".join([q.stem.strip(), *_lines(q.left)]) for q in asked],
            ["\n".join(_lines(q.options)) for q in asked],
            [t[f"answer_{q.type}"] for q in asked],
            [q.max_score for q in asked],
            [f"{q.competency} {titles[q.competency]}" for q in asked],
        ),
        formats={},
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


def _lines(choices: object) -> list[str]:
    assert isinstance(choices, dict)
    return [f"{code}) {text}" for code, text in choices.items()]
