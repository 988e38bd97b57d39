"""Mentors: who of the persons agreed to be one and is strong where another has a deficit, matched within what each can take."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, Names
from competency_dx.competencies import DeficitProfiles
from competency_dx.errors import RouteError
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.personal_data import personal_in
from competency_dx.result import digest_text

NEAR = 0.5  # so much more counts what a mentor can help with, for each background column in which both are the same
AGREED = dict.fromkeys(("да", "yes", "true", "+"), 1) | dict.fromkeys(("", "нет", "no", "false", "-", "—"), 0)


def room_of(profiles: DeficitProfiles, agreed: str | Mapping[str, int] | Iterable[str], mentees: int) -> Ints:
    """Return how many mentees each takes (P,), 0 without consent; raises `RouteError` for the unreadable, unknown persons, names."""
    persons = [str(p) for p in profiles.persons]
    if isinstance(agreed, str):
        cells = [str(cell).strip().casefold() for cell in profiles.background[agreed]]
        said = {p: int(x) if x.isdecimal() else AGREED.get(x, -1) * mentees for p, x in zip(persons, cells, strict=True)}
    else:
        said = dict(agreed) if isinstance(agreed, Mapping) else dict.fromkeys(map(str, agreed), mentees)
    if strange := said.keys() - {*persons}:
        raise RouteError("routes.unknown", strange=sorted(strange))
    if wrong := [p for p, n in said.items() if not isinstance(n, int | np.integer) or n < 0]:
        raise RouteError("routes.agreed", wrong=wrong)
    if named := [p for p, n in said.items() if n and personal_in(p)]:
        raise RouteError("routes.mentor_named", n=len(named))
    return np.array([min(said.get(p, 0), len(persons)) for p in persons])


def matched(need: Floats, strong: Bools, room: Ints, near: Sequence[Names], persons: Names) -> Ints:
    """Return the place of each person's mentor (P,), -1 for none, so that mentors can help with as many points as possible.

    `need` (P, D) is the shortfall where there is a deficit, `strong` (P, D) says who is sure to be strong in what; `near` are
    background columns (P,). It is an assignment problem, and who is matched does not depend on the order of the persons.
    """
    from scipy.optimize import linear_sum_assignment

    order = np.array(sorted(range(len(persons)), key=lambda p: digest_text(str(persons[p]))), dtype=np.int64)
    seats = np.repeat(order, np.where(strong.any(axis=1), room, 0)[order])
    with one_blas_thread():
        worth = need[order] @ strong[seats].T.astype(np.float64)
    worth *= 1 + NEAR * sum((column[order, None] == column[seats]) & (column[seats] != "") for column in near)
    worth[order[:, None] == seats] = 0.0  # nobody is their own
    rows, columns = linear_sum_assignment(worth, maximize=True)
    some, out = worth[rows, columns] > 0, np.full(len(persons), -1)
    out[order[rows[some]]] = seats[columns[some]]
    return out
