"""The noun of this room: persons by items, scores and the reasons for missing ones, frozen."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import compress
from typing import Annotated, Any, ClassVar, Self, cast

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ids, Ints, Names, held_to, readonly, value
from competency_dx.bank import ItemBank, refuse_self_report
from competency_dx.display import Chart, code_word, notebook, point_chart, result_words
from competency_dx.errors import ResponsesError, checked, repeated
from competency_dx.findings import Finding, Severity, Template
from competency_dx.personal_data import hidden_ids
from competency_dx.responses.explanation import Explanation, KeyShown, RawAnswers, State, key_text, rule_text
from competency_dx.responses.missing import MissingPolicy, Reason, Reasons, cell_word
from competency_dx.responses.normalise import visible
from competency_dx.responses.rules import UNREADABLE, judge_of, written
from competency_dx.result import SELF_REPORT, DataFrame, Provenance, Result, digest_arrays, frame, provenance

HIGHEST = 127
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
IRW_COLUMNS = frozenset(("rater", "date", "wave", "rt", "treat", "block", "item_family"))
"""Columns besides covariates that a table of the Item Response Warehouse may have."""


@value
class Responses(Result):
    """Scored answers of P persons to I items; make them with `load_responses`.

    Raises `ResponsesError` when shapes do not fit together, ids repeat or a score is out of range.

    Attributes
    ----------
    persons : object array of str (P,)
        Unique ids, in the order of the source.
    items : tuple of str (I,)
    scores : (P, I) Points; 0 where `reasons` is not `Reason.ANSWERED`, which does not say that the answer was wrong.
    reasons : (P, I) `Reason` of each cell: answered, not administered, omitted, not reached, invalid.
    max_scores : (I,) Highest points of each item: from the bank, or the highest seen where there is no bank.
    provenance : How the responses came about: source, digests of data and bank, layout.
    background : (P,) What else is known of the persons (form, municipality …), "" where it is not.
    answers : Raw answers, so that every score can be explained; None where the source held points.
    findings : The ingest report.
    """

    pictures: ClassVar[tuple[str, ...]] = ("scores",)
    persons: Annotated[Names, held_to(uniqueItems=True)]
    items: Ids
    scores: Annotated[Codes, held_to("persons", "items", minimum=0)]
    reasons: Annotated[Reasons, held_to("persons", "items", maximum=4)]
    max_scores: Annotated[Ints, held_to("items", minimum=0, maximum=127)]
    provenance: Provenance
    background: Mapping[str, Annotated[Names, held_to("persons")]] = field(default_factory=dict)
    answers: RawAnswers | None = None
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        top = max(int(np.max(self.max_scores, initial=0)), int(np.max(self.scores, initial=0)))
        if top > HIGHEST:
            raise ResponsesError("responses.highest_score", top=top, highest=HIGHEST)
        object.__setattr__(self, "background", {k: readonly(v, object) for k, v in self.background.items()})
        shape = len(self.persons), len(self.items)
        tables: list[tuple[Any, str]] = [(self, "scores"), (self, "reasons"), *([(self.answers, "codes")] if self.answers else [])]
        for holder, name in (t for t in tables if not shape[0] and not getattr(*t).size):  # in JSON it says nothing of its columns
            object.__setattr__(holder, name, getattr(holder, name).reshape(shape))
        for name in ("scores", "reasons"):
            if (found := getattr(self, name).shape) != shape:
                raise ResponsesError("responses.shape", name=name, found=str(found), shape=str(shape))
        if self.max_scores.shape != shape[1:]:
            raise ResponsesError("responses.shape_max", found=str(self.max_scores.shape), shape=str(shape[1:]))
        if (highest := int(self.reasons.max(initial=0))) > max(Reason):
            raise ResponsesError("responses.reason_value", found=highest, most=int(max(Reason)))
        if self.scores.min(initial=0) < 0:
            raise ResponsesError("responses.score_negative")
        if high := [*compress(self.items, self.scores.max(axis=0, initial=0) > self.max_scores)]:
            raise ResponsesError("responses.score_above", items=high)
        if (raw := self.answers) is not None:
            fit = raw.codes.shape == shape and len(raw.vocabulary) == shape[1] and [*map(len, raw.vocabulary)] == [*map(len, raw.kinds)]
            if not fit or (raw.codes.max(axis=0, initial=-1) >= [*map(len, raw.vocabulary)]).any():
                raise ResponsesError("responses.answers_codes")
        for code, ids in (("person_ids_twice", self.persons.tolist()), ("item_ids_twice", self.items)):
            if twice := repeated(ids):
                raise ResponsesError(f"responses.{code}", twice=twice if ids is self.items else hidden_ids(ids, map(ids.index, twice)))

    @property
    def observed(self) -> Bools:
        """Return where there is an answer, shape (P, I)."""
        return np.asarray(self.reasons == Reason.ANSWERED)

    def effective(self, policy: MissingPolicy | None = None) -> tuple[Codes, Bools]:
        """Return scores (P, I), 0 where a reason makes them wrong, and cells that enter an estimation, by the policy or the default.

        Of a person without a single answer nothing enters, whatever stands in the cells.
        """
        some = self.reasons.any()
        return self.scores, (policy or MissingPolicy()).counted(self.reasons) if some else np.broadcast_to(np.True_, self.scores.shape)

    @checked(ResponsesError)
    def select(self, items: Iterable[str] | None = None, persons: Iterable[str] | None = None) -> Self:
        """Return the responses of chosen persons to chosen items, in the order given (all when None)."""
        rows = slice(None) if persons is None else _places(self.persons.tolist(), persons, "responses.absent_persons")
        columns = slice(None) if items is None else _places(self.items, items, "responses.absent_items")
        places, answers = np.arange(len(self.items))[columns].tolist(), self.answers
        if answers is not None:
            words, kinds = tuple(answers.vocabulary[k] for k in places), tuple(answers.kinds[k] for k in places)
            answers = RawAnswers(codes=answers.codes[rows][:, columns], vocabulary=words, kinds=kinds)
        cells: dict[str, Any] = {name: getattr(self, name)[rows][:, columns] for name in ("scores", "reasons")}
        background = {k: v[rows] for k, v in self.background.items()}
        ids, top = tuple(self.items[k] for k in places), self.max_scores[columns]
        return replace(self, persons=self.persons[rows], items=ids, max_scores=top, background=background, answers=answers, **cells)

    @checked(ResponsesError)
    def joined(self, follow_up: "Responses") -> "Responses":
        """Return these responses with those of the same persons to further items, as after `next_items`.

        Persons without a follow-up, or with no answer in it, were not given its items. An item in both tables keeps the answer of
        whichever has one; background columns keep what they say here.
        Raises `ResponsesError` when the follow-up has other persons, or an item was answered in both and not alike.
        """
        rows = _places(self.persons.tolist(), follow_up.persons, "responses.joined_strangers")
        items = tuple(dict.fromkeys((*self.items, *follow_up.items)))
        columns = _places(items, follow_up.items, "responses.absent_items")
        at, beyond = np.ix_(rows, columns), ((0, 0), (0, len(items) - len(self.items)))
        scores, reasons = np.pad(self.scores, beyond), np.pad(self.reasons, beyond, constant_values=Reason.NOT_ADMINISTERED)
        before, answered = reasons[at], follow_up.observed
        there = answered.any(axis=1, keepdims=True) | (follow_up.reasons == Reason.INVALID)
        later = np.where(there, follow_up.reasons, np.uint8(Reason.NOT_ADMINISTERED))
        unlike = np.argwhere(answered & (before == Reason.ANSWERED) & (scores[at] != follow_up.scores))
        if cells := [f"{hidden_ids(follow_up.persons, [p])[0]} on {follow_up.items[i]}" for p, i in unlike.tolist()]:
            raise ResponsesError("responses.joined_twice", cells=cells)
        taken = (before == Reason.NOT_ADMINISTERED) | (answered & (before != Reason.ANSWERED))
        scores[at], reasons[at] = np.where(taken, follow_up.scores, scores[at]), np.where(taken, later, before)
        top = np.pad(self.max_scores, beyond[1])
        top[columns] = np.maximum(top[columns], follow_up.max_scores)
        background = {}
        for name in {**self.background, **follow_up.background}:  # what is said here, and where nothing is, there
            here, there = np.full((2, len(self.persons)), "", dtype=object)
            here[:] = self.background.get(name, here)
            there[rows] = follow_up.background.get(name, there[rows])
            background[name] = np.where(here != "", here, there)
        digests = {name: digest_arrays(of.scores, of.reasons) for name, of in (("first", self), ("later", follow_up))}
        for of in (self, follow_up):
            digests |= {name: bank for name, bank in of.provenance.inputs.items() if name == SELF_REPORT}
        both = None if self.answers is None or follow_up.answers is None else (self.answers, follow_up.answers)
        return replace(
            self,
            items=items,
            scores=scores,
            reasons=reasons,
            max_scores=top,
            background=background,
            answers=both and both[0].joined(both[1], (rows, columns), taken, len(items)),
            findings=tuple(dict.fromkeys((*self.findings, *follow_up.findings))),
            provenance=provenance("joined", digests, {"items": str(len(items))}),
        )

    def of_persons(self, given: Any) -> list[Any]:  # noqa: ANN401 - a mapping or any sequence
        """Return values of persons, one each: by ids of a mapping or an index of pandas, refused if they do not fit, or in order."""
        index, values = (given, given.values()) if isinstance(given, Mapping) else (getattr(given, "index", None), given)
        values = [visible(x) if isinstance(x, str) else x for x in values]
        ids = [] if callable(index) or index is None else ["/".join(map(str, x)) if isinstance(x, tuple) else str(x) for x in index]
        place = {visible(x): k for k, x in enumerate(ids)}
        absent, mapped = [p for p in self.persons if p not in place], index is given
        if not mapped and (not ids or (absent and ids == [*map(str, range(len(ids)))])):
            return values
        if len(absent) == len(self.persons) if mapped else absent or len(place) < len(ids):
            raise ResponsesError("responses.ids_of_values", absent=absent or repeated(ids))
        return [values[place[p]] if p in place else None for p in self.persons]

    def explain(self, person: str, item: str, bank: ItemBank, *, key: KeyShown = "hidden") -> Explanation:
        """Explain the points of one answer; the key is shown only when asked for."""
        refuse_self_report(self)
        row = int(_places(self.persons.tolist(), [person], "responses.absent_persons")[0])
        place, definition = int(_places(self.items, [item], "responses.absent_items")[0]), bank.item(item)
        stored = None if self.answers is None else self.answers.of(row, place)
        verdict = judge_of(definition)(*written(definition, stored[:1], stored[1:])) if stored else UNREADABLE
        answered = self.reasons[row, place] == Reason.ANSWERED
        return Explanation(
            person=person,
            item=item,
            state=cast("State", Reason(int(self.reasons[row, place])).name.lower()),
            raw=stored[0] if stored else None,
            normalised=verdict.normalised if answered else "",
            key=key_text(definition) if key == "shown" else None,
            rule=rule_text(definition),
            elements=verdict.elements if answered else (),
            points=int(self.scores[row, place]),
            max_score=int(self.max_scores[place]),
        )

    def to_frame(self) -> DataFrame:
        """Return one row per person: `person`, then one column of points per item, NaN where there is no answer.

        Raises `ModelError` where the items are statements about oneself.
        """
        import pandas as pd

        refuse_self_report(self)
        points = pd.DataFrame(np.where(self.observed, self.scores, np.nan), columns=list(self.items))
        return pd.concat([pd.DataFrame({"person": self.persons}), points], axis=1)

    def _try_out(self) -> None:
        if SELF_REPORT not in self.provenance.inputs:
            super(Responses, self)._try_out()  # noqa: UP008 - the class is made twice

    def _repr_html_(self) -> str:
        return notebook(self.summary(), frame()) if SELF_REPORT in self.provenance.inputs else super(Responses, self)._repr_html_()  # noqa: UP008

    def to_table(self, language: str = "en") -> DataFrame:
        """Return what files hold: `to_frame` with a word in the cells that hold no answer, which `load_responses` reads back."""
        words = np.array(["", *(cell_word(reason, language) for reason in Reason if reason)], dtype=object)
        cells = np.where(self.observed, self.scores.astype(object), words[self.reasons])
        return self.to_frame().assign(**dict(zip(self.items, cells.T, strict=True)))

    def to_irw(self) -> DataFrame:
        """Return one row per answer as the Item Response Warehouse has it: `id`, `item`, `resp`, and background as `cov_…`.

        Its standard: https://itemresponsewarehouse.org/standard.html. `resp` is empty where an item was given and there is no answer
        that counts; what was not administered has no row. Whoever was given nothing has one empty row, so that nobody is lost.
        `load_responses` reads the table back.
        """
        import pandas as pd

        refuse_self_report(self)
        given = self.reasons != Reason.NOT_ADMINISTERED
        given[:, 0] |= ~given.any(axis=1)
        rows, columns = np.nonzero(given)
        resp = pd.array(self.scores[rows, columns], dtype="Int64")
        resp[~self.observed[rows, columns]] = pd.NA
        usual = {name: name in IRW_COLUMNS or name.startswith(("cov_", "itemcov_")) for name in self.background}
        further = {name if kept else "cov_" + "_".join(name.split()): self.background[name][rows] for name, kept in usual.items()}
        return frame(**{"id": self.persons[rows], "item": np.array(self.items, dtype=object)[columns], "resp": resp} | further)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return counts of persons, items, answers and of each reason, and the findings by severity."""
        say, cells = result_words("responses", language), self.reasons.size
        counts = np.bincount(self.reasons.ravel(), minlength=len(Reason)).tolist()
        levels = Counter(f.severity for f in self.findings)
        return [
            say("head", persons=len(self.persons), items=len(self.items), points=int(self.max_scores.sum())),
            say("answered", n=counts[0], cells=cells, share=100 * counts[0] / max(1, cells)),
            *(f"{say(f'reason_{r.name.lower()}')} {counts[r]}" for r in Reason if r != Reason.ANSWERED and counts[r]),
            say("background", columns=tuple(self.background)),
            say("findings", findings=tuple(f"{levels[s]} {code_word('severity', s, language)}" for s in SEVERITIES if s in levels)),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the mean share of points of the answers to each item, the first item on top."""
        say, shares = result_words("responses", language), {"": self.mean_shares()}
        return point_chart(self.items, shares, title=say("scores"), x_label=say("scores_axis"), x_lines=(0.0, 1.0))

    def mean_shares(self) -> Floats:
        """Return the mean points of the answers to each item as a share of its maximum, NaN without answers (I,)."""
        n, total = self.observed.sum(axis=0), self.scores.sum(axis=0, dtype=np.int64)
        return np.asarray(np.divide(total, n * self.max_scores, out=np.full(len(n), np.nan), where=n > 0))


def emptiness(ids: Names, items: Sequence[str], reasons: Reasons) -> list[Finding]:
    """Return findings for items and for persons without a single answer."""
    seen = reasons == Reason.ANSWERED
    bare = Template("responses.empty_items").about(compress(items, ~seen.any(axis=0)))
    return [*bare, *Template("responses.empty_persons").about(hidden_ids(ids, np.flatnonzero(~seen.any(axis=1))))]


def _places(known: Sequence[str], wanted: Iterable[str], code: str) -> Ints:
    index, chosen = {name: k for k, name in enumerate(known)}, list(wanted)
    if absent := [w for w in chosen if w not in index]:
        persons = code != "responses.absent_items"
        given, there = (hidden_ids(ids, range(len(ids))) if persons else ids for ids in (absent, known))
        raise ResponsesError(code, absent=given, known=there)
    return np.array([index[w] for w in chosen], dtype=np.int64)
