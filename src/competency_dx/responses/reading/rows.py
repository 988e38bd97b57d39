"""Rows as persons: a long table as a wide one, whose rows they are, which of several counts, and what an empty cell means."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Codes, Ints, Names, names
from competency_dx.bank import Form, ItemBank
from competency_dx.errors import ResponsesError, phrase
from competency_dx.findings import Finding, Template
from competency_dx.personal_data import hidden_ids
from competency_dx.responses.missing import ABSENT, BLANK, Reason, ReasonName, Reasons, token_code
from competency_dx.responses.normalise import WORDS, fold_code, fold_text, moments
from competency_dx.responses.reading import layout as naming
from competency_dx.responses.reading.layout import ANSWER_NAMES, ITEM_NAMES, PERSON_NAMES, RIGHT_NAMES, Layout, hinted, names_of
from competency_dx.responses.reading.not_answers import alike, numbers_of, sum_columns
from competency_dx.responses.reading.roles import Roles
from competency_dx.responses.reading.table import Column, Table
from competency_dx.responses.reading.unreadable import as_points

MANY = 1 << 17  # persons
_STATE = re.compile(WORDS["away"]["state"])
_AWAY = [re.compile(text.format_map(WORDS["away"])) for text in ("{certain}", "{certain}|{told}")]
_ATTENDANCE = [(re.compile(WORDS["away"][head]), WORDS["ticks"][mark]) for head, mark in (("present", "no"), ("absent", "yes"))]
WHEN, COUNTED = (re.compile(rf"(?<!\w)(?:{'|'.join(WORDS['columns'][name])})(?!\w)") for name in ("when", "counted"))
LongColumns = tuple[str, str, str]  # of persons, of items and of answers


def long_columns(table: Table, bank: ItemBank | None, layout: Layout) -> LongColumns | None:
    """Return the columns of a long table, None when the table is wide; raises `ResponsesError` if one is missing."""
    if layout.kind == "wide":
        return None
    headers = table.headers()
    told = [n for n in naming.VERDICT_NAMES if n in headers and says_right(table.columns[headers[n]])]
    answers = (*(() if bank else RIGHT_NAMES), *ANSWER_NAMES, *told)  # without keys there must be points
    person, item, answer = (
        given or next((headers[n] for n in names if n in headers), None)
        for given, names in ((layout.person, PERSON_NAMES), (layout.item, ITEM_NAMES), (layout.answer, answers))
    )
    if bank and layout.item is None:  # of numbers, texts and ids of items the ids
        known, there = names_of(bank, layout.aliases), [headers[n] for n in ITEM_NAMES if n in headers]
        item = next((n for n in there if len(there) > 1 and any(map(known.find, table.columns[n].vocabulary))), item)
    for name in filter(None, (layout.item, layout.answer, layout.person)):
        if name not in table.columns:
            raise ResponsesError("responses.no_column", origin=table.origin, name=name, columns=table.columns)
    if person and item and answer:
        certain = layout.kind == "long" or layout.item is not None
        return (person, item, answer) if certain or _holds_ids(table, item, bank, layout) else None
    if layout.kind == "long":
        raise ResponsesError("responses.long_roles", origin=table.origin, columns=table.columns)
    return None


def says_right(column: Column) -> bool:
    """Tell whether a column says which answers are right: by its name, or of a result or a status by words that are no answers."""
    worded = column.header in naming.VERDICT_NAMES and as_points(column, {}) != [*column.vocabulary]  # yes and no may be answers
    return column.header in RIGHT_NAMES or (worded and {*map(fold_text, column.vocabulary)}.isdisjoint(chain(*WORDS["ticks"].values())))


def _holds_ids(table: Table, item: str, bank: ItemBank | None, layout: Layout) -> bool:
    if bank is None:
        return True
    names, spelled = names_of(bank, layout.aliases), table.columns[item].vocabulary
    wide = any(map(names.find, table.columns))
    if spelled and not wide and not any(map(names.find, spelled)):
        near, items = hinted({v: meant for v in spelled if (meant := names.near(v))}), [i.id for i in bank.items]
        facts = {"origin": table.origin, "item": item, "bank": bank.id, "near": near or spelled, "items": items}
        raise ResponsesError("responses.long_no_item", **facts)
    return not wide


def pivot(table: Table, roles: LongColumns, bank: ItemBank | None, layout: Layout) -> tuple[Table, tuple[str, ...]]:
    """Make a wide table: a row per person (and attempt, under "best"), the bank's items or all, what is constant in a person."""
    import pandas as pd

    person, spelled, answer = (table.columns[n] for n in roles)
    if (gaps := (person.codes < 0) | (spelled.codes < 0)).any():
        raise ResponsesError("responses.long_gaps", origin=table.origin, rows=np.flatnonzero(gaps) + 1)
    item, notes = _items(spelled, bank, layout)
    rest = {name: c for name, c in table.columns.items() if name not in roles}
    kept = np.flatnonzero(item.codes >= 0)
    group = person.codes[kept].astype(np.int64) * len(item.vocabulary) + item.codes[kept]
    order, by = (
        in_time(table, kept, group) if layout.attempts in {"first", "last"} else (np.arange(len(kept)), phrase("responses.by_points"))
    )
    kept, cell = kept[order], pd.Series(group[order])
    attempt = np.zeros(table.rows, dtype=np.int64)
    attempt[kept] = cell.groupby(cell).cumcount()  # how many earlier rows have the same person and item
    if attempt.any() and layout.attempts == "error":
        late = np.flatnonzero(attempt)
        whose = hidden_ids(person.texts(), late)
        shown = [f"{who}/{item.vocabulary[item.codes[r]]}" for r, who in zip(late, whose, strict=True)]
        apart = [n for n, c in rest.items() if not pd.DataFrame({"cell": cell, "by": c.codes[kept]}).duplicated().any()]
        by = phrase("responses.apart_by", column=apart[0]) if apart else phrase("responses.remove_some")
        raise ResponsesError("responses.answers_twice", origin=table.origin, shown=dict.fromkeys(shown), by=by)
    layer = attempt if layout.attempts == "best" else np.zeros_like(attempt)
    ids, first, row = np.unique(layer * len(person.vocabulary) + person.codes, return_index=True, return_inverse=True)
    chosen = kept[attempt[kept] == 0] if layout.attempts == "first" else kept
    codes = np.full((len(ids), len(item.vocabulary)), -1, dtype=np.int32)
    codes[row.ravel()[chosen], item.codes[chosen]] = answer.codes[chosen]  # of several in one cell the last stays
    varying = [name for name, c in rest.items() if (c.codes[first][row.ravel()] != c.codes).any()]
    notes += Template("responses.attempts").about(hidden_ids(person.vocabulary, np.unique(person.codes[attempt > 0])), by=by)
    notes += Template("responses.varying").about(varying)
    columns = {name: c.take(first) for name, c in rest.items()}
    columns[person.name] = replace(person, codes=(ids % len(person.vocabulary)).astype(np.int32))
    every = np.arange(len(ids))
    columns |= {n: replace(answer, name=n, codes=codes[:, k]).take(every) for k, n in enumerate(item.vocabulary)}
    items = item.vocabulary
    if bank is None and layout.items is None:
        found = [n for n in items if not naming.is_total(n)]
        sums = sum_columns(found, numbers_of([columns[n] for n in found]))
        items = tuple(n for k, n in enumerate(found) if k not in sums)
    notes += Template("responses.sums").about(n for n in item.vocabulary if n not in items)
    return replace(table, columns=columns, rows=len(ids), index=None, findings=(*table.findings, *notes)), items


def in_time(table: Table, rows: Ints, group: Ints) -> tuple[Ints, dict[str, str]]:
    """Return an order of these rows, and what it follows: the first date or count of attempts that tells rows of a `group` apart."""
    _, of, sizes = np.unique(group, return_inverse=True, return_counts=True)
    several, keys = sizes[of.ravel()] > 1, np.zeros(len(rows))
    for c in (c for c in table.columns.values() if several.any() and (COUNTED.fullmatch(c.header) or WHEN.search(c.header))):
        used = c.take(rows[several])
        at = moments(used.vocabulary, counts=COUNTED.fullmatch(c.header) is not None) if used.codes.min() >= 0 else None
        if at and len({*zip(group[several].tolist(), used.codes.tolist(), strict=True)}) == len(used.codes):
            keys[several] = np.array(at)[used.codes]
            return np.argsort(keys, kind="stable"), phrase("responses.by_column", column=c.name)
    return np.arange(len(rows)), phrase("responses.by_rows")


def _items(spelled: Column, bank: ItemBank | None, layout: Layout) -> tuple[Column, tuple[Finding, ...]]:
    """Return the column of items under their ids, -1 where the bank has none, and what is to be said of it."""
    if bank is None:
        aliases = layout.aliases or {}
        ids = [aliases.get(v, v) for v in spelled.vocabulary]
        notes = Template("responses.spellings").about(alike(spelled.vocabulary))
    else:
        names = names_of(bank, layout.aliases)
        targets = {v: names.find(v) for v in spelled.vocabulary}
        ids = ["" if t is None else f"{t.item}.{t.part}" if t.part else t.item for t in targets.values()]
        strange = {v: names.near(v) or () for v, t in targets.items() if t is None}
        notes = Template("responses.header_matched").about([v for v, t in targets.items() if t is not None and v not in names.exact])
        notes += Template("responses.unknown_items").about(strange, where=hinted(strange))
    place = {i: k for k, i in enumerate(dict.fromkeys(filter(None, ids)))}
    codes = np.array([place.get(i, -1) for i in ids], dtype=np.int32)[spelled.codes]
    return Column(name=spelled.name, codes=codes, vocabulary=tuple(place), kinds=tuple("text" for _ in place)), notes


def numbered(n: int) -> Names:
    """Return the ids "1" … "n", read-only."""
    size = 1 << max(n - 1, 0).bit_length()
    return names(range(1, n + 1)) if size > MANY else _first(size)[:n]


_first = lru_cache(maxsize=MANY.bit_length())(lambda n: names(range(1, n + 1)))  # writing them takes longer than reading answers


def owners(roles: Roles) -> tuple[Names, Ints]:
    """Return the ids (P,) of persons, never empty, in the order of their first row, and the place of its person per row (R,)."""
    if roles.person is None:
        return numbered(roles.table.rows), np.arange(roles.table.rows)
    column, row = roles.table.columns[roles.person], np.arange(roles.table.rows)
    present, bare = column.codes, np.flatnonzero(column.codes < 0)
    if len(bare):
        raise ResponsesError("responses.rows_without_id", origin=roles.table.origin, value=(bare + 1).tolist(), column=column.name)
    if len(column.vocabulary) < len(row):  # else each row is of another person
        import pandas as pd

        row, present = pd.factorize(column.codes)
    return np.array(column.vocabulary, dtype=object)[present], row


def single_rows(roles: Roles, layout: Layout) -> tuple[Roles, Names, Ints]:
    """Return the rows that count, and their `owners`: one per person under "first" and "last"; "error" raises, "best" keeps all."""
    ids, row = owners(roles)
    several = np.bincount(row, minlength=len(ids)) > 1
    if not several.any():
        return roles, ids, row
    twice = hidden_ids(ids[row], np.unique(row, return_index=True)[1][several])
    if layout.attempts == "error":
        raise ResponsesError("responses.persons_twice", origin=roles.table.origin, twice=twice)
    chosen, by = np.arange(len(row)), phrase("responses.by_points")
    if layout.attempts != "best":
        chosen, by = in_time(roles.table, chosen, row)
        order, chosen = chosen if layout.attempts == "last" else chosen[::-1], np.zeros(len(ids), dtype=np.int64)
        own, parts = layout.user_reasons(""), map(roles.table.columns.__getitem__, chain.from_iterable(roles.items.values()))
        answered = np.any([np.array([*(token_code(v, own) is None for v in c.vocabulary), False])[c.codes] for c in parts], axis=0)
        order = order[np.argsort(answered[order], kind="stable")]  # a row without answers only where there is no other
        chosen[row[order]] = order
    kept = roles._replace(table=roles.table.take(chosen, Template("responses.attempts").of(twice, by=by)))
    return kept, *owners(kept)


def away(roles: Roles) -> Bools:
    """Tell of which rows (R,) a column beside the answers says that the person did not come."""
    out = np.zeros(roles.table.rows, dtype=np.bool_)
    for column in map(roles.table.columns.__getitem__, roles.background):
        plain = next((marks for head, marks in _ATTENDANCE if head.search(column.header)), ())
        words = _AWAY[_STATE.search(column.header) is not None]
        said = [(text := fold_text(v)) in plain or words.match(text) is not None for v in column.vocabulary]
        out |= np.array([*said, False])[column.codes]
    return out


def best_rows(row: Ints, scores: Codes, status: Reasons, *, each: bool) -> Ints:
    """Return for each person and item the row with the most points, the first of equals (P, I): for this item or, (P, 1), for all."""
    answered = status == Reason.ANSWERED
    merit: NDArray[np.integer] = np.where(answered, scores, np.int8(-1))
    if not each:
        sums = np.where(answered, scores, 0).sum(axis=1, dtype=np.int64)
        merit = np.where(answered.any(axis=1), sums, -1)[:, None]
    order = np.lexsort((-merit, np.broadcast_to(row[:, None], merit.shape)), axis=0)
    return order[np.unique(np.sort(row), return_index=True)[1]]


class FormColumn(NamedTuple):
    """The column of forms, the form behind each distinct content, and its id row by row ("" or the content if unknown)."""

    column: Column
    forms: list[Form | None]
    ids: Names


def forms_of(roles: Roles, bank: ItemBank | None) -> FormColumn | None:
    """Return the forms that persons were given, None where the table or the bank does not tell."""
    if roles.form is None or bank is None:
        return None
    column, titles = roles.table.columns[roles.form], [(t, f) for f in bank.forms if f.title for t in (f.title.ru, f.title.en) if t]
    digits = [(d, f) for t, f in titles if len(d := re.sub(r"\D", "", t)) == 1]
    ids = {fold: f for f in bank.forms for fold in (fold_text(f.id), fold_code(f.id).casefold())}
    short = {d: f for d, f in digits if sum(other == d and form is not f for other, form in digits) == 0}
    worded = {f"{word}{d}": f for d, f in short.items() for word in ("вариант ", "вариант №", "вар. ", "№", "form ", "форма ")}
    index = {fold_text(name): f for name, f in worded.items()} | short | {fold_text(t): f for t, f in titles} | ids
    forms = [index.get(fold_text(v)) or index.get(fold_code(v).casefold()) for v in column.vocabulary]
    called = tuple(f.id if f else v for f, v in zip(forms, column.vocabulary, strict=True))
    return FormColumn(column, forms, replace(column, vocabulary=called).texts())


def resolve_blanks(
    persons: Names, items: Sequence[str], status: Reasons, stated: Ints, forms: FormColumn | None
) -> tuple[Reasons, list[Finding]]:
    """Replace `BLANK` and `ABSENT`: in a form the last run was not reached, others omitted; `stated` (I,) by the user."""
    absent = (status == ABSENT).any(axis=1) & ~((status == Reason.ANSWERED) | (status == Reason.INVALID)).any(axis=1)
    blank = (status == BLANK) & ~absent[:, None]
    some = blank & ~blank.all(axis=1, keepdims=True) if (stated != BLANK).any() else None
    out = status.copy(order="K") if some is None else np.where(some, stated.astype(np.uint8), status)
    notes = [*Template("responses.absent").about(hidden_ids(persons, np.flatnonzero(absent)))]
    notes += _by_form(forms, items, out, blank) if forms else []
    gone = (out >= ABSENT) | absent[:, None]
    out = out * ~gone + gone * np.uint8(Reason.NOT_ADMINISTERED)  # which takes less time than to choose
    return out, [*notes, *blanks(np.array([np.count_nonzero(blank & (out == reason)) for reason in Reason]))]


def blanks(counts: Ints) -> tuple[Finding, ...]:
    """Return what is to be said of blank cells; `counts` (5,) by `Reason`."""
    facts: dict[str, Any] = {name: counts[Reason[name.upper()]] for name in get_args(ReasonName)}
    return (Template("responses.blanks").of(cells=counts.sum(), **facts),) if counts.any() else ()


def _by_form(given: FormColumn, items: Sequence[str], out: Reasons, blank: Bools) -> list[Finding]:
    """Write the reasons of blanks inside forms into `out`, and return what is to be said of the forms."""
    column, forms, _ = given
    place = {name: k for k, name in enumerate(items)}
    outside, n_outside = list[str](), 0
    for code, form in enumerate(forms):
        if form is None:
            continue
        rows = np.flatnonzero(column.codes == code)
        inside = np.array([place[i] for i in form.items if i in place], dtype=np.int64)
        within, without = np.ix_(rows, inside), np.ix_(rows, beyond := np.setdiff1d(np.arange(len(items)), inside))
        left = out[within] == BLANK  # items in the order of presentation
        tail = np.logical_and.accumulate(left[:, ::-1], axis=1)[:, ::-1]
        out[within] = np.where(tail, Reason.NOT_REACHED, np.where(left, Reason.OMITTED, out[within]))
        answered = out[without] == Reason.ANSWERED
        out[without] = np.where(blank[without], BLANK, out[without])
        n_outside += int(answered.sum())
        outside += [items[k] for k in beyond[answered.any(axis=0)].tolist()]
    unknown = [k for k, f in enumerate(forms) if f is None]
    of_unknown = {"persons": int(np.isin(column.codes, unknown).sum())}
    return [
        *Template("responses.unknown_form").about((column.vocabulary[k] for k in unknown), **of_unknown),
        *Template("responses.outside_form").about(outside, cells=n_outside),
    ]
