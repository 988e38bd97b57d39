"""How a table of answers is laid out: what the user says about it, the column names people use, tables that hold no answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Literal, get_args

from competency_dx.arrays import FrozenDict, value
from competency_dx.display import column_title
from competency_dx.errors import LANGUAGES, ResponsesError, phrase
from competency_dx.responses.missing import Meaning, reason_code
from competency_dx.responses.normalise import fold_text, header_form, tidy
from competency_dx.wording import toml_content

Shape = Literal["auto", "wide", "long"]
Cells = Literal["auto", "raw", "scored"]
Attempts = Literal["error", "first", "last", "best"]
Privacy = Literal["refuse", "drop"]
Unreadable = Literal["refuse", "leave_out"]

_COLUMNS, _ROWS, _RESULTS = (toml_content("responses.reading", "words")[part] for part in ("columns", "rows", "results"))
PERSON_NAMES: Sequence[str] = (
    *_COLUMNS["person"],
    *(f"{key} {who}" for who in _COLUMNS["who_ru"] for key in _COLUMNS["key_ru"]),
    *(f"{who} {key}" for who in _COLUMNS["who_en"] for key in _COLUMNS["key_en"]),
    *(f"{who}id" for who in _COLUMNS["who_en"]),
    *_COLUMNS["person_further"],
)
FORM_NAMES, ITEM_NAMES, ANSWER_NAMES = (_COLUMNS[name] for name in ("form", "item", "answer"))
BACKGROUND_NAMES = frozenset(FORM_NAMES).union(_COLUMNS["background"])
_COVARIATE = re.compile(r"(?:cov|itemcov|qmatrix)[_\d]", re.IGNORECASE)


@value
class Layout:
    """Everything about how a table is laid out; what is not said is found out, and an ambiguity is an error.

    Attributes
    ----------
    kind : {"auto", "wide", "long"}
        One row per person, or one row per answer.
    cells : {"auto", "raw", "scored"}
        Raw answers to be scored with the bank's keys, or points.
    person : str or None
        Column of person ids.
    items : tuple of str or None
        The item columns (wide) or the items to keep (long).
    item, answer : str or None
        Columns of item ids and of answers in a long table.
    aliases : mapping of str to str or None
        Names in the table, headers or the items of a long one, to item ids: ``{"Вопрос 1": "MAT-003"}``.
    form : str or None
        Column of form ids (or titles) of the bank: it tells omitted from not reached and not administered.
    attempts : {"error", "first", "last", "best"}
        Which attempt counts when a person occurs twice. "best" takes the attempt with the most points; in a long
        table, where attempts are per item, the best answer to each item.
    missing_tokens : mapping of str to reason
        Further texts that stand for a missing answer, for example ``{"нет": "omitted"}``. ``""`` is the empty cell; the
        reason "blank" is whatever an empty cell stands for.
    missing_codes : mapping of item id or "*" to mapping of str to reason
        Codes that stand for a missing answer to one item or to all, for example ``{"*": {"99": "omitted"}}``.
    pii : {"refuse", "drop"}
        What to do with columns of personal data: names, e-mails, phones, СНИЛС, birth dates …
    sheet : str or None
        Sheet of a workbook.
    unreadable : {"refuse", "leave_out"}
        What to do with columns of which more than a tenth of the cells cannot be read, or all; single cells are left out.
    """

    kind: Shape = "auto"
    cells: Cells = "auto"
    person: str | None = None
    items: tuple[str, ...] | None = None
    item: str | None = None
    answer: str | None = None
    aliases: Mapping[str, str] | None = None
    form: str | None = None
    attempts: Attempts = "error"
    missing_tokens: Mapping[str, Meaning] | None = None
    missing_codes: Mapping[str, Mapping[str, Meaning]] | None = None
    pii: Privacy = "refuse"
    sheet: str | None = None
    unreadable: Unreadable = "refuse"

    def __post_init__(self) -> None:
        choices = {"kind": Shape, "cells": Cells, "attempts": Attempts, "pii": Privacy, "unreadable": Unreadable}
        for name, kind in choices.items():
            if getattr(self, name) not in get_args(kind):
                raise ResponsesError("responses.layout", name=name, given=getattr(self, name), choices=get_args(kind))
        if isinstance(self.items, str):
            raise ResponsesError("responses.items_one_text", items=self.items)
        object.__setattr__(self, "items", None if self.items is None else tuple(map(_one_line, self.items)))
        for name in ("person", "item", "answer", "form"):
            given = getattr(self, name)
            object.__setattr__(self, name, None if given is None else _one_line(given))
        aliases = {_one_line(name): str(item) for name, item in (self.aliases or {}).items()}
        object.__setattr__(self, "aliases", FrozenDict(aliases) or None)
        for text, reason in (self.missing_tokens or {}).items():
            reason_code(reason, f"Layout(missing_tokens={{{text!r}: …}})")
        for item, codes in (self.missing_codes or {}).items():
            for text, reason in codes.items():
                reason_code(reason, f"Layout(missing_codes={{{item!r}: {{{text!r}: …}}}})")

    def user_reasons(self, item: str) -> dict[str, int]:
        """Return the user's own tokens for an item: text in the form of `fold_text` or `tidy` to reason code."""
        out: dict[str, int] = {}
        codes = self.missing_codes or {}
        for source in (self.missing_tokens or {}, codes.get("*", {}), codes.get(item, {})):
            for text, reason in source.items():
                out |= dict.fromkeys((tidy(text), fold_text(text) or tidy(text)), reason_code(reason, ""))
        return out

    def settings(self) -> dict[str, str]:
        """Return every choice that was made, in words, for the provenance."""
        chosen = {"kind": self.kind, "cells": self.cells, "attempts": self.attempts, "pii": self.pii}
        named = {n: getattr(self, n) for n in ("person", "item", "answer", "form", "sheet") if getattr(self, n)}
        tokens = {n: getattr(self, n) for n in ("aliases", "missing_tokens", "missing_codes")}
        listed = {"items": ", ".join(self.items)} if self.items is not None else {}
        left_out = {"unreadable": "left out"} if self.unreadable == "leave_out" else {}
        return {**chosen, **named, **listed, **{n: str(t) for n, t in tokens.items() if t}, **left_out}


def _one_line(name: object) -> str:
    return " ".join(str(name).split())


def is_total(text: str) -> bool:
    """Tell whether a cell is the label of a row of totals, or a header that of a column of them; an id has digits."""
    words = re.findall(r"[^\W\d_]+", header_form(text))
    first = words[0] if words else ""
    if first in _ROWS["signature"]:
        return True
    anywhere = len(words) <= 4 and any(word in _ROWS["total_anywhere"] for word in words)
    return (anywhere or first in _ROWS["total"]) and not any(c.isdigit() for c in text)


def is_background(header: str) -> bool:
    """Tell whether a column is called like what is kept beside answers: a group, a date, a total, a covariate."""
    bare = re.sub(r"\s*[/(]\s*\d[^/(]*$", "", header)  # "Grade/9.00", "Оценка (8)"
    return header_form(bare) in BACKGROUND_NAMES or is_total(bare) or _COVARIATE.match(header) is not None


@cache
def _headings() -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the headings of each table in the form in which they are compared."""
    return tuple(
        (kind, frozenset(header_form(column_title(column, language)) for column in columns))
        for kind, tables in _RESULTS.items()
        for columns in tables
        for language in LANGUAGES
    )


def refuse_results(names: Iterable[str], origin: str) -> None:
    """Raise when these are the headings of a table of results that this program wrote, in English or in Russian."""
    heads = {header_form(name) for name in names}
    for kind, columns in _headings():
        if columns <= heads:
            raise ResponsesError("responses.result_table", origin=origin, what=phrase(f"responses.is_{kind}"))
