"""The report on deficit profiles: cohort page, pages of persons, or of groups alone with nothing about a few, sheets of a workbook.

The page of a person says what to do first, strengths, all conclusions, what was not concluded, and has a part for the methodist.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import quote

from competency_dx.arrays import blocks
from competency_dx.competencies import FELT, STATES, Conclusion, DeficitProfiles, Evidence, Profile
from competency_dx.display import IntervalRow, chance, count, decimal, percent
from competency_dx.errors import ReportError
from competency_dx.findings import Finding
from competency_dx.kernels.blocks import mapped_ahead
from competency_dx.kernels.suppression import SMALLEST
from competency_dx.reports import cohort, pages
from competency_dx.reports.cohort import Group, Summary, aggregate_view, cohort_view, everybody, impersonal, measured, summaries
from competency_dx.reports.files import file_names, findings_sheet, sheet_of
from competency_dx.reports.pages import Language, Sheet, SheetCell, Written, bounded, finding_lines, plain, render, strings
from competency_dx.reports.report_context import Branch, ReportContext, column_key, column_title, false_share, named, report_context
from competency_dx.result import DataFrame, frame

PERSONS, GROUPS = "persons", "groups"
BLOCK = 250  # persons whose rows are in memory at a time
PAGES = 50  # and whose pages
WORDED = {"state": "{}", "status": "status_{}", "strength": "strength_state_{}"}  # sentences of codes by their column
Divisions = Sequence[tuple[str, Sequence[Group]]]
FOUND, STOPS = ("confirmed", "likely"), ("misfit", "low_effort")
FIRST = ("column_date", "column_school")
PRIORITIES = 3
NUMBER = '</td><td class="n">'
BORROWED = 0.25  # own share below which the interval is drawn as borrowed
NOTABLE = 0.6  # share of the maximum by which points depart from what is expected before it is marked


def profile_report(profiles: DeficitProfiles, language: Language, executor: Executor | None = None) -> Written:
    """Return how profiles are written: the cohort page links to the persons' pages where they stand beside it."""
    s, files = report_context(profiles, language), file_names(map(str, profiles.persons))
    links = {person: f"{PERSONS}/{quote(name)}.html" for person, name in files.items()}
    made, tables = partial(_person_pages, language=language, files=files), replace(profiles, language=language)
    return Written(
        table="profiles",
        page=lambda linked: render("cohort.html", language, {"v": cohort_view(profiles, s, links if linked else {}), "s": s}),
        sheets=lambda: (profile_sheets(tables, s), s.t["cohort_title"]),
        further=lambda: chain.from_iterable(mapped_ahead(made, _blocks(profiles, PAGES), executor)),
        frames=lambda: (block.to_frame() for block in _blocks(tables)),
        document=lambda: _document(profiles),
        leads=False,
    )


def _person_pages(profiles: DeficitProfiles, language: Language, files: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Return paths and pages of a block of persons."""
    s, out = report_context(profiles, language), []
    shared = {"legend": pages.macro("legend", s.signs, s.t), "methods": pages.macro("methods", s.methods, s.t)}
    head, end, tail = pages.macro("table", s.t["figure_heads"].split("|"), (), 2).partition("</tbody>")
    for profile in profiles:
        view = person_view(profile, s)
        parts = {"figures": f"{head}{figure_rows(view)}{end}{tail}", "evidence": evidence_list(view)}
        values = {"v": view, "s": s, "back": "../index.html"} | parts | shared
        out.append((f"{PERSONS}/{files[profile.person]}.html", render("person.html", language, values).encode()))
    return out


def _blocks(profiles: DeficitProfiles, size: int = BLOCK) -> Iterator[DeficitProfiles]:
    """Yield the profiles of so many persons at a time that what is made of them takes little memory."""
    for rows in blocks(len(profiles), size):
        yield profiles.select(profiles.persons[rows])


def _document(profiles: DeficitProfiles) -> Iterator[str]:
    """Yield the document of the profiles in parts; persons come last in it, after what they share."""
    for k, block in enumerate(_blocks(profiles)):
        head, mark, persons = block.to_json().partition('"profiles":[')
        yield f"{'' if k else head + mark}{',' if k else ''}{persons.removesuffix(']}')}"
    yield "]}"


def profile_sheets(profiles: DeficitProfiles, s: ReportContext) -> tuple[Sheet, ...]:
    """Return profiles, strengths, cohort summary, methods and findings."""
    return (
        _long_sheet(s.t["sheet_profiles"], profiles, s, DeficitProfiles.to_frame),
        _long_sheet(s.t["sheet_strengths"], profiles, s, DeficitProfiles.strengths_frame),
        cohort_sheet(summaries(profiles, s.tree), s, persons=True),
        *note_sheets(s),
    )


def note_sheets(s: ReportContext) -> tuple[Sheet, Sheet]:
    """Return methods and findings."""
    notes = [*s.methods, (s.t["caveat"], ""), (s.t["purpose"], "")]
    methods = Sheet(name=s.t["sheet_methods"], heads=(s.t["settings"], ""), columns=tuple(zip(*notes, strict=True)), frozen=0)
    return methods, findings_sheet(s.findings, s.language)


def _long_sheet(name: str, profiles: DeficitProfiles, s: ReportContext, table: Callable[[DeficitProfiles], DataFrame]) -> Sheet:
    """Return a sheet with a row per person and competency, its codes in words; columns are made for so many persons at a time."""

    def columns(rows: slice) -> dict[str, list[SheetCell]]:
        frame = table(profiles.select(profiles.persons[rows]))
        out = {str(name): frame[name].tolist() for name in frame.columns}
        worded = {column: [s.t[key.format(code)] for code in out[column]] for column, key in WORDED.items() if column in out}
        return out | worded | ({"level": [s.levels.get(str(code), "") for code in out["level"]]} if "level" in out else {})

    first, *rest = [*blocks(len(profiles), BLOCK)] or [slice(0, 0)]
    further = (len(profiles) - len(profiles.persons[first])) * len(profiles.competencies)
    sheet = sheet_of(name, columns(first), s.language, 3)
    return replace(sheet, further=further, more=lambda: ([*columns(rows).values()] for rows in rest))


def cohort_sheet(rows: Sequence[Summary], s: ReportContext, *, persons: bool) -> Sheet:
    """Return states and means; without `persons` nothing that is about fewer than `SMALLEST` of them, and no quantiles."""
    of = [row.competency for row in rows]
    columns: dict[str, list[SheetCell]] = {"competency": [c.code for c in of], "title": [c.title.text(s.language) for c in of]}
    shown = [persons or row.concluded >= SMALLEST or not row.concluded for row in rows]
    for k, state in enumerate(STATES):
        columns[s.t[state]] = [row.counts[k] if open_ else None for row, open_ in zip(rows, shown, strict=True)]
    for key in ("n", "mean", "error", "q05", "q95") if persons else ("n", "mean", "error"):
        columns[key] = [getattr(row, key) if open_ else None for row, open_ in zip(rows, shown, strict=True)]
    return sheet_of(s.t["sheet_cohort"], columns, s.language, 2)


def aggregate_report(profiles: DeficitProfiles, language: Language) -> Written:
    """Return how a cohort is written without its persons; raises `ReportError` with too few conclusions to show anything."""
    concluded = int((profiles.n_items > 0).any(axis=1).sum())
    if concluded < SMALLEST:
        raise ReportError("reports.too_few", n=concluded, least=SMALLEST)
    s = replace(report_context(profiles, language), findings=_impersonal(profiles, language))
    rows, silent = impersonal(summaries(profiles, s.tree), profiles)
    found = cohort.background_groups(profiles, s, silent)
    shown = [(name, group) for name, members in found for group in members if group.shown]
    files = file_names(f"{name}-{group.name}" for name, group in shown)
    links = {(name, g.name): f"{GROUPS}/{quote(files[f'{name}-{g.name}'])}.html" for name, g in shown}

    def further() -> Iterator[tuple[str, bytes]]:
        for name, group in shown:
            title = f"{column_title(name, s.language, dict(found))}: {named(group.name, s.language)}"
            values = {"s": s, "group": title, "n": count(group.n, language), "cells": group.cells, "least": SMALLEST}
            yield f"{GROUPS}/{files[f'{name}-{group.name}']}.html", render("group.html", language, values).encode()

    table = _table([("", (everybody(*measured(profiles), silent),)), *found], s)
    sheets: tuple[Sheet, ...] = (cohort_sheet(rows, s, persons=False),)
    sheets += (sheet_of(s.t["sheet_groups"], table, s.language, 2), *note_sheets(s))
    return Written(
        table="cohort",
        page=lambda beside: render("cohort.html", language, {"v": aggregate_view(profiles, s, found, links if beside else {}), "s": s}),
        sheets=lambda: (sheets, s.t["cohort_title"]),
        further=further,
        frames=lambda: [frame(**table).astype({"n": "Int64"})],
    )


def _table(divisions: Divisions, s: ReportContext) -> dict[str, list[SheetCell]]:
    """Return the columns of a table with one row per group and competency; what is not shown is empty."""
    rows = [(name, group, b) for name, members in divisions for group in members if group.shown for b in s.tree]
    cells = [group.cells[b.index] for _, group, b in rows]
    return {
        "column": [name for name, _, _ in rows],
        "group": [group.name for _, group, _ in rows],
        "persons": [group.n for _, group, _ in rows],
        "competency": [b.competency.code for _, _, b in rows],
        "title": [s.titles[b.competency.code] for _, _, b in rows],
        "n": [cell["n"] if cell["shown"] else None for cell in cells],
        **{number: [round(cell[number], 1) for cell in cells] for number in cohort.CELL_NUMBERS},
    }


def _impersonal(profiles: DeficitProfiles, language: Language) -> tuple[Mapping[str, str], ...]:
    """Return the findings, the words of those that name a person left out."""
    persons = frozenset(map(str, profiles.persons))
    silent = strings(language)["finding_of_persons"]
    pairs = zip(profiles.findings, finding_lines(profiles.findings, language), strict=True)
    return tuple({**line, "text": silent, "scope": ""} if _names_one(finding, persons) else line for finding, line in pairs)


def _names_one(finding: Finding, persons: frozenset[str]) -> bool:
    """Tell whether an id of a person stands in a finding, as a word of its sentence or among its facts."""
    words = {w.strip(".,;:()«»'\"") for text in (finding.ru, finding.en) for w in text.split()}
    said = words | set(finding.scope) | set(_texts(finding.facts))
    return not persons.isdisjoint(said) or any(person in finding.en for person in persons if " " in person)


def _texts(fact: object) -> Iterator[str]:
    if isinstance(fact, Mapping):
        fact = list(fact.values())
    if isinstance(fact, str):
        yield fact
    elif isinstance(fact, Iterable):
        for part in fact:
            yield from _texts(part)


def person_view(profile: Profile, s: ReportContext) -> dict[str, Any]:
    """Return what the template shows; `stopped` is the sentence on why nothing is concluded, or ""."""
    drawn = {b.index for b in s.tree if profile.conclusions[b.index].status == "reported"}
    at = profile.conclusions
    deficits = sorted(_narrowest(s.tree, {k for k in drawn if at[k].state in FOUND}), key=lambda k: (at[k].state, -at[k].p_deficit))
    doubtful = [k for k in deficits if spoken_against(at[k])]
    deficits = [k for k in deficits if k not in doubtful]
    strong = sorted(_narrowest(s.tree, {k for k in drawn if at[k].strength in FOUND}), key=lambda k: -at[k].p_strength)
    rows = [_interval_row(at[b.index], b.depth, s) for b in s.tree if b.index in drawn]
    held = sorted((m for m in profile.misconceptions if m.probability >= s.rule.likely), key=lambda m: -m.probability)
    return {
        "person": profile.person,
        "facts": list(_facts(profile, s)),
        "remarks": [pages.said_on_page(finding, s.language) for finding in profile.findings],
        "stopped": _stopped(profile, s),
        "priorities": [_statement(at[k], s.t[at[k].state], at[k].p_deficit, s, s.signs[at[k].state]) for k in deficits[:PRIORITIES]],
        "other_deficits": [_named(at[k], s) for k in deficits[PRIORITIES:]],
        "doubtful": [f"{_named(at[k], s)}, {s.t[at[k].state]}" for k in doubtful],
        "unsure": [s.titles[at[k].competency.code] for k in _narrowest(s.tree, {k for k in drawn if at[k].state == "indeterminate"})],
        "misconceptions": [f"{m.misconception.title.text(s.language)} ({chance(m.probability, s.language)})" for m in held],
        "ask_next": [f"{fact.title.text(s.language)} ({fact.item})" for fact in profile.ask_next],
        "route": s.standards.levels[0].route.text(s.language),
        "strengths": [_statement(at[k], s.t[f"strength_{at[k].strength}"], at[k].p_strength, s) for k in strong],
        "picture": pages.macro("interval_table", rows, s.standards.cuts, s.zones, s.t["picture"]),
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
    rests = [_evidence_line(answers[item], s) for item, moved in c.carriers if moved > 0] if sign else []
    return {
        "title": s.titles[c.competency.code],
        "name": name,
        "sign": sign,
        "chance": chance(p, s.language),
        "estimate": bounded(c.percent, c.percent_low, c.percent_high, s.language),
        "rests": [f"{e['title']} ({e['remark'] or e['points']})" for e in rests],
        "leans": s.titles.get(c.leans_on, ""),
    }


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
