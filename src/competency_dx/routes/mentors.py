"""Mentors: who of the persons agreed to be one and is strong where another has a deficit, matched within what each can take."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, Names
from competency_dx.competencies import DeficitProfiles
from competency_dx.errors import RouteError
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.personal_data import personal_in
from competency_dx.result import digest_text

LED = 10  # persons whom a methodist leads at most where no number is said
NOT_OFFERED = ("", "nobody_strong", "no_consent", "other_territory", "no_place_left", "helps_less", "farther", "as_good")
"""Why another is not the mentor of a person: the later, the nearer they come to it."""
ROLES = ("", "mentor", "methodist")
NEAR = 0.5  # so much more counts what a mentor can help with, for each background column in which both are the same
Consent = str | Mapping[str, int] | Iterable[str]
AGREED = dict.fromkeys(("да", "yes", "true", "+"), 1) | dict.fromkeys(("", "нет", "no", "false", "-", "—"), 0)


def room_of(profiles: DeficitProfiles, agreed: Consent, mentees: int) -> Ints:
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


def offered(
    need: Floats, strong: Bools, room: Ints, persons: Names, *, near: Sequence[Names], methodist: Bools
) -> tuple[Ints, Ints, Ints]:
    """Return the place of each person's mentor (P,), of who else could help most, -1 for none, and why it is not them.

    `need` (P, D) is the shortfall where there is a deficit, `strong` (P, D) says who is sure to be strong in what, `room` (P,) how many
    each takes, 0 without consent; `near` are background columns (P,). A `methodist` (P,) leads persons of the own territory only, the
    first of these columns. Mentors can help with as many points as possible: it is an assignment problem, and who is matched does not
    depend on the order of the persons. The last are places in `NOT_OFFERED`; of a person without a mentor it is the limit that binds.
    Nobody is named who did not agree.
    """
    from scipy.optimize import linear_sum_assignment

    order = np.array(sorted(range(len(persons)), key=lambda p: digest_text(str(persons[p]))), dtype=np.int64)
    need, (able,), row = need[order], np.nonzero(strong[order].any(axis=1)), np.arange(len(order))
    leader, (mentor, other, why) = order[able], np.full((3, len(order)), -1)
    if not able.size:
        why[order] = need.any(axis=1)
        return mentor, other, why
    with one_blas_thread():
        points = need @ strong[leader].T.astype(np.float64)
    points[able, np.arange(len(able))] = 0.0  # nobody is their own
    same = np.array([(c[order, None] == c[leader]) & (c[leader] != "") for c in near], np.bool_).reshape(-1, *points.shape)
    nearness, elsewhere, room = 1 + NEAR * same.sum(axis=0), methodist[leader] & ~same[:1].any(axis=0), room[leader]
    worth = points * nearness
    given, most = np.where(elsewhere, 0.0, worth), np.minimum(room, (worth > 0).sum(axis=0))
    held = full = np.minimum(most, LED)
    mine = np.zeros(worth.shape, dtype=np.bool_)
    while full.any():  # who takes more persons gets places for them when the first ones are taken: a limit that binds nobody may go
        seats = np.repeat(np.arange(len(able)), held)
        rows, columns = linear_sum_assignment(given[:, seats], maximize=True)
        mine[:] = False
        mine[rows, seats[columns]] = given[rows, seats[columns]] > 0
        full = (mine.sum(axis=0) == held) & (held < most)
        held = np.where(full, np.minimum(2 * held, most), held)
    alone = ~mine.any(axis=1)
    helps, close = (np.where(mine, x, 0.0).sum(axis=1, keepdims=True) for x in (points, nearness))
    binds = np.broadcast_arrays(elsewhere, mine.sum(axis=0) >= room, points < helps, nearness < close)
    code = np.select(binds, range(3, 7), NOT_OFFERED.index("as_good"))
    rest = np.where(mine | (room == 0), 0.0, worth)
    best = (rest + 1e6 * ((rest > 0) & ~elsewhere)).argmax(axis=1)  # who may lead the person comes before who may not
    there, nobody = rest[row, best] > 0, np.where(alone & need.any(axis=1), 1 + (worth > 0).any(axis=1), 0)
    mentor[order], other[order] = np.where(alone, -1, leader[mine.argmax(axis=1)]), np.where(there, leader[best], -1)
    why[order] = np.where(there, code[row, best], nobody)
    return mentor, other, why
