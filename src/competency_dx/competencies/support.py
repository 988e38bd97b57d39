"""Whether a conclusion has support of its own, and where it is drawn when it has not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.competencies.conclusion import STATES, STATUSES
from competency_dx.competencies.rule import DeficitRule
from competency_dx.responses import Reason, Responses

REPORTED = STATUSES.index("reported")
LEAST_CHOICES = 8  # items with options from which filling in without reading shows: by chance in fewer than 1 of 10,000
ROUNDING = 1e-9
SAME = 0.9  # share of one option among the answers
CONFIRMED, LIKELY, NOT_FOUND = (STATES.index(s) for s in ("confirmed", "likely", "not_found"))


def statuses(n_items: Ints, own_share: Floats, covered: Floats, stopped: tuple[Floats, Bools], rule: DeficitRule) -> NDArray[np.int8]:
    """Return for each person and unit (P, C) whether a conclusion is drawn and if not, the first reason why.

    `covered` (P, C) is the share of reference points in leaves with an answer, `stopped` the misfit of a person's answers and
    whether they were given without effort (P,).
    """
    misfit, effortless = stopped
    conditions = {
        "no_items": n_items == 0,
        "low_effort": np.broadcast_to(effortless[:, None], n_items.shape),
        "misfit": np.broadcast_to(misfit[:, None] < rule.misfit, n_items.shape),
        "too_few_items": n_items < rule.min_items,
        "partly_tested": covered < rule.coverage - ROUNDING,
        "borrowed": own_share < rule.own_share,
    }
    codes = [STATUSES.index(name) for name in conditions]
    return np.select(list(conditions.values()), codes, REPORTED).astype(np.int8)


def roll_up(status: NDArray[np.int8], parent: tuple[int, ...]) -> NDArray[np.int16]:
    """Return where each unit's conclusion is drawn (P, C): itself, its nearest ancestor with one, or -1.

    Units come parents first, so one pass suffices.
    """
    out = np.full(status.shape, -1, dtype=np.int16)
    for c, up in enumerate(parent):
        above = out[:, up] if up >= 0 else np.int16(-1)
        out[:, c] = np.where(status[:, c] == REPORTED, c, above)
    return out


def one_option(data: Responses, columns: Ints) -> Bools:
    """Return who gave one and the same answer (P,) to nearly all of the items with options at these columns, mostly wrong."""
    counts: dict[str, Ints] = {}
    answers, answered = data.answers, data.reasons[:, columns] == Reason.ANSWERED
    if answers is None:
        return np.zeros(len(answered), dtype=np.bool_)
    total, right = answered.sum(axis=1), (answered & (data.scores[:, columns] > 0)).sum(axis=1)
    for j, given in zip(columns, answered.T, strict=True):
        for v, text in enumerate(answers.vocabulary[j]):
            word = text.strip().casefold()
            counts.setdefault(word, np.zeros(len(total), dtype=np.int64))
            counts[word] += given & (answers.codes[:, j] == v)
    most = np.max(list(counts.values()), axis=0, initial=0) if counts else np.zeros_like(total)
    return np.asarray((total >= LEAST_CHOICES) & (most >= SAME * total) & (2 * right < total))


def levels(below: Floats, state: NDArray[np.int8]) -> tuple[NDArray[np.int8], Floats]:
    """Return the most probable level (P, C) that the state allows and its probability; -1 and NaN where nothing is concluded.

    `below` (P, C, cuts) are P(percent below each cut). A deficit has the lowest level, a deficit not found any other.
    """
    ends = np.zeros((*state.shape, 1))
    probability = np.diff(np.concatenate([ends, below, 1 + ends], axis=2), axis=2)
    allowed = np.ones(probability.shape, dtype=np.bool_)
    allowed[:, :, 0] = state != NOT_FOUND
    allowed[:, :, 1:] = ~np.isin(state, (CONFIRMED, LIKELY))[:, :, None]
    best = np.where(allowed, probability, -1.0).argmax(axis=2)
    at_best = np.take_along_axis(probability, best[:, :, None], axis=2)[:, :, 0]
    concluded = state <= NOT_FOUND
    return np.where(concluded, best, -1).astype(np.int8), np.where(concluded, np.clip(at_best, 0.0, 1.0), np.nan)
