"""The answers of one person under the ids of the bank's items, as a service gets them: what tables are asked need not be asked.

Answers are judged and told from points by the functions that read tables. A record that one of their questions or remarks would
be about is left to them, so points, findings and bytes are the same either way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from competency_dx.arrays import names
from competency_dx.errors import ResponsesError
from competency_dx.personal_data import personal_in
from competency_dx.responses.explanation import Kind, RawAnswers
from competency_dx.responses.findings import AMBIGUOUS_OPTIONS, ROW_NUMBERS
from competency_dx.responses.missing import BLANK, NEGATIVE_CODES, Reason, token_code
from competency_dx.responses.normalise import header_form, read_points
from competency_dx.responses.reading.forms import resolve_blanks
from competency_dx.responses.reading.layout import ITEM_NAMES, PERSON_NAMES, Layout
from competency_dx.responses.reading.scoring import Tally, gather, signs_of, told_apart
from competency_dx.responses.reading.table import PLAIN, cell_text, column, comparable, whole_numbers
from competency_dx.responses.responses import Responses, emptiness, loaded_from
from competency_dx.responses.rules import Judge, ambiguous_options, judge_of, written

if TYPE_CHECKING:
    from competency_dx.bank import Item, ItemBank
    from competency_dx.findings import Finding

KEPT = 128  # banks
LONGEST = 200  # signs of an answer
PLAIN_ID = re.compile(r"[A-Za-z]{0,4}[-_]?\d{1,9}")
"""No name, telephone, document or label of totals looks like this."""


class PlainItem(NamedTuple):
    """An item, the judge of its answers, and whether its options can be taken for each other."""

    item: Item
    judge: Judge
    ambiguous: bool


class PlainCell(NamedTuple):
    """A content, how the source has it, and what it earns as an answer and gives as points, -1 where it is no such thing.

    `remarked` says that something would be said of it as an answer.
    """

    text: str = ""
    kind: Kind = "text"
    earned: int = 0
    given: int = 0
    remarked: bool = False


@lru_cache(maxsize=KEPT)
def plain_items(bank: ItemBank) -> Mapping[str, PlainItem]:
    """Return the items of a bank whose ids are no usual name of another column."""
    out = {}
    for item in bank.items:
        if item.id == " ".join(item.id.split()) and header_form(item.id) not in {*ITEM_NAMES, *PERSON_NAMES}:
            try:
                out[item.id] = PlainItem(item, judge_of(item), bool(ambiguous_options(item)))
            except ResponsesError:  # raised again where an answer to it is read
                continue
    return out


def plain_record(source: object, bank: ItemBank) -> Responses | None:
    """Return the responses of a list of one record, None where it has to be read as a table."""
    if not isinstance(source, list | tuple) or len(source) != 1 or not isinstance(source[0], Mapping):
        return None
    items, record = plain_items(bank), source[0]
    others = [name for name in record if name not in items]
    person = _person(others[0], record[others[0]]) if len(others) == 1 else "" if others else "1"
    chosen, cells = [plain for name, plain in items.items() if name in record], []
    for plain in chosen if person else ():
        if (cell := _cell(plain, record[plain.item.id])) is None:
            return None
        cells.append(cell)
    return _responses(person, chosen, cells, bank, () if others else (ROW_NUMBERS.of(),)) if cells else None


def _person(name: object, content: object) -> str:
    """Return the id of the person, "" where it may be none or say who it is."""
    if not isinstance(name, str) or name != " ".join(name.split()) or header_form(name) not in PERSON_NAMES:
        return ""
    if isinstance(content, str) and PLAIN_ID.fullmatch(content):
        return content
    from competency_dx.responses.reading.footers import strength_of_label
    from competency_dx.responses.reading.privacy import personal_columns

    ids = column(name, [content])
    text = "".join(ids.vocabulary)
    labelled = strength_of_label(text) or header_form(text) == ids.header
    return "" if labelled or personal_columns({name: ids}) else text


def _cell(plain: PlainItem, content: object) -> PlainCell | None:
    """Return a cell with what it is worth, None where something is to be asked or said of it."""
    if type(content) not in PLAIN:
        return None
    empty = content is None or content != content  # noqa: PLR0124 - NaN
    ((text, kind),) = whole_numbers([cell_text("" if empty else part) for part in comparable([content])])
    if not text:
        return PlainCell()
    item, key = plain.item, str(plain.item.key)
    token = not text.isdigit() and (text in NEGATIVE_CODES or token_code(text, {}) is not None)
    if token or len(text) > LONGEST:
        return None
    verdict, (points, top) = plain.judge(*written(item, [text], [kind])), read_points(text) or (-1, None)
    if top is not None or (not verdict.points and not item.options and personal_in(text)):
        return None
    zeros = item.type == "digits" and key.startswith("0") and text.isdigit() and len(text) < len(key)
    earned = verdict.points if verdict.readable else -1
    given = points if 0 <= points <= item.max_score else -1
    return PlainCell(text, kind, earned, given, zeros or verdict.several)


def _responses(
    person: str, chosen: Sequence[PlainItem], cells: Sequence[PlainCell], bank: ItemBank, notes: tuple[Finding, ...]
) -> Responses | None:
    by_id = {plain.item.id: plain.item for plain in chosen}
    tallies = {
        name: _tally(item, cell) if cell.text else Tally(0, 0, 0, 0, 0, 0, alike=False, twos=False)
        for (name, item), cell in zip(by_id.items(), cells, strict=True)
    }
    mode, findings = told_apart(by_id, tallies)
    raw, filled = mode == "raw", np.array([bool(cell.text) for cell in cells])
    points = np.array([cell.earned if raw else cell.given for cell in cells], dtype=np.int8)
    if points.min() < 0 or (raw and any(cell.remarked for cell in cells)):
        return None
    if raw:
        findings += gather(
            (AMBIGUOUS_OPTIONS, name, "", 1) for name, plain in zip(by_id, chosen, strict=True) if plain.ambiguous
        )
    ids, items = names([person]), tuple(by_id)
    status = np.where(filled, Reason.ANSWERED, BLANK).astype(np.uint8)[None]
    reasons, blanks = resolve_blanks(ids, items, status, np.full(len(items), BLANK), None)
    answers = RawAnswers(
        codes=np.where(filled, 0, -1)[None],
        vocabulary=tuple((cell.text,) if cell.text else () for cell in cells),
        kinds=tuple((cell.kind,) if cell.text else () for cell in cells),
    )
    return Responses(
        persons=ids,
        items=items,
        scores=points[None],
        reasons=reasons,
        max_scores=np.array([item.max_score for item in by_id.values()]),
        answers=answers if raw else None,
        findings=(*notes, *findings, *blanks, *emptiness(ids, items, reasons)),
        provenance=loaded_from("records", bank, Layout(), mode, (points[None], reasons)),
    )


def _tally(item: Item, cell: PlainCell) -> Tally:
    _, no_points, no_answer, unread, differ = signs_of(item, cell.text, cell.earned, cell.given)
    return Tally(1, no_points, no_answer, unread, differ, 0, alike=False, twos=False)
