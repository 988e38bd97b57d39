"""What an empty cell means: omitted, not reached or not administered, by the form the person was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from competency_dx.responses.findings import ABSENT as ABSENT_PERSONS
from competency_dx.responses.findings import OUTSIDE_FORM, UNKNOWN_FORM
from competency_dx.responses.missing import ABSENT, BLANK, Reason, Reasons
from competency_dx.responses.reading.roles import Roles, form_index, form_of
from competency_dx.responses.reading.scoring import absent_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from competency_dx.arrays import Bools, Names
    from competency_dx.bank import Form, ItemBank
    from competency_dx.findings import Finding


def resolve_blanks(
    roles: Roles, bank: ItemBank | None, items: Sequence[str], status: Reasons
) -> tuple[Reasons, list[Finding]]:
    """Replace `BLANK` and `ABSENT` by reasons.

    Inside the form a run of blanks at its end was not reached and any other blank was omitted; outside the form, or
    where the form is not known, a blank was not administered. Whoever did not come was administered nothing.
    """
    out, found = status.copy(), []
    absent = absent_rows(status)
    if absent.any():
        found.append(ABSENT_PERSONS.of(_who(roles, absent)))
    if bank is not None and roles.form is not None:
        found += _by_form(roles, bank, items, out)
    out[(out == BLANK) | (out == ABSENT)] = Reason.NOT_ADMINISTERED
    out[absent] = Reason.NOT_ADMINISTERED
    return out, found


def _who(roles: Roles, rows: Bools) -> list[str]:
    if roles.person is None:
        return [str(k + 1) for k in np.flatnonzero(rows).tolist()]
    return [str(p) for p in roles.table.columns[roles.person].texts()[rows].tolist()]


def form_ids(roles: Roles, bank: ItemBank) -> tuple[Names, list[Form | None]]:
    """Return the form id of every person ("" where it is not known) and the form behind each distinct value."""
    assert roles.form is not None
    column, known = roles.table.columns[roles.form], form_index(bank.forms)
    forms = [form_of(v, known) for v in column.vocabulary]
    ids: Names = np.array(
        [*(f.id if f else v for f, v in zip(forms, column.vocabulary, strict=True)), ""], dtype=object
    )
    return ids[column.codes], forms


def _by_form(roles: Roles, bank: ItemBank, items: Sequence[str], out: Reasons) -> list[Finding]:
    assert roles.form is not None
    column = roles.table.columns[roles.form]
    _, forms = form_ids(roles, bank)
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
        n_outside += int(answered.sum())
        outside += [items[k] for k in beyond[answered.any(axis=0)].tolist()]
    n_unknown = int(np.isin(column.codes, [k for k, f in enumerate(forms) if f is None]).sum())
    return [*UNKNOWN_FORM.about(unknown, persons=n_unknown), *OUTSIDE_FORM.about(outside, cells=n_outside)]


def reached(status: Reasons) -> Reasons:
    """Return the reasons within a form, items in the order of presentation (persons × items of the form)."""
    blank = status == BLANK
    tail = np.logical_and.accumulate(blank[:, ::-1], axis=1)[:, ::-1]
    out = status.copy()
    out[blank] = Reason.OMITTED
    out[tail] = Reason.NOT_REACHED
    return out
