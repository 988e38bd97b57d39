"""What to ask next: the verb `next_items`, and its result: which items, of whom, and what they are expected to decide."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from scipy.special import ndtri

from competency_dx.adaptive.selection import SMALLEST, Problem, select
from competency_dx.arrays import Bools, Count, Finite, Floats, Ints, Names, held_to, value
from competency_dx.bank import ItemBank, ItemType, Stimulus, Text
from competency_dx.competencies import OUTCOMES, STATUSES, Competency, Decisions, DeficitProfiles, Plan, outlook_of
from competency_dx.display import Chart, Series, point_chart, result_words
from competency_dx.errors import DiagnosisError, checked
from competency_dx.findings import Template, announce
from competency_dx.responses import Reason
from competency_dx.result import DataFrame, Outcome, digest_arrays, frame, provenance

FormKind = Literal["person", "group"]
Wanted = tuple[ItemBank, int, FormKind, Decisions | None]
BORROWED = STATUSES.index("borrowed")
STOPPED = [STATUSES.index(status) for status in ("misfit", "low_effort")]
SHOWN = ("type", "stimulus", "stem", "options", "left", "unit", "max_score")  # of an item, to a person
PASSAGE = 200  # characters of a first paragraph that make it a passage several items ask about


@value
class Question:
    """What a person sees of an item: never its key, its solution or what a wrong option tells.

    `competency` is the leaf that the item is evidence for. The stimulus, a text, table or picture, is shown above the stem.
    """

    item: str
    title: Text
    type: ItemType
    stimulus: Stimulus | None
    stem: str
    options: Mapping[str, str]
    left: Mapping[str, str]
    unit: Text | None
    max_score: Count
    competency: Annotated[str, held_to(among="competencies.code")]


@value
class NextItems(Outcome):
    """The follow-up form of each person, or one for a group.

    Attributes
    ----------
    persons : object array of str (P,)
    competencies : D leaves, the competencies that items are evidence for directly.
    questions : N items that anybody is asked, as they are shown.
    form : A form for each person, or one for all of them.
    most : How many items a person were wanted at most.
    chosen : (P, n) Positions in `questions`, the most useful first; -1 where no further item helps. n is no more than the bank has
        items.
    expected_loss : (P, n + 1) Expected loss over the leaves to decide, before and after each further item.
    p_deficit : (P, D) P(percent below the cut) by the answers so far.
    undecided : (P, D) Leaves without a conclusion, which the items are chosen for; none of a person whose whole profile stopped.
    loss_before, loss_after : (P, D) Expected loss of each undecided leaf without and with the items, 0 of the others.
    p_decided : (P, D) Probability that an undecided leaf will have a conclusion after them; NaN of the others.
    confirmed : Probability from which a conclusion counts as drawn.
    """

    schema_version: ClassVar[int] = 3
    pictures: ClassVar[tuple[str, ...]] = ("decisions", "loss")
    persons: Annotated[Names, held_to(uniqueItems=True)]
    competencies: Annotated[tuple[Competency, ...], held_to(key="code", each="order.competencies", within="parent?")]
    questions: Annotated[tuple[Question, ...], held_to(key="item", each="order.questions")]
    form: FormKind
    most: Annotated[Count, held_to(minimum=1)]
    chosen: Annotated[Ints, held_to("persons", "N", minimum=-1, placeIn="questions")]
    expected_loss: Annotated[Floats, held_to("persons", "N+1")]
    p_deficit: Annotated[Floats, held_to("persons", "competencies", minimum=0, maximum=1)]
    undecided: Annotated[Bools, held_to("persons", "competencies")]
    loss_before: Annotated[Floats, held_to("persons", "competencies")]
    loss_after: Annotated[Floats, held_to("persons", "competencies")]
    p_decided: Annotated[Floats, held_to("persons", "competencies", minimum=0, maximum=1)]
    confirmed: Finite
    bank: Text
    language: Literal["ru", "en"]

    def __len__(self) -> int:
        return len(self.persons)

    def __getitem__(self, person: object) -> tuple[Question, ...]:
        """Return what a person is asked, in order."""
        at = np.flatnonzero(self.persons == str(person))
        if not at.size:
            raise DiagnosisError("adaptive.no_person", person=str(person), n=len(self))
        return self.asked(int(at[0]))

    def asked(self, row: int) -> tuple[Question, ...]:
        """Return what the person in a row is asked, in order."""
        return tuple(self.questions[k] for k in self.chosen[row] if k >= 0)

    def forms(self) -> list[tuple[str, tuple[Question, ...]]]:
        """Return person and questions of each form that asks anything; the person is "" where all have the same one."""
        some = [(str(person), asked) for row, person in enumerate(self.persons) if (asked := self.asked(row))]
        return [("", some[0][1])] if some and self.form == "group" else some

    def to_frame(self) -> DataFrame:
        """Return one row per person and item, in the order of asking.

        Columns: `person, place, item, title, competency, expected_loss`, the loss expected after this item and those before.
        """
        row, place = np.nonzero(self.chosen >= 0)
        asked = [self.questions[k] for k in self.chosen[row, place]]
        return frame(
            person=self.persons[row],
            place=place + 1,
            item=[q.item for q in asked],
            title=[q.title.text(self.language) for q in asked],
            competency=[q.competency for q in asked],
            expected_loss=self.expected_loss[row, place + 1],
        )

    def decisions_frame(self) -> DataFrame:
        """Return a row per person and undecided leaf: person, competency, title, p_deficit, p_decided, loss_before, loss_after."""
        row, leaf = np.nonzero(self.undecided)
        codes = np.array([c.code for c in self.competencies], dtype=object)
        titles = np.array([c.title.text(self.language) for c in self.competencies], dtype=object)
        numbers = {name: getattr(self, name)[row, leaf] for name in ("p_deficit", "p_decided", "loss_before", "loss_after")}
        return frame(person=self.persons[row], competency=codes[leaf], title=titles[leaf], **numbers)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return how many items are asked of how many persons, what they are expected to decide, and why some are asked nothing."""
        asked, open_ = (self.chosen >= 0).sum(axis=1), self.undecided.sum()
        say, P = result_words("adaptive", language), len(self)
        n, mean = int(asked.max(initial=0)), float(asked.mean()) if P else 0.0
        whose = say("one_form", n=n) if self.form == "group" else say("a_person", n=mean)
        decided, before, after = (float(np.nansum(x)) for x in (self.p_decided, self.loss_before, self.loss_after))
        return [
            say("head", persons=P, bank=self.bank.text(language), whose=whose, most=self.most),
            say("undecided", n=int(open_), decided=decided, confirmed=self.confirmed),
            say("loss", before=before, after=after),
            *(say("items", items=tuple(q.item for q in questions)) for _, questions in self.forms() if self.form == "group"),
            *(finding.text(language) for finding in self.findings),
        ]

    @classmethod
    def _lifted(cls, document: dict[str, Any], version: int) -> dict[str, Any]:  # noqa: ARG003 - one earlier schema
        questions = [{"stimulus": None} | question for question in document["questions"]]
        return document | {"questions": questions, "most": max((len(row) for row in document["chosen"]), default=1)}

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return the share of persons undecided before and after by competency, or the mean expected loss by item."""
        say = result_words("adaptive", language)
        if kind == "decisions":
            names = [f"{c.code} {c.title.text(language)}" for c in self.competencies]
            before = 100 * self.undecided.mean(axis=0)
            columns = {say("before"): before, say("after"): before - 100 * np.nan_to_num(self.p_decided).mean(axis=0)}
            return point_chart(names, columns, title=say("decisions"), x_label=say("decisions_axis"))
        loss = self.expected_loss.mean(axis=0)
        line = Series(name="", mark="line", x=np.arange(len(loss), dtype=np.float64), y=loss)
        return Chart(title=say("loss_title"), x_label=say("loss_x"), y_label=say("loss_y"), series=(line,))


@checked(DiagnosisError)
def next_items(
    profiles: DeficitProfiles,
    bank: ItemBank,
    *,
    n: int = 12,
    form: FormKind = "person",
    competencies: str | Sequence[str] | None = None,
    decisions: Decisions | None = None,
) -> NextItems:
    """Choose the items whose answers are expected to decide most of what the diagnosis leaves open.

    A competency is undecided while neither P(deficit) nor P(no deficit) reaches the rule's `confirmed`, while fewer items than
    the rule's `min_items` were answered, or while a conclusion would rest on other competencies alone. A false conclusion costs
    1, leaving one open 1 - `confirmed`; the items are those that leave the least expected loss, all of them together, given
    everything the answers so far say of all competencies. Whose profile stopped as a whole is asked nothing: answers of another
    kind do not mend those that contradict each other or were given without reading.
    `report` writes the result as a form to fill in; ``responses.joined(follow_up)`` and `diagnose` then update the profiles.
    Raises `DiagnosisError` when profiles and bank do not belong together, or a code is not among the profiles' competencies.

    Parameters
    ----------
    profiles : What `diagnose` returned.
    bank : The bank they were made with.
    n : At most so many items; fewer where no further one helps or the bank has no more.
    form : A form for each person, or one for all of them, of items that nobody among those asked was given.
    competencies : Codes of the competencies to decide, with all below them; every undecided one when None.
    decisions : What `certify` decided of these persons: then the minima of its rule are what is to be decided, with the certainty of
        the rule, of those who got no verdict, and nothing else.
    """
    if n < 1:
        raise DiagnosisError("adaptive.form", n=n)
    outlook, made = outlook_of(profiles, bank)
    met, excluded = profiles.reasons != Reason.NOT_ADMINISTERED, excluding(bank, made.parameters.items)
    answered, borrowed = (x[:, made.units.leaves] for x in (profiles.n_items, profiles.status == BORROWED))
    bare, p = borrowed | (answered < profiles.rule.min_items), profiles.p_deficit[:, made.units.leaves]  # too few answers of their own
    going = np.asarray(~np.isin(profiles.status, STOPPED).any(axis=1))
    some = [competencies] if isinstance(competencies, str) else competencies
    codes = [c.code for c in profiles.competencies] if some is None else some
    wanted = np.asarray(made.units.below[[profiles.index(code) for code in codes]].any(axis=0))
    problem = Problem(
        outlook=outlook,
        leaf=made.units.leaf,
        answered=answered,
        open=np.asarray(((np.maximum(p, 1 - p) < profiles.rule.confirmed) | bare) & going[:, None] & wanted),
        rule=profiles.rule,
        allowed=~(met.astype(float) @ excluded > 0) & np.array([bank.item(item).status != "retired" for item in made.parameters.items]),
        excluded=excluded,
        weight=np.eye(answered.shape[1]),
    )
    if decisions is not None:
        problem = _by_rule(problem, decisions, profiles, made, wanted)
    chosen = np.full((len(profiles), min(n, len(excluded))), -1)
    chosen[going] = select(problem.rows(np.flatnonzero(going)).within_reach(), n, together=form == "group")
    out = _result(profiles, made, problem, chosen, (bank, n, form, decisions))
    announce(out.findings)
    return out


def _targets(profiles: DeficitProfiles, made: Plan, decisions: Decisions | None) -> Ints:
    """Return the units that a result tells of: the leaves, and what a rule has minima for."""
    return np.unique([*made.units.leaves, *map(profiles.index, decisions.minima)]) if decisions else made.units.leaves


def _by_rule(problem: Problem, decisions: Decisions, profiles: DeficitProfiles, made: Plan, wanted: Bools) -> Problem:
    """Return the problem of deciding the minima of a rule, of those among the `wanted` leaves (D,)."""
    place, targets = {str(person): k for k, person in enumerate(decisions.persons)}, _targets(profiles, made, decisions)
    if strange := [str(person) for person in profiles.persons if str(person) not in place]:
        raise DiagnosisError("adaptive.not_decided", person=strange[0], n=len(decisions))
    rows, minima = [place[str(person)] for person in profiles.persons], [profiles.index(code) for code in decisions.minima]
    stopped, undecided = np.isin(profiles.status, STOPPED).any(axis=1), decisions.outcome[rows] >= OUTCOMES.index("more_evidence")
    p, known, certain = profiles.p_deficit.copy(), profiles.rule, decisions.rule.certain
    p[:, minima] = 1 - decisions.p_each[rows]
    sd = (profiles.percent_high - profiles.percent_low)[:, targets] / 2 / ndtri((1 + known.interval) / 2)
    within = np.isin(targets, minima) & ~(made.units.below[targets] & ~wanted).any(axis=1)
    return problem._replace(
        outlook=problem.outlook._replace(p_deficit=p[:, targets], variance=np.maximum(sd**2, SMALLEST)),
        answered=profiles.n_items[:, targets],
        open=(undecided & ~stopped)[:, None] & within,
        rule=replace(known, confirmed=certain, likely=min(known.likely, certain), indeterminate=min(known.indeterminate, certain)),
        weight=made.share[targets],
    )


def excluding(bank: ItemBank, items: Sequence[str]) -> Bools:
    """Return which items exclude each other (I, I): an item itself, enemies, items on one stimulus or passage, or of one question.

    A short stem may be an instruction that many have: such items are one question if they share words to answer with, or have none.
    """
    place = {item: k for k, item in enumerate(items)}
    out = np.eye(len(items), dtype=np.bool_)
    shared: dict[object, list[int]] = {}
    for item, k in place.items():
        definition = bank.item(item)
        for enemy in definition.enemies:
            if enemy in place:
                out[k, place[enemy]] = out[place[enemy], k] = True
        stem, words = definition.stem.strip(), {*definition.options.values(), *definition.left.values()} or {""}
        passages = {text for text in (stem, stem.split("\n")[0]) if len(text) >= PASSAGE}
        questions = {(stem, definition.stimulus, text.strip()) for text in words if stem}
        for seen in ({definition.stimulus} - {None}) | passages | questions:
            shared.setdefault(seen, []).append(k)
    for together in shared.values():
        out[np.ix_(together, together)] = True
    return out


def _result(profiles: DeficitProfiles, made: Plan, problem: Problem, chosen: Ints, wanted: Wanted) -> NextItems:
    """Return the items `chosen` (P, n) of a bank, of which so many were wanted, in forms of a kind, perhaps for decisions."""
    bank, most, form, decisions = wanted
    steps = [*accumulate(chosen.T, problem.absorb, initial=problem.start())]
    losses, asked = [problem.cost(left) for left in steps], np.unique(chosen[chosen >= 0])
    place = np.full(len(made.parameters.items) + 1, -1)
    place[asked] = np.arange(len(asked))
    leaf = [made.units.leaf_codes[d] for d in made.units.leaf]
    # who is asked nothing: the profile stopped, or there is nothing to ask, or nothing to ask of all alike
    stopped, silent = np.isin(profiles.status, STOPPED).any(axis=1), problem.open.any(axis=1) & (chosen < 0).all(axis=1)
    for_all = form == "group" and len(profiles) > 1 and problem.allowed[silent].any()
    nothing = Template("adaptive.no_common_items") if for_all else Template("adaptive.no_items")
    settings = {
        "items": f"at most {most}, {'one form for all' if form == 'group' else 'a form for each person'}",
        "loss": f"false conclusion 1, no conclusion {1 - problem.rule.confirmed:g}; conclusions from "
        f"{problem.rule.min_items} items that take away {problem.rule.own_share:g} of the variance",
        "method": "joint normal approximation, greedy with exchanges",
        **({"minima": decisions.provenance.settings.get("minima", "")} if decisions else {}),
    }
    answers = digest_arrays(profiles.points, profiles.reasons, profiles.p_deficit)
    return NextItems(
        persons=profiles.persons,
        competencies=tuple(made.units.competencies[c] for c in _targets(profiles, made, decisions)),
        questions=tuple(
            Question(title=i.title or Text(ru=i.id, en=i.id), item=i.id, competency=of, **{name: getattr(i, name) for name in SHOWN})
            for i, of in ((bank.item(made.parameters.items[k]), leaf[k]) for k in asked)
        ),
        form=form,
        most=most,
        chosen=place[chosen],
        expected_loss=np.stack([loss.sum(axis=1) for loss in losses], axis=1),
        p_deficit=problem.outlook.p_deficit,
        undecided=problem.open,
        loss_before=losses[0],
        loss_after=losses[-1],
        p_decided=np.where(problem.open, (chosen >= 0).any(axis=1, keepdims=True) * problem.decided(steps[-1]), np.nan),
        confirmed=problem.rule.confirmed,
        bank=bank.title,
        language=bank.header.language,
        findings=Template("adaptive.stopped").about(profiles.persons[stopped]) + nothing.about(profiles.persons[silent]),
        provenance=provenance("next_items", {"profiles": answers, "bank": f"{bank.id} {bank.version} {bank.digest}"}, settings),
    )
