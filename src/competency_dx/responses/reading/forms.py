"""What an empty cell means: omitted, not reached or not administered, by the form the person was given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

import numpy as np

from competency_dx.arrays import Bools, Ints, Names
from competency_dx.bank import Form, ItemBank
from competency_dx.findings import Finding, Template
from competency_dx.responses.missing import ABSENT, BLANK, Reason, ReasonName, Reasons
from competency_dx.responses.normalise import fold_code, fold_text
from competency_dx.responses.reading.roles import Roles
from competency_dx.responses.reading.table import Column


class FormColumn(NamedTuple):
    """The column of forms, the form behind each distinct content, and its id row by row ("" or the content if unknown)."""

    column: Column
    forms: list[Form | None]
    ids: Names


def forms_of(roles: Roles, bank: ItemBank | None) -> FormColumn | None:
    """Return the forms that persons were given, None where the table or the bank does not tell."""
    if roles.form is None or bank is None:
        return None
    column, index = roles.table.columns[roles.form], _form_index(bank.forms)
    forms = [index.get(fold_text(v)) or index.get(fold_code(v).casefold()) for v in column.vocabulary]
    ids = column.spread(f.id if f else v for f, v in zip(forms, column.vocabulary, strict=True))
    return FormColumn(column, forms, ids)


def resolve_blanks(
    persons: Names, items: Sequence[str], status: Reasons, stated: Ints, forms: FormColumn | None
) -> tuple[Reasons, list[Finding]]:
    """Replace `BLANK` and `ABSENT` by reasons; `persons` are the ids row by row.

    Inside the form a run of blanks at its end was not reached and any other blank was omitted; outside the form, or
    where the form is not known, a blank was not administered. Where the user has `stated` (I,) what an empty cell is, it is
    that in rows with any content, but not outside the form. Whoever did not come was administered nothing.
    """
    blank, out = status == BLANK, status.copy()
    there = (status == Reason.ANSWERED) | (status == Reason.INVALID)
    absent = (status == ABSENT).any(axis=1) & ~there.any(axis=1)
    out = np.where(blank & ~blank.all(axis=1, keepdims=True), stated.astype(np.uint8), status)
    notes = [*Template("responses.absent").about(persons[absent].tolist()), *(_by_form(forms, items, out, blank) if forms else [])]
    out[(out == BLANK) | (out == ABSENT)] = Reason.NOT_ADMINISTERED
    out[absent] = Reason.NOT_ADMINISTERED
    return out, [*notes, *blank_cells(np.bincount(out[blank & ~absent[:, None]], minlength=len(Reason)))]


def blank_cells(counts: Ints) -> tuple[Finding, ...]:
    """Return what is to be said of blank cells; `counts` (5,) by `Reason`."""
    facts: dict[str, Any] = {name: counts[Reason[name.upper()]] for name in get_args(ReasonName)}
    return (Template("responses.blanks").of(cells=counts.sum(), **facts),) if counts.any() else ()


def _form_index(forms: Sequence[Form]) -> dict[str, Form]:
    """Return the forms by every name they may have in a table: id and titles, in the form of `fold_text`."""
    titles = [(t, f) for f in forms if f.title for t in (f.title.ru, f.title.en) if t]
    digits = [(d, f) for t, f in titles if len(d := re.sub(r"\D", "", t)) == 1]
    ids = {fold: f for f in forms for fold in (fold_text(f.id), fold_code(f.id).casefold())}
    short = {d: f for d, f in digits if sum(other == d and form is not f for other, form in digits) == 0}
    worded = {f"{word}{d}": f for d, f in short.items() for word in ("вариант ", "вариант №", "вар. ", "№", "form ", "форма ")}
    return {fold_text(name): f for name, f in worded.items()} | short | {fold_text(t): f for t, f in titles} | ids


def _by_form(given: FormColumn, items: Sequence[str], out: Reasons, blank: Bools) -> list[Finding]:
    """Write the reasons of blanks inside forms into `out`, and return what is to be said of the forms."""
    column, forms, _ = given
    place = {name: k for k, name in enumerate(items)}
    outside: list[str] = []
    n_outside, unknown = 0, [v for v, f in zip(column.vocabulary, forms, strict=True) if f is None]
    for code, form in enumerate(forms):
        if form is None:
            continue
        rows = np.flatnonzero(column.codes == code)
        inside = np.array([place[i] for i in form.items if i in place], dtype=np.int64)
        out[np.ix_(rows, inside)] = reached(out[np.ix_(rows, inside)])
        beyond = np.setdiff1d(np.arange(len(items)), inside)
        answered = out[np.ix_(rows, beyond)] == Reason.ANSWERED
        out[np.ix_(rows, beyond)] = np.where(blank[np.ix_(rows, beyond)], BLANK, out[np.ix_(rows, beyond)])
        n_outside += int(answered.sum())
        outside += [items[k] for k in beyond[answered.any(axis=0)].tolist()]
    n_unknown = int(np.isin(column.codes, [k for k, f in enumerate(forms) if f is None]).sum())
    return [
        *Template("responses.unknown_form").about(unknown, persons=n_unknown),
        *Template("responses.outside_form").about(outside, cells=n_outside),
    ]


def reached(status: Reasons) -> Reasons:
    """Return the reasons within a form, items in the order of presentation (persons × items of the form)."""
    blank = status == BLANK
    tail = np.logical_and.accumulate(blank[:, ::-1], axis=1)[:, ::-1]
    out = status.copy()
    out[blank] = Reason.OMITTED
    out[tail] = Reason.NOT_REACHED
    return out
