"""The protocol of experts: every row of it, with what became of its mark; and how it is read."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Z95, Bools, Floats, Ids, Ints, Names, held_to, value
from competency_dx.bank import ItemBank
from competency_dx.display import Chart, code_word, interval_chart, result_words
from competency_dx.errors import RatersError, checked
from competency_dx.findings import Finding, Template, announce, worth_a_line
from competency_dx.responses import USUAL_CODES, read_number, read_table
from competency_dx.result import DataFrame, Provenance, Result, digest_arrays, frame, provenance
from competency_dx.wording import toml_content

HIGHEST, DENSE = 100, 8  # a table with as many cells a row is counted through
WIDE, LARGE, FEW, SEVERAL, MANY = 3, 10, 5, 20, 50  # gaps below codes; marks beyond can be slips; enough marks to tell that
STATUSES = ("used", "blank", "unreadable", "above", "unknown", "copy")
USED, BLANK, UNREADABLE, ABOVE, UNKNOWN, COPY = range(len(STATUSES))
CASES = (("raters.unreadable", UNREADABLE), ("raters.above_maximum", ABOVE), ("raters.unknown", UNKNOWN), ("raters.copies", COPY))


@value
class Ratings(Result):
    """N rows of a protocol: who gave which mark to whom for what; make them with `load_ratings`.

    Attributes
    ----------
    items : (I,) What is marked: a criterion of a task, ``task/criterion``, or a task as a whole; `max_marks` (I,) are the highest
        marks.
    person, item, expert : (N,) Places of the row's person, item and expert; -1 where the row does not say.
    mark : (N,) -1 where there is none that counts; `written` (N,) is what the protocol says, `day` (N,) a number, NaN for none.
    status : (N,) Of the mark: 0 used, 1 blank, 2 unreadable, 3 above the maximum, 4 person, item or expert unknown, 5 a copy of
        an earlier row.
    """

    kind: ClassVar[str] = "ratings"
    schema_version: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("marks",)
    persons: Ids
    items: Ids
    tasks: Annotated[tuple[str, ...], held_to("items", uniqueWith=("criteria",))]
    criteria: Annotated[tuple[str, ...], held_to("items")]
    experts: Ids
    max_marks: Annotated[Ints, held_to("items", minimum=1, maximum=100)]
    person: Annotated[Ints, held_to("N", minimum=-1, placeIn="persons")]
    item: Annotated[Ints, held_to("N", minimum=-1, placeIn="items")]
    expert: Annotated[Ints, held_to("N", minimum=-1, placeIn="experts")]
    mark: Annotated[Ints, held_to("N", minimum=-1, maximum=100)]
    written: Annotated[Names, held_to("N")]
    status: Annotated[Ints, held_to("N", minimum=0, maximum=5)]
    day: Annotated[Floats, held_to("N")]
    findings: tuple[Finding, ...]
    provenance: Provenance

    def __post_init__(self) -> None:
        absent = (self.person < 0) | (self.item < 0) | (self.expert < 0) | (self.mark < 0)
        if (bad := np.flatnonzero(self.used & (absent | (self.mark > self.max_marks[self.item])))).size:
            raise RatersError("raters.rows", rows=(bad + 1).tolist())

    def __len__(self) -> int:
        return len(self.mark)

    @property
    def used(self) -> Bools:
        """Return the rows whose mark counts (N,)."""
        return np.asarray(self.status == USED)

    @property
    def rows(self) -> tuple[Ints, ...]:
        """Return person, item, expert and mark of these rows, each (n,)."""
        rows, used = (self.person, self.item, self.expert, self.mark), self.used
        return rows if used.all() else tuple(x[used] for x in rows)

    def answers(self) -> dict[tuple[int, int], dict[int, int]]:
        """Return the marks of each answer, by person and item: experts in the order of the protocol, of each the last mark."""
        out = defaultdict[tuple[int, int], dict[int, int]](dict)
        for person, item, expert, mark in zip(*(x.tolist() for x in self.rows), strict=True):
            out[person, item][expert] = mark
        return dict(sorted(out.items()))

    def to_frame(self) -> DataFrame:
        """Return one row per row of the protocol: person, task, criterion, expert, mark, written, status, day."""
        ids = {"person": self.persons, "task": self.tasks, "criterion": self.criteria, "expert": self.experts}
        at = {"task": self.item, "criterion": self.item}
        said = {name: np.array([*of, ""], dtype=object)[at.get(name, getattr(self, name, None))] for name, of in ids.items()}
        mark, status = np.where(self.used, self.mark, np.nan), np.array(STATUSES, dtype=object)[self.status]
        return frame(**said, mark=mark, written=self.written, status=status, day=self.day)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return how many marks of whom there are, how many are not used and why, and the findings."""
        say, counts = result_words("raters", language), np.bincount(self.status, minlength=len(STATUSES)).tolist()
        lost = tuple(f"{code_word('status', s, language)} {n}" for s, n in zip(STATUSES[1:], counts[1:], strict=True) if n)
        several = [len(marks) > 1 for marks in self.answers().values()]
        return [
            say("protocol", rows=len(self), persons=len(self.persons), items=len(self.items), experts=len(self.experts)),
            say("marks", used=counts[0], twice=sum(several), answers=len(several)),
            *([say("not_used", lost=lost)] if lost else []),
            *worth_a_line(self.findings, language=language),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the mean mark of each expert in percent of the maximum, with the interval of a mean of works drawn by lot."""
        say, (_, item, expert, mark) = result_words("raters", language), self.rows
        share = 100 * mark / self.max_marks[item]
        n, total, square = (np.bincount(expert, weights=w, minlength=len(self.experts)) for w in (None, share, share**2))
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / n
            half = Z95 * np.sqrt(np.maximum(square / n - mean**2, 0) / n)
        order = np.argsort(mean)
        at = np.stack([mean, mean - half, mean + half])[:, order]
        return interval_chart([self.experts[k] for k in order], at, title=say("mean_marks"), x_label=say("percent_axis"))


@checked(RatersError)
def load_ratings(
    source: object,
    *,
    bank: ItemBank | None = None,
    maximum: int | Mapping[str, int] | None = None,
    experts: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Ratings:
    """Read a protocol with one row per mark: person, task or criterion or both, expert, mark, and the day where it is told.

    All rows are kept, with a finding for every mark that cannot be used.
    Raises `RatersError` when a column is missing, or no mark can be used.

    Parameters
    ----------
    source : path, data frame, list of records, or Ratings. What `load_responses` reads as well; usual headings are known in Russian and
        in English.
    bank : Tells the highest marks: tasks are its items, criteria those of their rubrics.
    maximum : The highest mark of all, or by ``task/criterion`` or task; what nothing tells is the highest mark seen, but for codes of
        missing answers and slips, which are not used.
    experts : Who the experts are; marks of others are kept and not used.
    columns : Headings of ``person``, ``task``, ``criterion``, ``expert``, ``mark``, ``day`` where they are others.
    """
    if isinstance(source, Ratings):
        return source
    table, asked = read_table(source), columns or {}
    known, headers = toml_content("raters", "words")["columns"], table.headers()
    heading = {role: asked.get(role) or next((headers[h] for h in usual if h in headers), "") for role, usual in known.items()}
    absent = [role for role in ("person", "expert", "mark") if heading[role] not in table.columns]
    if absent or not {heading["task"], heading["criterion"]} & set(table.columns):
        raise RatersError("raters.columns", origin=table.origin, absent=absent or ["task"], columns=list(table.columns))
    none = table.columns[heading["mark"]].take(np.zeros(0, dtype=np.int64))
    column = {role: table.columns.get(name, replace(none, codes=np.full(table.rows, -1))) for role, name in heading.items()}
    persons, person = column["person"].vocabulary, column["person"].codes.astype(np.int64)
    people, expert = _places(column["expert"].vocabulary, column["expert"].codes)
    tasks, criteria = ((*column[role].vocabulary, "") for role in ("task", "criterion"))
    task, criterion = (np.arange(len(of))[column[role].codes] for role, of in (("task", tasks), ("criterion", criteria)))
    pair, both = frame(pair=task * len(criteria) + criterion)["pair"].factorize(sort=True)
    stated = [(tasks[t], criteria[c]) for t, c in zip(*divmod(np.array(both), len(criteria)), strict=True)]
    named = ["/".join(filter(None, dict.fromkeys(of))) for of in stated]
    parts = {name: (of[0] or of[1], of[1]) for name, of in zip(named, stated, strict=True)}
    items, item = _places(named, pair)
    numbers = [read_number(t) for t in column["mark"].vocabulary]
    points = np.array([int(x) if x is not None and x.denominator == 1 and 0 <= x <= HIGHEST else -1 for x in [*numbers, None]])
    mark, status = (x[column["mark"].codes] for x in (points, np.append(np.where(points[:-1] < 0, UNREADABLE, USED), BLANK)))
    strange = np.array([*(experts is not None and name not in experts for name in people), True])[expert]
    status[((person < 0) | (item < 0) | strange) & (status != BLANK)] = UNKNOWN
    if not (status == USED).any():
        raise RatersError("raters.no_marks", origin=table.origin, rows=table.rows)
    top = _highest([(name, *parts[name]) for name in items], bank, maximum)
    told = top[item] > 0
    cell = (item * (HIGHEST + 1) + mark)[status == USED]
    top, doubtful = _likely(np.bincount(cell, minlength=len(items) * (HIGHEST + 1)).reshape(len(items), -1), top)
    status[(status == USED) & (mark > top[item])] = ABOVE
    odd = {"raters.codes": (status == ABOVE) & ~told, "raters.doubtful": (status == USED) & (mark >= doubtful[item])}
    if not (status == USED).any():
        raise RatersError("raters.no_marks", origin=table.origin, rows=table.rows)
    days = [_day(t) for t in column["day"].vocabulary]
    day, written = np.array([*days, np.nan])[column["day"].codes], column["mark"].texts()
    again = np.flatnonzero(status == USED)
    answer = (person * len(items) + item) * len(people) + expert
    again = again[repeated(answer[again], len(persons) * len(items) * len(people))]
    copy, differ = _twice(answer[again], mark[again], day[again])
    status[again[copy]], odd["raters.marked_twice"] = COPY, np.isin(np.arange(table.rows), again[differ])
    rows = np.stack([person, item, expert, np.where(status == USED, mark, -1), status])
    rows.setflags(write=False)
    findings = [*table.findings, *_findings(rows, (persons, items, people), written, odd)]
    findings += Template("raters.days").about(t for t, x in zip(column["day"].vocabulary, days, strict=True) if np.isnan(x))
    announce(findings)
    settings = {"columns": ", ".join(f"{role} = {name}" for role, name in heading.items() if name not in {"", role})}
    return Ratings(
        persons=persons,
        items=items,
        tasks=tuple(parts[name][0] for name in items),
        criteria=tuple(parts[name][1] for name in items),
        experts=people,
        max_marks=top,
        **dict(zip(("person", "item", "expert", "mark", "status"), rows, strict=True)),
        written=written,
        day=day,
        findings=tuple(findings),
        provenance=provenance("load_ratings", {"source": table.origin, "data": digest_arrays(rows.astype(np.int32), day)}, settings),
    )


def _places(texts: Sequence[str], codes: NDArray[np.integer[Any]]) -> tuple[tuple[str, ...], Ints]:
    """Return the texts sorted, numbers in them as numbers, and the place of each row's (N,) for its code, -1 where it is empty."""
    distinct = sorted(filter(None, texts), key=lambda t: [(len(part), part) for part in re.split(r"(\d+)", t)])
    place = {t: k for k, t in enumerate(distinct)}
    return tuple(distinct), np.array([*(place.get(t, -1) for t in texts), -1], dtype=np.int64)[codes]


def repeated(cells: Ints, size: int) -> Bools:
    """Return which of the cells (N,), numbers below `size`, occur more than once (N,)."""
    few = size > DENSE * len(cells)
    return frame(cell=cells).duplicated(keep=False).to_numpy() if few else np.asarray((np.bincount(cells) > 1)[cells])


def _twice(answer: Ints, mark: Ints, day: Floats) -> tuple[Bools, Bools]:
    """Return copies of an earlier row, as of an export repeated, and the marks of answers that have several, all others (N,)."""
    rows = frame(answer=answer, mark=mark, day=day)
    copies = rows.duplicated().to_numpy()  # a second reading has another mark or day
    marks = rows["mark"].where(~copies).groupby(answer)
    return copies, ~copies & (marks.transform("min") < marks.transform("max")).to_numpy()


def _day(text: str) -> float:
    """Return a date as its ordinal, a number as it is, NaN for what is neither."""
    for form in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return float(datetime.strptime(text[:10].strip(), form).toordinal())
        except ValueError:
            continue
    number = read_number(text)
    return np.nan if number is None or abs(number) > datetime.max.toordinal() else float(number)


def _highest(items: list[tuple[str, str, str]], bank: ItemBank | None, maximum: int | Mapping[str, int] | None) -> Ints:
    """Return the highest marks of items, given with task and criterion, as they are stated (I,); 0 where nothing states them."""
    stated: dict[str, Any] = {}
    for item in bank.items if bank is not None else ():
        stated |= {item.id: item.max_score} if not item.rubric else {f"{item.id}/{c.id}": c.max_score for c in item.rubric}
    stated |= maximum if isinstance(maximum, Mapping) else {} if maximum is None else {name: maximum for name, _, _ in items}
    out = [stated.get(name, stated.get(task, 0)) for name, task, _ in items]
    if wrong := [f"{name} ({x})" for (name, *_), x in zip(items, out, strict=True) if not 0 <= x <= HIGHEST or x != int(x)]:
        raise RatersError("raters.maximum", wrong=wrong, most=HIGHEST)
    return np.array(out, dtype=np.int64)


def _likely(counts: Ints, top: Ints) -> tuple[Ints, Ints]:
    """Return the highest marks (I,), of `counts` (I, K) less slips where `top` is 0, and from which on they are doubtful (I,)."""
    out, doubtful, free = np.maximum(top, 1), np.full(len(top), HIGHEST + 1), np.flatnonzero((top == 0) & counts.any(axis=1))
    for i in free.tolist():
        of = counts[i] if counts[i].sum() >= SEVERAL else counts[free].sum(axis=0)
        values = np.flatnonzero(of)
        last = next((values[k - 1] for k in range(2, len(values)) if _beyond(values, of[values], k)), values[-1])
        values = np.flatnonzero(counts[i, : last + 1])
        n, total, out[i] = counts[i, values], counts[i, : last + 1].sum(), values.max(initial=1)
        for k, (low, high) in enumerate(pairwise(values.tolist()), start=1):
            unseen = high - low > 1 and high <= LARGE and n[k - 1] >= FEW and total >= MANY
            if unseen or (high - low >= max(WIDE, low) and 2 * k > low + 2 and total >= FEW):
                doubtful[i] = high
        if total >= MANY and n[-1] == 1 and n[-2:][0] >= LARGE:
            doubtful[i] = min(doubtful[i], values[-1])
    return out, doubtful


def _beyond(values: Ints, n: Ints, k: int) -> bool:
    """Tell whether the k-th of the values seen n times, and those above, are codes of missing answers or slips, and no marks."""
    low, above, total = int(values[k - 1]), values[k:], int(n.sum())
    slips = above > max(LARGE, WIDE * low) if total >= SEVERAL and n[k:].sum() <= max(1, total // MANY) else above < 0
    codes = np.isin(above, [*USUAL_CODES]) & (above > (low + max(WIDE, low) - 1 if total < 2 * MANY else low + max(WIDE, low / 2) - 1))
    codes &= (total >= SEVERAL) | (above > LARGE)
    dense = 2 * k > low - values[0] and 2 * n[k:].sum() <= total
    return bool(dense and above[0] - low >= WIDE and (codes | slips).all())


def _findings(rows: Ints, ids: tuple[tuple[str, ...], ...], written: Names, odd: Mapping[str, Bools]) -> list[Finding]:
    """Return what is to be said of marks that are not used, and of `odd` ones."""
    persons, items, experts = (np.array([*of, "—"], dtype=object) for of in ids)
    cases = {what: (rows[4] == code) & ~odd["raters.codes"] for what, code in CASES} | dict(odd)
    out: list[Finding] = []
    for what, at in cases.items():
        who = [f"{persons[p]}, {items[i]}, {experts[r]}: {w}" for (p, i, r), w in zip(rows[:3, at].T, written[at], strict=True)]
        out += Template(what).about(persons[rows[0, at]], where=who, rows=len(who))
    return out
