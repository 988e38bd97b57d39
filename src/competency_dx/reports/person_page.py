"""The page of one person: what to do first, strengths, all conclusions, what was not concluded, the part for the methodist."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from competency_dx.competencies import FELT, Conclusion, Evidence, Profile
from competency_dx.display import IntervalRow, chance, count, decimal, interval_table, percent
from competency_dx.reports.pages import bounded, plain, said_on_page
from competency_dx.reports.report_context import Branch, ReportContext, column_key, column_title, false_share, named

FOUND, STOPS = ("confirmed", "likely"), ("misfit", "low_effort")
FIRST = ("column_date", "column_school")
PRIORITIES = 3
NUMBER = '</td><td class="n">'
BORROWED = 0.25  # own share below which the interval is drawn as borrowed
NOTABLE = 0.6  # share of the maximum by which points depart from what is expected before it is marked


def person_view(profile: Profile, s: ReportContext) -> dict[str, Any]:
    """Return what the template shows; `stopped` is the sentence on why nothing is concluded, or ""."""
    drawn = {b.index for b in s.tree if profile.conclusions[b.index].status == "reported"}
    at = profile.conclusions
    deficits = sorted(_narrowest(s.tree, {k for k in drawn if at[k].state in FOUND}), key=lambda k: (at[k].state, -at[k].p_deficit))
    doubtful = [k for k in deficits if spoken_against(at[k])]
    deficits = [k for k in deficits if k not in doubtful]
    strong = sorted(_narrowest(s.tree, {k for k in drawn if at[k].strength in FOUND}), key=lambda k: -at[k].p_strength)
    held = sorted((m for m in profile.misconceptions if m.probability >= s.rule.likely), key=lambda m: -m.probability)
    return {
        "person": profile.person,
        "facts": list(_facts(profile, s)),
        "remarks": [said_on_page(finding, s.language) for finding in profile.findings],
        "stopped": _stopped(profile, s),
        "priorities": [_statement(at[k], s.t[at[k].state], at[k].p_deficit, s, s.signs[at[k].state]) for k in deficits[:PRIORITIES]],
        "other_deficits": [_named(at[k], s) for k in deficits[PRIORITIES:]],
        "doubtful": [f"{_named(at[k], s)}, {s.t[at[k].state]}" for k in doubtful],
        "unsure": [s.titles[at[k].competency.code] for k in _narrowest(s.tree, {k for k in drawn if at[k].state == "indeterminate"})],
        "misconceptions": [f"{m.misconception.title.text(s.language)} ({chance(m.probability, s.language)})" for m in held],
        "ask_next": [f"{fact.title.text(s.language)} ({fact.item})" for fact in profile.ask_next],
        "route": s.standards.levels[0].route.text(s.language),
        "strengths": [_statement(at[k], s.t[f"strength_{at[k].strength}"], at[k].p_strength, s) for k in strong],
        "picture": interval_table(
            [_interval_row(at[b.index], b.depth, s) for b in s.tree if b.index in drawn], s.standards.cuts, s.zones, s.t["picture"]
        ),
        "unconcluded": list(_unconcluded([at[b.index] for b in s.tree if b.index not in drawn], s)),
        "figures": [_figures(at[b.index], s) for b in s.tree if at[b.index].n_items],
        "false_share": false_share(profile.expected_false_share, s),
        "evidence": evidence_groups(profile, s),
    }


def spoken_against(c: Conclusion) -> bool:
    """Return whether all answers of its own speak against a deficit, which then rests on other competencies and on the population."""
    moves = [e.influence for e in c.evidence]
    return bool(moves) and max(moves) < FELT and sum(moves) < 0


def _named(c: Conclusion, s: ReportContext) -> str:
    return f"{s.titles[c.competency.code]} ({chance(c.p_deficit, s.language)})"


def _narrowest(tree: Sequence[Branch], wanted: set[int]) -> list[int]:
    """Return the wanted units that have no wanted unit below them."""
    return [b.index for b in tree if b.index in wanted and not wanted & set(b.below)]


def _facts(profile: Profile, s: ReportContext) -> Iterator[tuple[str, str]]:
    """Yield what stands at the head of the page: date and organisation first."""
    used = max((c.n_items for c in profile.conclusions), default=0)
    columns = sorted(profile.background, key=lambda name: column_key(name) not in FIRST)
    yield from ((column_title(name, s.language, columns), named(profile.background[name], s.language)) for name in columns)
    yield s.t["bank"], s.bank
    yield s.t["answered"], count(used, s.language)


def _stopped(profile: Profile, s: ReportContext) -> str:
    statuses = {c.status for c in profile.conclusions}
    if profile.status == "no_responses":
        return s.t["no_responses"]
    reasons = [s.t[f"stopped_{status}"] for status in STOPS if status in statuses]
    return reasons[0] if reasons else "" if "reported" in statuses else s.t["nothing_concluded"]


def _statement(c: Conclusion, name: str, p: float, s: ReportContext, sign: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a strength, or a deficit by its sign: how sure it is, the estimate, the answers it rests on, and whose support it."""
    answers = {e.item: e for e in c.evidence}
    rests = [answers[item] for item, moved in c.carriers if moved > 0] if sign else []
    return {
        "title": s.titles[c.competency.code],
        "name": name,
        "sign": sign,
        "chance": chance(p, s.language),
        "estimate": bounded(c.percent, c.percent_low, c.percent_high, s.language),
        "rests": [f"{e.title.text(s.language)} ({_given(e, s)})" for e in rests],
        "leans": s.titles.get(c.leans_on, ""),
    }


def _given(e: Evidence, s: ReportContext) -> str:
    """Return the points of an answer, or why what counts as wrong is none."""
    return f"{e.points} {s.t['of']} {e.max_score}" if e.treated_as == "answered" else s.t.get(e.treated_as, e.treated_as)


def _interval_row(c: Conclusion, depth: int, s: ReportContext) -> IntervalRow:
    sign, at = s.signs[c.state], (c.percent, c.percent_low, c.percent_high)
    return IntervalRow(
        label=s.titles[c.competency.code],
        depth=depth,
        at=at,
        look=sign["look"],
        figures=bounded(*at, s.language),
        words=s.t[f"strength_{c.strength}"] if c.strength in FOUND else sign["name"],
        borrowed=c.own_share < BORROWED,
    )


def _unconcluded(members: Sequence[Conclusion], s: ReportContext) -> Iterator[dict[str, Any]]:
    """Yield competencies without a conclusion for one reason, and the reason; `target` is where to look, "" for nowhere."""
    for status, at in dict.fromkeys((c.status, c.reported_at) for c in members):
        titles = tuple(s.titles[c.competency.code] for c in members if (c.status, c.reported_at) == (status, at))
        yield {"titles": titles, "why": s.t[f"status_{status}"], "target": s.titles.get(at, "")}


def _figures(c: Conclusion, s: ReportContext) -> tuple[str, ...]:
    """Return a row of the table for the methodist; what is not concluded has no probabilities."""
    drawn = c.status == "reported"
    return (
        f"{s.titles[c.competency.code]} {c.competency.code}",
        c.leans_on,
        str(c.n_items),
        *(chance(p if drawn else math.nan, s.language) for p in (c.p_deficit, c.p_strength)),
        f"{s.ranges[c.level]}: {chance(c.level_probability, s.language)}" if drawn else "—",
        percent(100 * c.own_share, s.language),
        *(decimal(x, 2, s.language) for x in (c.reliability, c.prmse_total, c.prmse)),
    )


def evidence_groups(profile: Profile, s: ReportContext) -> list[dict[str, Any]]:
    """Return the items grouped by narrowest competency; expectations are those at the estimate that is reported."""
    seen, groups = set[str](), dict[int, dict[str, Any]]()
    for branch in sorted(s.tree, key=lambda b: -b.depth):
        fresh = [e for e in profile.conclusions[branch.index].evidence if e.item not in seen]
        seen.update(e.item for e in fresh)
        if fresh:
            title, lines = branch.competency.title.text(s.language), [_evidence_line(e, s) for e in fresh]
            groups[branch.index] = {"code": branch.competency.code, "title": title, "lines": lines}
    return [groups[b.index] for b in s.tree if b.index in groups]


def _evidence_line(e: Evidence, s: ReportContext) -> dict[str, str]:
    """Return an answered item: points, what was expected, and a remark where nothing was answered."""
    gap = (e.points - e.expected) / e.max_score if e.max_score and math.isfinite(e.expected) else 0.0
    return {
        "title": e.title.text(s.language),
        "topics": ", ".join(e.topics),
        "points": f"{e.points} {s.t['of']} {e.max_score}",
        "expected": decimal(e.expected, 1, s.language),
        "remark": "" if e.treated_as == "answered" else s.t.get(e.treated_as, e.treated_as),
        "mark": "▲" if gap > NOTABLE else "▽" if gap < -NOTABLE else "",
    }


def figure_rows(view: Mapping[str, Any]) -> str:
    """Return the rows of the table for the methodist as HTML: all pages of a cohort have them, so no template is asked."""
    return "".join(
        f'<tr><td>{plain(texts).replace(chr(0), "</td><td>")}</td><td class="n">{plain(numbers).replace(chr(0), NUMBER)}</td></tr>\n'
        for texts, numbers in (("\0".join(row[:2]), "\0".join(row[2:])) for row in view["figures"])
    )


def evidence_list(view: Mapping[str, Any]) -> str:
    """Return the answers by competency as HTML."""
    out = []
    for g in view["evidence"]:
        title, code = plain(g["title"]), plain(g["code"])
        out.append(f'<section>\n<h3>{title} <span class="code">{code}</span></h3>\n<ul>\n')
        for e in g["lines"]:
            title, topics, remark = (plain(e[key]) for key in ("title", "topics", "remark"))
            points = f"{e['mark']} {e['points']} ({e['expected']}){remark and ', '}{remark}"
            out.append(f'<li><span>{title} <span class="code">{topics}</span></span><span class="points">{points}</span></li>\n')
        out.append("</ul>\n</section>\n")
    return "".join(out)
