"""What is no answer: rows that are no persons (totals, maxima, keys, signatures, the header again), sums of others, personal data."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal, cast
from unicodedata import normalize

import numpy as np

from competency_dx import personal_data
from competency_dx.arrays import Bools, Floats, Names, T
from competency_dx.bank import Item
from competency_dx.findings import Template
from competency_dx.personal_data import HEADINGS, Personal, hidden_text, names_a_person, personal_in
from competency_dx.responses.missing import token_code
from competency_dx.responses.normalise import LIKE, WORDS, header_form, read_number
from competency_dx.responses.reading.layout import PERSON_NAMES, is_background, is_total, label_form
from competency_dx.responses.reading.table import Column, Table
from competency_dx.responses.reading.unreadable import USUAL_CODES
from competency_dx.responses.rules import judge_of, written
from competency_dx.wording import LOOKALIKES, cut

_ROWS, _COLUMNS = WORDS["rows"], WORDS["columns"]
_HEADS = {part: re.compile(rf"(?<!\w)(?:{'|'.join(_COLUMNS[part])})(?!\w)") for part in ("beside", "overall", "id_key", "id_owner")}
LABEL = 400  # a text as long as this is no label
_WORD = re.compile(r"[^\W\d_]{3}|%")  # what every label has
FEW, SOME, ENOUGH = 4, 6, 20
"""Rows in which a column must be the sum of all others, a multiple or a weighted sum of them, a grade or an id."""
ENDS, MANY, MOST, ALL_BUT_ONE = 10, 5000, 0.8, 0.9  # rows at the end; too many to look at without need; shares of the cells of a row
NEARLY, LIKELY_POINTS = 10, 30  # rows from which a sum may be off in one or in one of twenty; points of an item beside any others
ROUNDED, SAMPLE = 10, 200  # what a multiple of the sum in whole numbers reaches; rows enough to see that a column is no sum
CONTENTS = 2000  # distinct contents looked at per column where a share of them decides
LONGEST_NAME = 40  # a heading as long as this is a question, in which persons of history may be named
YEARS, ADULT = 5, 2000  # dates that lie so many years apart, most of them before this year, are birth dates
_KEY = re.compile(rf"(?i)(?<![^\W\d_])(?:{'|'.join(_ROWS['key_parts'])})")
_COUNT = re.compile(rf"(?:{'|'.join(_ROWS['count'])})(?!\w)")
_LABELS = {part: frozenset(map(label_form, _ROWS[part])) for part in ("key", "certain", "short")}
_CELLS = {kind: re.compile(text.replace("{name}", WORDS["name"])) for kind, text in WORDS["cells"].items()}
ColumnKind = Personal | Literal["name in a comment"]


@lru_cache(maxsize=4096)
def heading_of(name: str) -> Literal["known", "beside", "person", "other"]:
    """Tell whether a column is called like what is kept beside answers, has a word of that, or has the words of a column of ids."""
    form, known = header_form(name), is_background(name)
    beside = _HEADS["beside"].search(form) or (not re.search(r"\d", form) and _HEADS["overall"].search(form))
    owned = form in _COLUMNS["id_alone"] or (_HEADS["id_key"].search(form) and _HEADS["id_owner"].search(form))
    asks = "?" in form or form.count(" ") > 6
    return "known" if known else "other" if asks else "beside" if beside else "person" if owned else "other"


def alike(ids: Sequence[str]) -> list[str]:
    """Return ids that differ by case, look-alike letters, separators or leading zeros only, and may be one; "1.1" is not "11"."""
    text = normalize("NFKC", "\n".join(i.replace("\n", " ") for i in ids)).upper().translate(LOOKALIKES)
    plain = text.translate(dict.fromkeys(map(ord, " _.-'"))).split("\n")
    if len({*plain}) == len(plain) and len({*map(len, plain)}) == 1:  # a quick look spares most tables the slow one
        return []
    counts = Counter(forms := re.sub(r"[ _.\-']+|(?<!\d)0+(?=\d)", "", re.sub(r"(?<=\d)[ _.\-]+(?=\d)", "·", text)).split("\n"))
    return [i for i, form in zip(ids, forms, strict=True) if counts[form] > 1] if ids else []


def again(ids: Sequence[str]) -> list[str]:
    """Return ids that are others with the mark of a second attempt behind, and these: "T1" and "T1 (2)"."""
    if len({*map(len, ids)}) == 1 or not re.search(r"[\s_.\-(*]", "".join(ids)):  # none begins with another, or none has a mark
        return []
    every = {*ids}
    marked = {one for i in ids if (first := LIKE["again"].sub("", i)) != i and first in every for one in (i, first)}
    return [i for i in ids if i in marked]


def is_signature(text: str) -> bool:
    """Tell whether a text starts a line of signatures; a word with a number is an id."""
    line = header_form(text).replace(",", " ").split() if len(text) < LABEL else []
    first = "" if len(line) == 2 and line[1].isdigit() else next(iter(line), "")
    return first.rstrip(":") in _ROWS["signed"]


def strength_of_label(text: str) -> int:
    """Return 2 for a label that no person has as an id, 1 for one that only means something at the ends, 0 for others."""
    if len(text) >= LABEL or not _WORD.search(text):
        return 0
    form, numbered = label_form(text), any(c.isdigit() for c in text)
    if not numbered and (form in _LABELS["key"] or form.partition(" ")[0] in _LABELS["certain"]):
        return 2
    counted = _COUNT.match(header_form(text)) and not numbered
    return int(is_total(text) or is_signature(text) or bool(counted))


def without_footers(
    table: Table, person: str | None, answers: Collection[str], labels: Mapping[str, Column], keyed: Sequence[tuple[Item, str]]
) -> Table:
    """Drop the rows that are no persons and say so; `keyed` are items with a key and their columns. Weak labels count at the ends.

    A label counts among the ids, where there is no id, and without ids in the first cell of a row when no other row has it there.
    """
    ids = labels.get(person) if person is not None else None
    nowhere, certain, ends, before, beside = np.zeros((5, table.rows), dtype=np.bool_)
    blank = ids.codes < 0 if ids is not None else nowhere
    cells = [c for name, c in table.columns.items() if (name in answers if answers else name != person)]
    bare = np.all([c.codes < 0 for c in cells], axis=0) if cells else nowhere
    shown: Names = np.full(table.rows, "", dtype=object)
    for name, column in labels.items():
        if name in answers or not _WORD.search("\n".join(column.vocabulary)):
            continue
        single = np.array([*(column.counts() == 1), False])[column.codes]
        own, before = blank | (name == person or (person is None and ~before & single)), before | (column.codes >= 0)
        strength = np.array([*_of_each(strength_of_label, column.vocabulary), 0])[column.codes]
        certain |= (strength == 2) & own
        ends |= (here := (strength > 0) & own)
        beside |= (strength == 2) & single
        for row in np.flatnonzero(here & (shown == "")):
            text = column.vocabulary[column.codes[row]]  # of a signature the first word only
            shown[row] = text.split(maxsplit=1)[0].rstrip(":,") if is_signature(text) else cut(hidden_text(text), 60)
    if ids is not None:
        last = {sign for sign in {t[-1:] for t in ids.vocabulary} if sign.casefold() == ids.name[-1:].casefold()}
        heads = [k for k, t in enumerate(ids.vocabulary) if t[-1:] in last and len(t) < LABEL and header_form(t) == ids.header]
        certain |= np.isin(ids.codes, heads)
    beside[1:-1] = False
    strange, doubtful = _strangers(ids, cells, [(i, table.columns[n]) for i, n in keyed], certain | ends)
    certain, lost = certain | strange, blank & bare
    flags = certain | ends | lost
    top, tail = np.logical_and.accumulate(flags), np.logical_and.accumulate((flags | bare)[::-1])[::-1]
    tail &= np.logical_or.accumulate(tail & flags)  # from the first of them on
    gone = certain | lost | top | tail
    at = np.flatnonzero(gone | doubtful | beside)
    texts = shown[at] if ids is None else ids.take(at).texts()
    called = {k: shown[k] or cut(hidden_text(text), 60) or f"#{k + 1}" for k, text in zip(at.tolist(), texts, strict=True)}
    rows, kept = [name for k, name in called.items() if gone[k]], [name for k, name in called.items() if not gone[k]]
    notes = [*Template("responses.summary_rows").about(kept), Template("responses.total_rows").of(where=rows, rows=len(rows))]
    return table.take(~gone, *notes[: len(notes) - (not rows)])


def _strangers(ids: Column | None, cells: Sequence[Column], keyed: Sequence[tuple[Item, Column]], labelled: Bools) -> Bools:
    """Return rows (2, R) that are no persons by their cells, and that may be none; whoever is the best of all is a person."""
    total, rows, out = len(labelled), np.arange(len(labelled)), np.zeros((2, len(labelled)), dtype=np.bool_)
    if total < FEW or not cells:
        return out
    out[0, :3], wordy = zip(*(_above_answers(row, cells) for row in range(3)), strict=True)
    empty = np.all([c.codes < 0 for c in cells], axis=0)
    ends = [*range(3), *range(max(3, total - ENDS), total)]
    sample = np.linspace(0, total - 1, min(total, SAMPLE)).astype(np.int64).tolist()
    id_of = {row: ids.vocabulary[ids.codes[row]] if ids and ids.codes[row] >= 0 else "" for row in (*ends, *sample)}
    forms = {row: re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", text)) for row, text in id_of.items()}
    counts = Counter(forms[row] for row in sample)
    usual, most = counts.most_common(1)[0]
    rare = (row for row in ends if forms[row] != usual and 3 * counts[forms[row]] <= 2 * most >= counts.total())
    odd = {row for row in rare if _WORD.search(id_of[row]) or not any(map(str.isdigit, id_of[row]))}
    words = ids.vocabulary if ids and keyed and _WORD.search("\n".join(ids.vocabulary)) else ()
    named = np.isin(-1 if ids is None else ids.codes, [k for k, v in enumerate(words) if _KEY.search(v)])
    for row in {*(odd & {0, total - 1}), *np.flatnonzero(named).tolist()}:  # of a key nearly all answers are right
        given = [(i, c.vocabulary[c.codes[row]], c.kinds[c.codes[row]]) for i, c in keyed if c.codes[row] >= 0]
        right = sum(judge_of(i)(written(i, (text,), (kind,))[0]).points == i.max_score for i, text, kind in given)
        out[0, row] |= len(given) > 1 and right >= ALL_BUT_ONE * len(given)
    out[0, [row for row in ends if empty[row] and id_of[row].startswith("*")]] = True
    out[0, [row for row in odd if label_form(id_of[row]) in _LABELS["short"]]] = True
    out[0, [row for row in odd if row < len(wordy) and wordy[row]]] = True
    worded = (row for row in sample if _WORD.search(id_of[row]) and not (empty | labelled)[row])
    if ids is not None and next(worded, None) is None:  # words without answers head the rows of a group
        texts = ((row, ids.vocabulary[ids.codes[row]]) for row in np.flatnonzero(empty & (ids.codes >= 0)).tolist())
        out[0, [row for row, text in texts if _WORD.search(text) and " " in text]] = True
    if not odd and (keyed or total > MANY):
        return out
    numbers = numbers_of(cells)
    out[0, _subtotals(numbers)] = True
    others = ~(out[0] | labelled | np.isin(rows, [*odd]))
    tops = np.nan_to_num(numbers[others]).max(axis=0, initial=0)
    for row in ends:
        v = np.nan_to_num(numbers[row])
        striking = total > SOME and ((v.max() > 2 and (numbers[row] >= tops).mean() >= MOST) or 2 * (v % 1 != 0).sum() > len(v))
        out[1, row] |= row in odd and not out[0, row] and v.max() > 1 and bool((numbers[row] >= tops).all())
        if (row in odd or striking) and _is_summary(numbers[row], numbers[others & (rows != row)]):
            out[0 if row in odd or ids is None else 1, row] = True
    return out


def _subtotals(cells: Floats) -> list[int]:
    """Return the rows (R, C) that are the sums of the rows above, from the last such row on, and have more than any of them."""
    filled, out, start = np.nan_to_num(cells), list[int](), 0
    sums, tops = np.cumsum(filled, axis=0), filled.max(axis=1, initial=0)
    for row in np.flatnonzero(tops > 1).tolist() if cells.shape[1] >= FEW else ():
        block = sums[row - 1] - (sums[start - 1] if start else 0)
        if row - start >= FEW - 1 and np.array_equal(filled[row], block) and tops[row] > tops[start:row].max():
            out, start = [*out, row], row + 1
    return out


def _above_answers(row: int, cells: Sequence[Column]) -> tuple[bool, bool]:
    """Tell whether the cells of a row are what stands above answers (names of imports, questions, 1 to n), or words only it has."""
    given = [(c.vocabulary[c.codes[row]], c) for c in cells if c.codes[row] >= 0]
    longest = [max((len(v) for v in c.vocabulary if v != text and v[:2] != '{"'), default=LABEL) for text, c in given]
    words = [" " in text and _WORD.search(text) and len(text) > 2 * n for (text, _), n in zip(given, longest, strict=True)]
    numbers = [int(text) for text, _ in given if text.isdecimal() and len(text) <= FEW]
    counted = len(numbers) == len(cells) > FEW and {*np.diff(numbers).tolist()} == {1}
    imports, different = sum(t.startswith('{"ImportId"') for t, _ in given), len({text for text, _ in given}) == len(given) > 1
    alone = [_WORD.search(t) and token_code(t, {}) is None and sum(bool(_WORD.search(v)) for v in c.vocabulary) == 1 for t, c in given]
    above = counted or (different and max(imports, sum(map(bool, words))) >= MOST * len(given))
    return above, len(given) > 1 and sum(map(bool, alone)) >= MOST * len(given)


def _is_summary(cells: Floats, people: Floats) -> bool:
    """Tell whether the numbers of a row (C,) go far beyond those of the people (P, C), or are their shares, sums, counts, or places."""
    v, x = cells[given := ~np.isnan(cells)], people[:, given]
    if len(v) < 2 or 2 * len(v) < len(cells) or len(people) < FEW - 1:
        return False
    n, z, top = (~np.isnan(x)).sum(axis=0), np.nan_to_num(x), np.where(np.isnan(x), -np.inf, x).max(axis=0)
    best, broken = (x == top).sum(axis=0), (z % 1 == 0).all() and 2 * (v % 1 != 0).sum() > len(v)
    sums = (z.sum(axis=0), best, (z > 0).sum(axis=0), n - best, np.arange(1, len(v) + 1))
    equal = any(np.array_equal(v, s) for s in sums) or np.abs(v - 100 * best / np.maximum(n, 1)).max() <= 0.51
    return bool((v > 2 * np.maximum(1, top)).mean() >= MOST or broken or (equal and v.any() and (v != top).any()))


def numbers_of(columns: Sequence[Column]) -> Floats:
    """Return the cells (R, C) of columns as numbers, NaN where they are none."""
    numbers = [[np.nan if (x := read_number(LIKE["behind"].sub("", v))) is None else float(x) for v in c.vocabulary] for c in columns]
    rows = [np.array([*n, np.nan])[c.codes] for n, c in zip(numbers, columns, strict=True)]
    return np.stack(rows, axis=1) if rows else np.zeros((0, 0))


def measures(cells: Floats) -> list[int]:
    """Return the places of columns that count or measure something else: every number of a run or none twice, or many far above."""
    tops, out = np.nan_to_num(cells).max(axis=0, initial=0), []
    typical = max(1.0, float(np.sort(tops)[(len(tops) - 1) // 2])) if len(cells) >= FEW and len(tops) > 1 else np.inf
    for k in np.flatnonzero(tops > typical).tolist():
        x = cells[~np.isnan(cells[:, k]), k]
        far = np.unique(x[(x > 3 * typical) & ~np.isin(x, [*USUAL_CODES])])
        single = len(np.unique(x)) == len(cells) and bool((x % 1 == 0).all())
        in_order = single and (len(x) >= SOME or k == 0) and bool((np.diff(x) == 1).all())
        run = in_order or (single and np.ptp(x) == len(x) - 1 and len(x) >= 2 * FEW)
        several = tops[k] > LIKELY_POINTS and (len(far) > FEW or (len(far) > 2 and 2 * np.isin(x, far).sum() >= len(x)))
        out += [k] if run or several or (single and len(x) >= ENOUGH) else []
    return out


def sum_columns(names: Sequence[str], cells: Floats) -> list[int]:
    """Return the places of the columns that are the sum of others, or follow from it as the percent, the mean, what is wrong do."""
    if len(names) <= 2 or len(cells) < FEW:
        return []
    some = cells[:: max(1, len(cells) // SAMPLE)]
    filled, rest = np.nan_to_num(cells), np.arange(len(names))
    while True:
        tops, whole = filled[:, rest].max(axis=0), (np.nan_to_num(some[:, rest]) % 1 == 0).all(axis=0)
        least = tops[tops > 0].min(initial=np.inf)
        places = [k for k in np.argsort(-tops, kind="stable").tolist() if not whole[k] or tops[k] > least]
        sums = (k for k in places if _sums_up(some[:, rest], k) and _sums_up(cells[:, rest], k))
        equal = ((k, filled[:, rest[run]].sum(axis=1) == cells[:, rest[k]]) for k, run in _runs(some[:, rest], places))
        of_runs = (k for k, same in equal if (same | np.isnan(cells[:, rest[k]])).all())
        if (place := next(chain(sums, of_runs), None)) is None:
            return sorted(set(range(len(names))) - set(rest.tolist()))
        rest = np.delete(rest, place)


def _sums_up(cells: Floats, place: int) -> bool:
    """Tell whether a column is the sum of all others (of equal ones none), or a multiple rounded to the digits it shows."""
    rows = ~np.isnan(cells[:, place])
    total, parts = cells[rows, place], np.nan_to_num(cells[rows])
    others = (parts != total[:, None]).any(axis=0)
    if len(total) < FEW or others.sum() < 2 or len(np.unique(total)) < 2:
        return False
    whole = parts[:, others].sum(axis=1)
    at, digits = int(whole.argmax()), next((d for d in (0, 1, 2) if np.array_equal(np.round(total, d), total)), 9)
    if whole[at] <= 0 or (digits == 0 and total.max() <= parts[:, others].max()):
        return False
    distinct, off, order = len(np.unique(total)), (total != whole).sum(), np.lexsort((total, whole))
    near = len(total) >= NEARLY and distinct > 2 and off <= max(1, len(total) // 20)
    rises, same = np.diff(total[order]), np.diff(whole[order]) == 0  # a grade rises with the sum and by nothing else
    grade = distinct > 2 and len(total) >= ENOUGH and rises.min() >= 0 and not rises[same].any()
    if off == 0 or near or grade:
        return True
    design = np.column_stack([parts[:, others], np.ones(len(parts))])  # others count by wholes and halves, all for or all against it
    halves = np.round(2 * np.linalg.lstsq(design, total, rcond=None)[0]) / 2
    used, exact = np.sign(halves[:-1][halves[:-1] != 0]), np.allclose(design @ halves, total, rtol=0, atol=1e-6)
    weighed = exact and len(total) >= len(halves) + 3 and len(used) > 1 and abs(used.sum()) == len(used)
    if distinct > 2 and len(total) >= SOME and (weighed or np.ptp(total + whole) == 0):
        return True
    factor = total[at] / whole[at]
    if distinct <= 2 or (digits == 0 and (factor < 1 or total.max() < ROUNDED or len(total) < SOME)):
        return False
    return bool((np.abs(total - factor * whole) <= 0.51 * 10.0**-digits * (1 + whole / whole[at])).all())


def _runs(cells: Floats, places: Sequence[int]) -> Iterator[tuple[int, slice]]:
    """Yield columns with a run of two or more others whose sum they are, reaching more than any; in few rows it stands beside them."""
    weights = np.random.default_rng(1).integers(1, 1 << 20, len(cells)).astype(np.float64)  # a column is found by one weighted sum
    filled, missing = np.nan_to_num(cells), np.isnan(cells)
    seen: dict[bytes, Floats] = {}
    for place in places:
        rows = ~missing[:, place]
        if rows.sum() < SOME or filled[rows, place].min() == filled[rows, place].max():
            continue  # a constant is the sum of constants by chance
        if (key := rows.tobytes()) not in seen:
            seen[key] = np.concatenate([[0.0], np.cumsum((weights * rows) @ filled)])
        sums, tops = seen[key], filled[rows].max(axis=0)
        wanted = sums + sums[place + 1] - sums[place]
        ends = np.searchsorted(sums, wanted).clip(max=len(sums) - 1)
        for start in np.flatnonzero(sums[ends] == wanted).tolist():
            run, beside = slice(start, int(ends[start])), place in {int(ends[start]), start - 1}
            several = run.stop > start + 1 and not start <= place < run.stop
            if several and (beside or rows.sum() >= ENOUGH) and tops[run].max() < tops[place]:
                yield place, run


def _of_each(function: Callable[[str], T], texts: Sequence[str]) -> list[T]:
    """Return what a function says of each text, asked once of those like "Pupil 7": another short number behind says nothing else."""
    keys = [(m[1], len(text)) if (m := LIKE["numbered"].fullmatch(text)) else (text, 0) for text in texts]
    said = {key: function(text) for key, text in dict(zip(keys, texts, strict=True)).items()}
    return [said[key] for key in keys]


def personal_kind(column: Column) -> ColumnKind | None:
    """Return which personal data a column holds, None where it holds none."""
    header, cells = column.header, column.vocabulary[:CONTENTS]
    if not cells:
        return None
    bare = [*{c.rstrip("0123456789") for c in cells}] if len(cells) > 1 else cells  # "Smith7", where "Pupil 7" is one word for all
    certain = _inside(column)
    if certain is not None and "name" not in certain:
        return certain
    of_persons = {"", "person"} if header in PERSON_NAMES else {""}
    long = [c for c in map(personal_data.spelled, cells) if _CELLS["long number"].fullmatch(c)]  # beside words a single one is enough
    numbers = dict.fromkeys(("may_be_snils", "is_tax_number", "bare phone"), long)
    for kind, head, what, share in WORDS["personal"]["tests"]:
        test, contents = getattr(personal_data, what, None) or _CELLS[what].fullmatch, {"letters": bare, **numbers}.get(what, cells)
        least = share * len(contents if what in numbers else cells)
        if (head in of_persons or HEADINGS[head].search(header)) and sum(map(bool, _of_each(test, contents))) > least:
            return cast("ColumnKind", kind)
    years = sorted(int(m["y1"] or m["y2"] or m["y3"]) for c in cells if (m := _CELLS["date"].fullmatch(c)))
    past = sum(1920 < y < ADULT for y in years)
    births = len(years) > len(cells) / 2 and past > len(years) / 2 and years[-1] - years[0] >= YEARS
    return "birth date" if births and not HEADINGS["other date"].search(header) else certain


def _inside(column: Column) -> ColumnKind | None:
    """Return what the heading or any cell holds for certain; a signature is none of the persons'."""
    if (what := personal_in(column.name)) is not None and (what != "name" or len(column.name) < LONGEST_NAME):
        return what
    some = () if LIKE["short"].fullmatch("\n".join(column.vocabulary)) else column.vocabulary
    kinds = {what: cell for cell, what in zip(some, _of_each(personal_in, some), strict=True) if what and not is_signature(cell)}
    if set(kinds) == {"name"} and " " in kinds["name"] and 2 * sum(map(names_a_person, some)) < len(some):
        return "name in a comment"
    return next((kind for kind in kinds if kind != "name"), "name" if kinds else None)
