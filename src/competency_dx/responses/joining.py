"""Joining the answers of the same persons to further items, as after a follow-up form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from competency_dx.arrays import Bools, Ints, Names, names
from competency_dx.errors import ResponsesError
from competency_dx.provenance import digest_arrays, provenance
from competency_dx.responses.explanation import RawAnswers
from competency_dx.responses.missing import Reason

if TYPE_CHECKING:
    from competency_dx.responses.responses import Responses


def joined_responses(first: Responses, later: Responses) -> Responses:
    """Return the answers of the persons of `first` to the items of both; `Responses.joined` says what is refused."""
    place = {person: k for k, person in enumerate(first.persons)}
    strange = [person for person in later.persons if person not in place]
    if strange:
        raise ResponsesError("responses.joined_strangers", strange=strange)
    rows = np.array([place[person] for person in later.persons], dtype=np.int64)
    column = {item: k for k, item in enumerate(first.items)}
    items = (*first.items, *(item for item in later.items if item not in column))
    column |= {item: k for k, item in enumerate(items)}
    columns = np.array([column[item] for item in later.items], dtype=np.int64)
    at = rows[:, None], columns
    shape, n = (len(first.persons), len(items)), len(first.items)
    scores = np.zeros(shape, dtype=np.int8)
    reasons = np.full(shape, Reason.NOT_ADMINISTERED, dtype=np.uint8)
    scores[:, :n], reasons[:, :n] = first.scores, first.reasons
    before, answered = reasons[at], later.observed
    unlike = np.argwhere(answered & (before == Reason.ANSWERED) & (scores[at] != later.scores))
    if len(unlike):
        cells = [f"{later.persons[p]} on {later.items[i]}" for p, i in unlike]
        raise ResponsesError("responses.joined_twice", cells=cells)
    taken = (before == Reason.NOT_ADMINISTERED) | (answered & (before != Reason.ANSWERED))
    scores[at], reasons[at] = (np.where(taken, new, old) for new, old in ((later.scores, scores[at]), (later.reasons, reasons[at])))
    top = np.zeros(len(items), dtype=np.int64)
    top[:n] = first.max_scores
    top[columns] = np.maximum(top[columns], later.max_scores)
    background = {name: _background(first, later, rows, name) for name in {**first.background, **later.background}}
    digests = {name: digest_arrays(of.scores, of.reasons) for name, of in (("first", first), ("later", later))}
    return replace(
        first,
        items=items,
        scores=scores,
        reasons=reasons,
        max_scores=top,
        background=background,
        answers=_answers(first, later, (rows, columns), taken, shape),
        findings=tuple(dict.fromkeys((*first.findings, *later.findings))),
        provenance=provenance("joined", digests, {"items": str(len(items))}),
    )


def _background(first: Responses, later: Responses, rows: Ints, name: str) -> Names:
    """Return a background column (P,): what the first table says, and where it says nothing, the later one."""
    out = np.full(len(first.persons), "", dtype=object)
    if name in later.background:
        out[rows] = later.background[name]
    stated = first.background.get(name, names([""] * len(out)))
    return np.where(stated != "", stated, out)


def _answers(first: Responses, later: Responses, at: tuple[Ints, Ints], taken: Bools, shape: tuple[int, int]) -> RawAnswers | None:
    """Return the raw answers of both, None unless both were kept."""
    if first.answers is None or later.answers is None:
        return None
    codes, n = np.full(shape, -1, dtype=np.int32), len(first.items)
    codes[:, :n] = first.answers.codes
    vocabulary = [*first.answers.vocabulary, *([()] * (shape[1] - n))]
    kinds = [*first.answers.kinds, *([()] * (shape[1] - n))]
    for k, j in enumerate(at[1]):
        new, shift = later.answers.codes[:, k], len(vocabulary[j])
        vocabulary[j] = (*vocabulary[j], *later.answers.vocabulary[k])
        kinds[j] = (*kinds[j], *later.answers.kinds[k])
        chosen = taken[:, k] & (new >= 0)
        codes[at[0][chosen], j] = new[chosen] + shift
    return RawAnswers(codes=codes, vocabulary=tuple(vocabulary), kinds=tuple(kinds))
