"""The page of one person: what is concluded, what is not and why, from what, and what could come next."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from competency_dx.arrays import value
from competency_dx.competencies import Conclusion, Profile
from competency_dx.display import IntervalRow, decimal, interval, interval_svg, percent
from competency_dx.reports.evidence import EvidenceGroup, evidence_groups
from competency_dx.reports.further import MOST, further_items
from competency_dx.reports.pages import render
from competency_dx.reports.report_context import Setting, Sign, chance_words, column_title, named, unit_title
from competency_dx.reports.strings import several

FOUND = ("confirmed", "likely")


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
    """One competency on which nothing is concluded by itself: why, where to look, and what is still needed."""

    code: str
    title: str
    n_items: int
    reliability: str
    why: str
    target: str
    needed: str

    @property
    def group(self) -> str:
        """Return what lines of one heading share."""
        return f"{self.why}|{self.target}"


@value
class Statement:
    """One heading of the summary with the competencies it holds for."""

    head: str
    titles: tuple[str, ...]
    hint: str


@value
class Suggestion:
    """A level, the competencies on it, and the way the scale recommends."""

    level: str
    titles: tuple[str, ...]
    route: str


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
    suggestions: tuple[Suggestion, ...]
    used: str


def person_page(profile: Profile, s: Setting, *, back: str = "") -> str:
    """Return the page of one person as HTML; `back` links to the cohort page."""
    return render("person.html", s.language, {"v": person_view(profile, s), "s": s, "back": back})


def person_view(profile: Profile, s: Setting) -> PersonView:
    """Gather what the page shows."""
    found = [profile.conclusions[b.index] for b in s.tree]
    reported = [c for c in found if c.status == "reported"]
    hidden = [c for c in found if c.status != "reported" and c.n_items > 0]
    root = s.tree[0].competency.title.text(s.language) if s.tree else ""
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
        untested=tuple(_title(c, s) for c in found if c.n_items == 0),
        picture=_picture(profile, s),
        lines=tuple(_line(c, s, b.depth) for c, b in zip(found, s.tree, strict=True) if c.status == "reported"),
        open_lines=tuple(_open_line(c, profile, s) for c in hidden),
        evidence=evidence_groups(profile, s),
        suggestions=tuple(_suggestions(profile, s)),
        used=several(used, "item", s.language),
    )


def _title(c: Conclusion, s: Setting) -> str:
    return unit_title(c.competency, s.t, s.language)


def _statements(reported: Sequence[Conclusion], s: Setting) -> Iterator[Statement]:
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
            yield Statement(head=s.t[key], titles=tuple(_title(c, s) for c in members), hint=hint)
        elif otherwise:
            yield Statement(head=s.t[key], titles=(), hint=s.t[otherwise])


def _hidden(hidden: Sequence[Conclusion], s: Setting) -> Iterator[Statement]:
    for why in dict.fromkeys(_why(c, s) for c in hidden):
        members = tuple(_title(c, s) for c in hidden if _why(c, s) == why)
        yield Statement(head=why, titles=members, hint="")


def _why(c: Conclusion, s: Setting) -> str:
    return c.reason.text(s.language).split(";")[0]


def _picture(profile: Profile, s: Setting) -> str:
    rows = [_interval_row(profile.conclusions[b.index], b.depth, s) for b in s.tree]
    return interval_svg([r for r in rows if r is not None], s.cuts, title=s.t["picture"], axis=s.t["axis"])


def _interval_row(c: Conclusion, depth: int, s: Setting) -> IntervalRow | None:
    if c.n_items == 0:
        return None
    shown, sign = c.status == "reported", s.signs[c.state]
    words = sign.name + (f"; {s.t['strength_' + c.strength]}" if shown and c.strength in FOUND else "")
    return IntervalRow(
        label=_title(c, s),
        depth=depth,
        point=c.percent if shown else math.nan,
        low=c.percent_low,
        high=c.percent_high,
        look=sign.look,
        figures=percent(c.percent, s.language) if shown else "",
        words=words,
    )


def _line(c: Conclusion, s: Setting, depth: int) -> Line:
    levels = {level.code: level.title.text(s.language) for level in s.standards.levels}
    return Line(
        code=c.competency.code,
        title=_title(c, s),
        depth=depth,
        percent=percent(c.percent, s.language),
        interval=interval(c.percent_low, c.percent_high, s.language),
        sign=s.signs[c.state],
        strength=s.t[f"strength_{c.strength}"] if c.strength in FOUND else "",
        chance=chance_words(c.p_deficit, s.language),
        level=levels[c.level],
        n_items=c.n_items,
        reliability=decimal(c.reliability, 2, s.language),
    )


def _open_line(c: Conclusion, profile: Profile, s: Setting) -> OpenLine:
    return OpenLine(
        code=c.competency.code,
        title=_title(c, s),
        n_items=c.n_items,
        reliability=decimal(c.reliability, 2, s.language),
        why=_why(c, s),
        target=_title(profile[c.reported_at], s) if c.reported_at else "",
        needed=_needed(c, s),
    )


def _needed(c: Conclusion, s: Setting) -> str:
    if c.status == "no_added_value":
        return s.t["other_items"]
    more = further_items(c.n_items, c.reliability, s.rule.reliability, s.rule.min_items)
    if math.isnan(more):
        least = max(s.rule.min_items - c.n_items, 1)
        return s.t["at_least"].format(n=several(least, "item_of", s.language))
    if more > MOST:
        return s.t["far_more"].format(n=several(MOST + 1, "item_of", s.language))
    return s.t["about_more"].format(n=several(int(more), "item", s.language))


def _suggestions(profile: Profile, s: Setting) -> Iterator[Suggestion]:
    """Yield one suggestion per level for the narrowest competencies a conclusion could be drawn on."""
    shown = {b.index for b in s.tree if profile.conclusions[b.index].status == "reported"}
    narrow = [profile.conclusions[b.index] for b in s.tree if b.index in shown and not shown & set(b.below)]
    for level in s.standards.levels:
        titles = tuple(_title(c, s) for c in narrow if c.level == level.code)
        if titles:
            yield Suggestion(level=level.title.text(s.language), titles=titles, route=level.route.text(s.language))
