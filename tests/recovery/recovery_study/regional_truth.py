"""What is true of the region of the demo beside what was concluded: shares of groups, growth of programmes, what routes close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from competency_dx.arrays import Bools, Floats, Names
from competency_dx.groups import GroupReport
from competency_dx.growth import Growth
from competency_dx.routes import Programme, Routes, load_catalogue
from competency_dx_demo import LEVELS, LINE, true_percent
from competency_dx_demo.raw_answers import words
from competency_dx_demo.whole_region import COMMON, HOURS, Subject, Teachers


def shares_covered(groups: GroupReport, deficits: Bools, place: Names) -> Floats:
    """Return by group and competency whether the interval of the share holds the true one of all teachers there, NaN if not shown.

    `deficits` (N, C) and `place` (N,) are of all teachers, assessed or not.
    """
    true = np.array([(deficits[place == name] if name else deficits).mean(axis=0) for name in groups.groups])
    inside = (groups.share_low[:, :, 0] - 1e-9 <= true) & (true <= groups.share_high[:, :, 0] + 1e-9)
    return np.where(groups.shown[:, None], inside, np.nan)


def changes_covered(growth: Growth, before: Mapping[str, Floats], after: Mapping[str, Floats]) -> Floats:
    """Return by programme and competency whether the interval of the mean change holds the true one, NaN where not shown."""
    true = np.array([after[p] - before[p] for p in growth.persons])
    means = np.array([true[growth.group == g].mean(axis=0) for g in range(len(growth.groups))])
    return np.where(np.isfinite(growth.mean_low), (growth.mean_low <= means) & (means <= growth.mean_high), np.nan)


def gains(routes: Routes, percents: Floats, programmes: Sequence[Programme], hours: float, rng: np.random.Generator) -> Floats:
    """Return the points below the line that programmes close of true percents (P, D), by what the catalogue assumes, and their hours.

    Rows (3, 2): the routes; programmes for the category at random as long as there are hours and seats; its longest course for
    everybody, without regard to seats.
    """
    seats = {one.id: np.inf if one.seats is None else one.seats for one in programmes}
    taken = [[routes.programmes[k] for k in row if k >= 0] for row in routes.steps]
    drawn = list[list[Programme]]([] for _ in taken)
    for p in rng.permutation(len(drawn)).tolist():
        for one in (programmes[k] for k in rng.permutation(len(programmes))):
            fits = sum(x.hours for x in (one, *drawn[p])) <= hours and not any(map(one.overlaps, drawn[p]))
            if fits and seats[one.id] > 0:
                drawn[p].append(one)
                seats[one.id] -= 1
    longest = max(programmes, key=lambda one: one.hours)
    codes, out = [c.code for c in routes.competencies], []
    for ways in (taken, drawn, [[longest]] * len(taken)):
        closed = np.zeros(percents.shape)
        for p, steps in enumerate(ways):
            for effect in (e for one in steps for e in one.brings if e.competency in codes):
                d, top = codes.index(effect.competency), min(effect.target, LINE)
                closed[p, d] = max(closed[p, d], min(top, percents[p, d] + effect.gain) - percents[p, d])
        out.append([closed.sum(), sum(one.hours for steps in ways for one in steps)])
    return np.array(out)


def compared(teachers: Teachers, subjects: Sequence[Subject]) -> dict[str, float]:
    """Return the figures of the study."""
    names = np.array(words("en")["municipalities"], dtype=object)
    shares, changes, ways = [], [], []
    for s in subjects:
        codes, of = [c.code for c in s.study.profiles.competencies], {x.item: x.competencies for x in s.study.profiles.items}
        member = np.array([[code in of[item.id] for item in s.cohort.bank.items] for code in codes])
        deficits = true_percent(replace(s.cohort, expected=s.truth.expected), member) < LINE
        shares.append(shares_covered(s.groups, deficits, names[teachers.municipality[s.known]]))
        percents = [true_percent(c, member) for c in (s.cohort, replace(s.second, expected=s.later.expected))]
        before, after = (dict(zip(c.persons, x, strict=True)) for c, x in zip((s.cohort, s.second), percents, strict=True))
        changes.append(changes_covered(s.growth, before, after).ravel())
        subject = () if s.study.name == COMMON else (s.cohort.bank.header.subject,)
        able = [one for one in load_catalogue("synthetic").programmes if one.categories == subject]
        leaves = [codes.index(c.code) for c in s.routes.competencies]
        ways.append(gains(s.routes, percents[0][:, leaves], able, HOURS, s.rng))
    common, volunteers = subjects[-1], names[teachers.volunteers]
    lot = np.array([name not in {"", *volunteers} for name in common.groups.groups])
    table = np.sum([s.study.counts.loc[[(level, "engine") for level in LEVELS]] for s in subjects], axis=(0, 1))
    flags = dict(zip(common.study.counts.columns, table.tolist(), strict=True))
    closed = {name: points / hours for name, (points, hours) in zip(("routes", "random", "course"), np.sum(ways, axis=0), strict=True)}
    return {
        "shares": 100 * float(np.nanmean(shares[-1][lot])),
        "volunteers": 100 * float(np.nanmean(shares[-1][np.isin(common.groups.groups, volunteers)])),
        "categories": 100 * float(np.nanmean(np.concatenate([x[0] for x in shares[:-1]]))),
        "changes": 100 * float(np.nanmean(np.concatenate(changes))),
        "false": 100 * flags["false_flags"] / flags["flags"],
        "announced": 100 * flags["announced"] / flags["flags"],
        **{name: 100 * x for name, x in closed.items()},
    }
