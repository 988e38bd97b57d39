"""The page of one person: what is concluded, what is not and why, from what, and what could come next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from competency_dx.arrays import value
from competency_dx.competencies import Conclusion, Evidence, Profile
from competency_dx.display import IntervalRow, decimal, interval, interval_svg, percent
from competency_dx.reports.report_context import (
    ReportContext,
    Sign,
    chance_words,
    column_title,
    named,
    several,
)

FOUND = ("confirmed", "likely")
NOTABLE = 0.6  # share of the maximum by which points depart from what is expected before it is marked


@value
class Line:
    """One row of the table of conclusions."""

    code: str
    title: str
    depth: int
    percent: str
    interval: str
    sign: Sign
    strength: str
    chance: str
    level: str
    n_items: int
    reliability: str


@value
class OpenLine:
    """One competency on which nothing is concluded by itself: why, and where to look."""

    code: str
    title: str
    n_items: int
    reliability: str
    why: str
    target: str

    @property
    def group(self) -> str:
        """Return what lines of one heading share."""
        return f"{self.why}|{self.target}"


@value
class Statement:
    """One heading of the summary, or a level, with the competencies it holds for and a hint or the way recommended."""

    head: str
    titles: tuple[str, ...]
    hint: str


@value
class EvidenceLine:
    """One answered item: title, topics, points, what was expected, and a remark where nothing was answered."""

    title: str
    topics: str
    points: str
    expected: str
    remark: str
    mark: str


@value
class EvidenceGroup:
    """The items of one competency."""

    code: str
    title: str
    lines: tuple[EvidenceLine, ...]


@value
class PersonView:
    """What the template of the person page shows."""

    person: str
    root: str
    answered: bool
    background: tuple[tuple[str, str], ...]
    statements: tuple[Statement, ...]
    hidden: tuple[Statement, ...]
    untested: tuple[str, ...]
    picture: str
    lines: tuple[Line, ...]
    open_lines: tuple[OpenLine, ...]
    evidence: tuple[EvidenceGroup, ...]
    suggestions: tuple[Statement, ...]
    used: str


def person_view(profile: Profile, s: ReportContext) -> PersonView:
    """Gather what the page shows."""
    found = [profile.conclusions[b.index] for b in s.tree]
    reported = [c for c in found if c.status == "reported"]
    hidden = [c for c in found if c.status != "reported" and c.n_items > 0]
    root = s.tree[0].competency.title.text(s.language) if s.tree else ""
    rows = [_interval_row(c, b.depth, s) for c, b in zip(found, s.tree, strict=True)]
    used = max((c.n_items for c in found), default=0)
    return PersonView(
        person=profile.person,
        root=root,
        answered=profile.status != "no_responses",
        background=tuple(
            (column_title(name, s.language), named(cell, s.language)) for name, cell in profile.background.items()
        ),
        statements=tuple(_statements(reported, s)),
        hidden=tuple(_hidden(hidden, s)),
        untested=tuple(s.titles[c.competency.code] for c in found if c.n_items == 0),
        picture=interval_svg([r for r in rows if r is not None], s.cuts, title=s.t["picture"], axis=s.t["axis"]),
        lines=tuple(_line(c, s, b.depth) for c, b in zip(found, s.tree, strict=True) if c.status == "reported"),
        open_lines=tuple(_open_line(c, s) for c in hidden),
        evidence=evidence_groups(profile, s),
        suggestions=tuple(_suggestions(profile, s)),
        used=several(used, "item", s.language),
    )


def _statements(reported: Sequence[Conclusion], s: ReportContext) -> Iterator[Statement]:
    kinds = [
        ("confirmed_deficits", [c for c in reported if c.state == "confirmed"], "none_confirmed"),
        ("likely_deficits", [c for c in reported if c.state == "likely"], ""),
        ("strengths", [c for c in reported if c.strength == "confirmed"], "none_found"),
        ("likely_strengths", [c for c in reported if c.strength == "likely"], ""),
        ("growth", [c for c in reported if c.state not in FOUND and c.strength not in FOUND], ""),
    ]
    for key, members, otherwise in kinds:
        if members:
            hint = s.t["growth_hint"] if key == "growth" else ""
            yield Statement(head=s.t[key], titles=tuple(s.titles[c.competency.code] for c in members), hint=hint)
        elif otherwise:
            yield Statement(head=s.t[key], titles=(), hint=s.t[otherwise])


def _hidden(hidden: Sequence[Conclusion], s: ReportContext) -> Iterator[Statement]:
    for why in dict.fromkeys(_why(c, s) for c in hidden):
        members = tuple(s.titles[c.competency.code] for c in hidden if _why(c, s) == why)
        yield Statement(head=why, titles=members, hint="")


def _why(c: Conclusion, s: ReportContext) -> str:
    return c.reason.text(s.language).split(";")[0]


def _interval_row(c: Conclusion, depth: int, s: ReportContext) -> IntervalRow | None:
    if c.n_items == 0:
        return None
    shown, sign = c.status == "reported", s.signs[c.state]
    words = sign.name + (f"; {s.t['strength_' + c.strength]}" if shown and c.strength in FOUND else "")
    return IntervalRow(
        label=s.titles[c.competency.code],
        depth=depth,
        point=c.percent if shown else math.nan,
        low=c.percent_low,
        high=c.percent_high,
        look=sign.look,
        figures=percent(c.percent, s.language) if shown else "",
        words=words,
    )


def _line(c: Conclusion, s: ReportContext, depth: int) -> Line:
    return Line(
        code=c.competency.code,
        title=s.titles[c.competency.code],
        depth=depth,
        percent=percent(c.percent, s.language),
        interval=interval(c.percent_low, c.percent_high, s.language),
        sign=s.signs[c.state],
        strength=s.t[f"strength_{c.strength}"] if c.strength in FOUND else "",
        chance=chance_words(c.p_deficit, s.language),
        level=s.levels[c.level],
        n_items=c.n_items,
        reliability=decimal(c.reliability, 2, s.language),
    )


def _open_line(c: Conclusion, s: ReportContext) -> OpenLine:
    return OpenLine(
        code=c.competency.code,
        title=s.titles[c.competency.code],
        n_items=c.n_items,
        reliability=decimal(c.reliability, 2, s.language),
        why=_why(c, s),
        target=s.titles.get(c.reported_at, ""),
    )


def _suggestions(profile: Profile, s: ReportContext) -> Iterator[Statement]:
    """Yield one suggestion per level for the narrowest competencies a conclusion could be drawn on."""
    shown = {b.index for b in s.tree if profile.conclusions[b.index].status == "reported"}
    narrow = [profile.conclusions[b.index] for b in s.tree if b.index in shown and not shown & set(b.below)]
    for level in s.standards.levels:
        titles = tuple(s.titles[c.competency.code] for c in narrow if c.level == level.code)
        if titles:
            yield Statement(head=s.levels[level.code], titles=titles, hint=level.route.text(s.language))


def evidence_groups(profile: Profile, s: ReportContext) -> tuple[EvidenceGroup, ...]:
    """Return the items grouped by narrowest competency; expectations are those at the estimate that is reported."""
    seen: set[str] = set()
    groups: dict[int, EvidenceGroup] = {}
    by_code = {c.competency.code: c for c in profile.conclusions}
    for branch in sorted(s.tree, key=lambda b: -b.depth):
        conclusion = profile.conclusions[branch.index]
        fresh = [e for e in conclusion.evidence if e.item not in seen]
        if not fresh:
            continue
        seen.update(e.item for e in fresh)
        target = by_code.get(conclusion.reported_at, conclusion)
        expected = {e.item: e.expected for e in target.evidence}
        groups[branch.index] = EvidenceGroup(
            code=branch.competency.code,
            title=branch.competency.title.text(s.language),
            lines=tuple(_evidence_line(e, expected.get(e.item, e.expected), s) for e in fresh),
        )
    return tuple(groups[b.index] for b in s.tree if b.index in groups)


def _evidence_line(e: Evidence, expected: float, s: ReportContext) -> EvidenceLine:
    gap = (e.points - expected) / e.max_score if e.max_score and math.isfinite(expected) else 0.0
    return EvidenceLine(
        title=e.title.text(s.language),
        topics=", ".join(e.topics),
        points=f"{e.points} {s.t['of']} {e.max_score}",
        expected=decimal(expected, 1, s.language),
        remark="" if e.treated_as == "answered" else s.t.get(e.treated_as, e.treated_as),
        mark="▲" if gap > NOTABLE else "▽" if gap < -NOTABLE else "",
    )
