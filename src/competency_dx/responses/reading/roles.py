"""Which column is what: the person, the form, the items, and what is kept as background or refused as personal."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np

from competency_dx.bank import ItemBank
from competency_dx.errors import ResponsesError, has_sentence, phrase, repeated
from competency_dx.findings import Finding, Template
from competency_dx.personal_data import hidden_ids, hidden_text, names_a_person
from competency_dx.responses.missing import NEGATIVE_CODES, token_code
from competency_dx.responses.normalise import LIKE, WORDS, fold_code, header_form, read_number, read_points
from competency_dx.responses.reading import layout as naming
from competency_dx.responses.reading import not_answers
from competency_dx.responses.reading.layout import FORM_NAMES, ITEM_NAMES, PERSON_NAMES, ItemNames, Layout, Target, hinted, names_of
from competency_dx.responses.reading.not_answers import ColumnKind, alike, heading_of, is_signature, personal_kind, without_footers
from competency_dx.responses.reading.table import Column, Table
from competency_dx.responses.reading.unreadable import MOST_UNREADABLE, as_points

PERSON_SHARE = 0.1  # a person column has at least this share of distinct ids; several attempts lower it, and are asked about
DISTINCT = 10  # rows without ids, each of them several times, that are not so by chance
NUMERIC_SHARE = 0.5  # without a bank a column of which most cells are whole numbers is an item
LIKE_NAMED = 3  # so many columns called alike, but for a number, are the items; others beside them are worth a look


class Roles(NamedTuple):
    """The columns of a wide table by role; an item has one column, or one per part of it."""

    table: Table
    person: str | None
    form: str | None
    items: Mapping[str, tuple[str, ...]]
    background: tuple[str, ...]


def find_roles(table: Table, bank: ItemBank | None, layout: Layout) -> Roles:
    """Find the role of every column of a wide table; findings are added to the table in the result."""
    names = names_of(bank, layout.aliases) if bank else None
    items, notes = _bank_items(table, names, bank, layout) if bank and names else (_named_items(table, layout), [])
    used = set(chain.from_iterable(items.values()))
    personal = refuse_personal(table, used, names, layout)
    full, table = table.columns, _without(table, personal, layout)
    table, person = _person(table, used, layout)
    for column in () if items else [*table.columns.values()][:2]:  # the first may be the numbers of the rows
        spelled, named = column.vocabulary, column.header in ITEM_NAMES
        alone = 2 * sum(bool(names.find(i) if names else LIKE["asked"].fullmatch(i)) for i in spelled) > table.rows
        known = alone or (named and names is None)
        if known and len(spelled) == table.rows > 1 and (len(spelled) > 4 or any(read_number(i) is None for i in spelled)):
            raise ResponsesError("responses.transposed", origin=table.origin, column=column.name, shown=spelled)
    _refuse_pairs(table, person or "")
    form = _form(table, bank, layout, used)
    rest = [name for name in table.columns if name not in used and name not in {person, form}]
    free = rest if bank is None and layout.items is None else []
    answers = used.union(name for name in free if _kind(table.columns[name], layout) in {"points", "fractions"})
    labels = {**{n: full[n] for n in personal if n in full}, **table.columns}
    answered = ((i, items[i.id]) for i in bank.items if i.id in items) if bank and layout.cells != "scored" else ()
    ids = person if person in full or table.labels == "own" else None  # numbers of rows that nobody gave are none
    if table.origin != "array":
        table = without_footers(table, ids, answers, labels, [(i, c[0]) for i, c in answered if i.key is not None and len(c) == 1])
    texts = ((n, text) for n in rest for text in table.columns[n].vocabulary)
    signed: dict[str, ColumnKind] = {n: "name in a comment" for n, text in texts if is_signature(text) and names_a_person(text)}
    personal |= _allowed(table, signed, layout)
    table, rest = _without(table, signed, layout), [name for name in rest if name not in signed]
    if free:
        scored, remarks = _scored_columns(table, rest, layout)
        items |= {name: (name,) for name in scored}
        rest = [name for name in rest if name not in scored]
        held = {text for name in scored for text in table.columns[name].vocabulary}
        if len(scored) > 1 and held.issuperset(scored) and all(map(str.isdecimal, scored)) and np.diff([*map(int, scored)]).min() <= 0:
            raise ResponsesError("responses.no_header", origin=table.origin, shown=scored)
        if person not in full and len(scored) == 1 and len(rest) > 1:  # a row is one answer
            raise ResponsesError("responses.long_roles", origin=table.origin, columns=full)
        notes += remarks
    if not items:
        raise _no_items(table, bank, names)
    strange = _strange(table, rest, names, items, bank) if bank and names else {}
    background = tuple(name for name in rest if name not in strange)
    codes: tuple[str, ...] = () if person is None else table.columns[person].vocabulary
    notes += Template("responses.spellings").about(hidden_ids(codes, map(codes.index, alike(codes) or not_answers.again(codes))))
    notes += Template("responses.personal_data").about(sorted(personal), kinds=[list(pair) for pair in personal.items()])
    notes += Template("responses.background").about([*background, *([form] if form else [])])
    notes += Template("responses.unknown_items").about(strange, where=hinted(strange))
    return Roles(table.take(np.arange(table.rows), *notes), person, form, items, background)


def _no_items(table: Table, bank: ItemBank | None, names: ItemNames | None) -> ResponsesError:
    if not table.rows:
        return ResponsesError("responses.no_rows", origin=table.origin)
    facts: dict[str, Any] = {"origin": table.origin, "columns": table.columns}
    if bank is None or names is None:
        return ResponsesError("responses.no_points", **facts)
    near = {n: meant for n in table.columns if (meant := names.near(n))}
    hint = phrase("responses.look_like_items", near=hinted(near)) if near else ""
    return ResponsesError("responses.no_items", bank=bank.id, items=[i.id for i in bank.items], hint=hint, **facts)


def _present(table: Table, names: Iterable[str], setting: str) -> None:
    if absent := [n for n in names if n not in table.columns]:
        raise ResponsesError("responses.setting_absent", origin=table.origin, setting=setting, absent=absent, columns=table.columns)


def _named_items(table: Table, layout: Layout) -> dict[str, tuple[str, ...]]:
    """Return the items of a table without a bank that the layout names, under their aliases."""
    names, aliases = layout.items or (), layout.aliases or {}
    _present(table, names, "items")
    _present(table, aliases, "aliases")
    chosen = {name: aliases.get(name, name) for name in (*names, *aliases)}
    if twice := repeated(chosen.values()):
        raise ResponsesError("responses.alias_twice", origin=table.origin, twice=twice)
    return {item: (name,) for name, item in chosen.items()}


def _bank_items(table: Table, names: ItemNames, bank: ItemBank, layout: Layout) -> tuple[dict[str, tuple[str, ...]], list[Finding]]:
    """Match columns to items: one column an item, or one per part of it."""
    columns, beside = dict[Target, list[str]](), list[str]()
    for name in table.columns:
        if (target := names.find(name)) is not None:
            columns.setdefault(target, []).append(name)
    for target, several in columns.items():
        exact = [name for name in several if name == target.item] or [n for n in several if n in names.exact]
        if len(several) > 1 and len(exact) != 1:
            raise ResponsesError("responses.one_item_twice", origin=table.origin, several=several, item=target.item)
        columns[target] = exact or several
        beside += [name for name in several if name not in columns[target] and names.added(name)]
    known, items = {i.id: i for i in bank.items}, dict[str, tuple[str, ...]]()
    if absent := [i for i in layout.items or () if i not in known]:
        raise ResponsesError("responses.items_unknown", absent=absent, bank=bank.id)
    for item in bank.items if layout.items is None else map(known.__getitem__, layout.items):
        parts = {part: columns.get(Target(item.id, part), [""])[0] for part in naming.parts_of(item)}
        if whole := columns.get(Target(item.id)):
            items[item.id] = (whole[0],)
        elif any(parts.values()):
            if not (absent := [part for part, name in parts.items() if not name]):
                items[item.id] = tuple(parts.values())
            elif item.type != "single":  # of one option in the heading it is a remark
                raise ResponsesError("responses.parts_absent", item=item.id, absent=absent)
    loose = [parts[0] for item, parts in items.items() if len(parts) == 1 and parts[0] not in names.exact]
    return items, [*Template("responses.header_matched").about(loose), *Template("responses.points_beside").about(beside)]


def _strange(
    table: Table, rest: Sequence[str], names: ItemNames, items: Mapping[str, tuple[str, ...]], bank: ItemBank
) -> dict[str, tuple[str, ...]]:
    """Return the columns left over that may be items, by their names or by cells that are all codes of options."""
    codes = {frozenset(map(fold_code, i.options)) for i in bank.items if i.options}
    out: dict[str, tuple[str, ...]] = {}
    for name in rest:
        cells, target = table.columns[name].vocabulary, names.find(name)
        known = heading_of(name) in {"known", "beside"}
        option = target is not None and target.part and bank.item(target.item).type == "single"  # one of an item, without the others
        if known or (target is not None and not option and (target.item not in items or names.added(name))):
            continue  # the latter are items that the layout leaves out, or points beside an item
        meant = names.near(name, items)
        least = 3 if all(map(str.isdigit, cells)) else 2  # many things are 1 or 2
        if meant is not None or (least <= len(cells) and any(of.issuperset(map(fold_code, cells)) for of in codes)):
            out[name] = meant or ()
    return out


def refuse_personal(table: Table, used: set[str], names: ItemNames | None, layout: Layout) -> dict[str, ColumnKind]:
    """Return the columns with personal data and what they hold; raises where they are not to be dropped."""
    labels = {} if table.index is None else {table.index.name: table.index}
    further = {name: c for name, c in {**table.columns, **labels}.items() if name not in used}
    # a heading like that of an item is no name
    columns = {n: replace(c, name="item") if names and names.near(n) else c for n, c in further.items()}
    return _allowed(table, {name: what for name, c in columns.items() if (what := personal_kind(c)) is not None}, layout)


def _allowed(table: Table, personal: dict[str, ColumnKind], layout: Layout) -> dict[str, ColumnKind]:
    if personal and layout.pii == "refuse":
        codes = {name: f"responses.kind_{re.sub('[ -]', '_', kind).lower()}" for name, kind in personal.items()}
        others = {name: f"{hidden_text(name)} ({kind})" for name, kind in personal.items()}
        shown = [phrase(code, column=name) if has_sentence(code) else others[name] for name, code in codes.items()]
        raise ResponsesError("responses.personal_data", origin=table.origin, items=shown)
    return personal


def _without(table: Table, personal: Mapping[str, ColumnKind], layout: Layout) -> Table:
    columns = {name: c for name, c in table.columns.items() if name not in personal}
    if layout.person is not None and layout.person in personal and layout.person in table.columns:
        ids = table.columns[layout.person]  # numbers in the order of the first row stand for them
        columns = {layout.person: replace(ids, vocabulary=tuple(str(k + 1) for k in range(len(ids.vocabulary)))), **columns}
    index = table.index if table.index is not None and table.index.name not in personal else None
    return replace(table, columns=columns, index=index)


def _person(table: Table, used: set[str], layout: Layout) -> tuple[Table, str | None]:
    if layout.person is not None:
        if table.index is not None and table.index.name == layout.person and layout.person not in table.columns:
            return _index_as_column(table)
        _present(table, [layout.person], "person")
        return table, layout.person
    headers = replace(table, columns={n: c for n, c in table.columns.items() if n not in used}).headers()
    for name in filter(None, (*map(headers.get, PERSON_NAMES), *(n for n in headers.values() if heading_of(n) == "person"))):
        if broken := [*filter(LIKE["shortened"].fullmatch, table.columns[name].vocabulary)]:
            raise ResponsesError("responses.ids_shortened", origin=table.origin, column=name, shown=broken)
        if len(table.columns[name].vocabulary) >= PERSON_SHARE * (table.columns[name].codes >= 0).sum():
            return table, name
    unlabelled, first = table.index is None or table.labels == "default", next(iter(table.columns.values()), None)
    distinct = first is not None and table.rows == len(first.vocabulary) > 1  # every row has a content of its own, as ids do
    if first is not None and unlabelled and distinct and first.name not in used and first.header in WORDS["unnamed"]:
        return table, first.name
    if unlabelled and table.origin != "array":
        times = Counter(zip(*(c.codes.tolist() for c in table.columns.values()), strict=True)).values()  # how often each row occurs
        twice = Template("responses.rows_twice").about([table.origin] if len(times) >= DISTINCT and math.gcd(*times) > 1 else [])
        table = replace(table, findings=(*table.findings, Template("responses.row_numbers").of(), *twice))
    return _index_as_column(table) if table.index is not None else (table, None)


def _refuse_pairs(table: Table, person: str) -> None:
    """Raise where a row holds two persons: another column is called like the ids but for a number, and so are two items."""
    for name, other in table.columns.items() if person else ():
        tail = name[len(person) :] if name.startswith(person) else ""
        if re.fullmatch(r"[\W_]*\d\W*", tail):
            alike = [n for n in table.columns if f"{n}{tail}" in table.columns and not (n[-1:] + tail[:1]).isdigit()]  # Q11 is no Q1
            if len(alike) > 2 and (other.texts() != table.columns[person].texts()).any():
                raise ResponsesError("responses.persons_beside", origin=table.origin, columns=[person, name])


def _index_as_column(table: Table) -> tuple[Table, str]:
    assert table.index is not None
    name = table.index.name if table.index.name not in table.columns else f"{table.index.name} (row label)"
    return replace(table, columns={name: replace(table.index, name=name), **table.columns}, index=None), name


def _form(table: Table, bank: ItemBank | None, layout: Layout, used: set[str]) -> str | None:
    known = bank is not None and bool(bank.forms)
    if layout.form is not None:
        _present(table, [layout.form], "form")
        if not known:
            raise ResponsesError("responses.form_without_bank")
        return layout.form
    named = (n for n, c in table.columns.items() if n not in used and c.header in FORM_NAMES and c.vocabulary)
    return next(named, None) if known else None


def _without_last_word(name: str) -> str:
    """Return a heading without its last word and the signs before it; one pattern for it would take the square of the time."""
    *before, (start, end) = [word.span() for word in re.finditer(r"[^\W_]+", name)] or [(0, 0)]
    return name if start == 0 or "_" in name[end:] else name[: before[-1][1] if before else 0]


def _scored_columns(table: Table, rest: Sequence[str], layout: Layout) -> tuple[list[str], list[Finding]]:
    """Return the columns that hold points in a table without a bank, and what is to be said of those that only seem to."""
    kinds = {name: kind for name in rest if (kind := _kind(table.columns[name], layout)) != "other"}
    filled = [name for name, kind in kinds.items() if kind != "nothing"]
    beside = [name for name in filled if heading_of(name) == "beside"]
    beside = beside if 2 * len(beside) < len(filled) or len(filled) == 1 else []  # else it is what the items are about
    known = ((name, table.columns[name]) for name in rest if name not in kinds)  # called amounts that 0 and 1 are none of
    beside += [n for n, c in known if c.header in naming.AMOUNTS and set(c.vocabulary) == {"0", "1"}]
    left = [name for name in filled if name not in beside]
    cells = not_answers.numbers_of([table.columns[name] for name in left])
    sums = {left[k] for k in not_answers.sum_columns(left, cells)}
    beside += [left[k] for k in not_answers.measures(cells) if left[k] not in sums]
    kept = [k for k, name in enumerate(left) if name not in beside]  # a sum is none of all others where one of them is an age
    sums |= {left[kept[k]] for k in (not_answers.sum_columns([left[k] for k in kept], cells[:, kept]) if len(kept) < len(left) else ())}
    here = {name for name in kinds if name not in sums and name not in beside}
    pairs = (re.fullmatch(r"(.*[^\W_])([\W_]+[^\W\d_]{2}.*)", name) for name in kinds if name in here)
    found = [(m[1], m[0], header_form(m[2]).strip("[]() ")) for m in pairs if m and m[1] in here]
    added = Counter(word for *_, word in found)  # two columns an item: "Q1", "Q1_time" or "Q1", "Q1_score"
    beside += [first if word in naming.POINT_NAMES else second for first, second, word in found if added[word] >= LIKE_NAMED]
    items = [name for name in kinds if name not in sums and name not in beside]
    if broken := [name for name in items if kinds[name] == "fractions"]:
        raise ResponsesError("responses.not_whole", broken=broken[0])
    stems, at = {name: _without_last_word(name) for name in items}, {name: k for k, name in enumerate(left)}
    alike = [stem for stem, n in Counter(stems.values()).items() if n >= LIKE_NAMED] if table.rows >= DISTINCT else []
    for group in ([name for name in items if stems[name] == stem] for stem in alike):
        chosen = np.nan_to_num(cells[:, [at[name] for name in group if name in at]])  # others have no cells
        if (chosen.sum(axis=1) == 1).all():  # of the options of a question each person has one
            raise ResponsesError("responses.one_of_options", columns=group)
    form = {name: re.sub(r"\d+", "0", name) if len(name) > 1 else "0" for name in items}
    asked = Counter(form[name] for name in items if kinds[name] != "nothing")  # Q9 may be left out by all, Q9 [why] is no item
    beside += [name for name in items if form[name] not in asked]
    items = [name for name in items if name not in beside]
    usual, most = max(asked.items(), key=lambda pair: pair[1], default=("", 0))
    others = [name for name in items if usual not in form[name] and asked[form[name]] < LIKE_NAMED]
    others = others if "0" in usual and most >= max(LIKE_NAMED, len(items) / 2, 2 * len(others)) else []
    notes = [*Template("responses.sums").about(n for n in left if n in sums), *Template("responses.not_items").about(beside)]
    return items, [*notes, *Template("responses.unlike_items").about(others)]


def _kind(column: Column, layout: Layout) -> Literal["points", "fractions", "nothing", "other"]:
    """Return what a column of a table without a bank holds; nothing where no cell holds more than a token."""
    if heading_of(column.name) == "known":
        return "other"
    own = layout.user_reasons(column.name)
    whole = broken = rest = 0
    texts = as_points(column, own) if layout.cells == "scored" else column.vocabulary
    for text, n in zip(texts, column.counts().tolist(), strict=True):
        if text in NEGATIVE_CODES or token_code(text, own) is not None:
            continue
        if read_points(text) is not None:
            whole += n
        elif "/" not in text and read_number(text) is not None:
            broken += n
        else:
            rest += n
    if broken > MOST_UNREADABLE["points"] * (broken + whole) and broken + whole > rest:
        return "fractions"
    return "nothing" if not whole + rest else "points" if whole >= NUMERIC_SHARE * (whole + rest) else "other"
