"""The items behind the conclusions of one person, each listed once under the narrowest competency it belongs to."""

from __future__ import annotations

import math

from competency_dx.arrays import value
from competency_dx.competencies import Evidence, Profile
from competency_dx.display import decimal
from competency_dx.reports.report_context import Setting

NOTABLE = 0.6  # share of the maximum by which points depart from what is expected before it is marked


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


def evidence_groups(profile: Profile, s: Setting) -> tuple[EvidenceGroup, ...]:
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
            lines=tuple(_line(e, expected.get(e.item, e.expected), s) for e in fresh),
        )
    return tuple(groups[b.index] for b in s.tree if b.index in groups)


def _line(e: Evidence, expected: float, s: Setting) -> EvidenceLine:
    gap = (e.points - expected) / e.max_score if e.max_score and math.isfinite(expected) else 0.0
    return EvidenceLine(
        title=e.title.text(s.language),
        topics=", ".join(e.topics),
        points=f"{e.points} {s.t['of']} {e.max_score}",
        expected=decimal(expected, 1, s.language),
        remark="" if e.treated_as == "answered" else s.t.get(e.treated_as, e.treated_as),
        mark="▲" if gap > NOTABLE else "▽" if gap < -NOTABLE else "",
    )
