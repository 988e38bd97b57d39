"""The verb of this room: next_items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np

from competency_dx.adaptive.follow_up import FormKind, NextItems, question
from competency_dx.adaptive.selection import Problem, select
from competency_dx.arrays import Bools, Ints
from competency_dx.bank import ItemBank
from competency_dx.competencies import STATUSES, DeficitProfiles, Plan, outlook_of
from competency_dx.errors import DiagnosisError, wrong_type
from competency_dx.findings import Template, announce
from competency_dx.provenance import digest_arrays, provenance
from competency_dx.responses import Reason

BORROWED = STATUSES.index("borrowed")
PASSAGE = 200  # characters of a first paragraph that make it a passage several items ask about


def next_items(
    profiles: DeficitProfiles, bank: ItemBank, *, n: int = 12, form: FormKind = "person", competencies: Sequence[str] | None = None
) -> NextItems:
    """Choose the items whose answers are expected to decide most of what the diagnosis leaves open.

    A competency is undecided while neither P(deficit) nor P(no deficit) reaches the rule's `confirmed`, while fewer items than
    the rule's `min_items` were answered, or while a conclusion would rest on other competencies alone. A false conclusion costs
    1, leaving one open 1 - `confirmed`; the items are those that leave the least expected loss, all of them together, given
    everything the answers so far say of all competencies.

    Parameters
    ----------
    profiles : DeficitProfiles
        What `diagnose` returned.
    bank : ItemBank
        The bank they were made with.
    n : int, default 12
        At most so many items; fewer where no further one helps.
    form : {"person", "group"}
        A form for each person, or one for all of them, of items that nobody among them was given.
    competencies : sequence of str, optional
        Codes of the competencies to decide, with all below them; every undecided one when None.

    Returns
    -------
    NextItems
        `report` writes it as a form to fill in; ``responses.joined(follow_up)`` and `diagnose` then update the profiles.

    Raises
    ------
    DiagnosisError
        When profiles and bank do not belong together, or a code is not among the profiles' competencies.
    """
    if not isinstance(profiles, DeficitProfiles) or not isinstance(bank, ItemBank):
        raise DiagnosisError("adaptive.not_profiles", given=type(profiles).__name__, given2=type(bank).__name__)
    if not isinstance(n, int | np.integer):
        raise wrong_type(DiagnosisError, "n", n, int)
    if form not in get_args(FormKind) or n < 1:
        raise DiagnosisError("adaptive.form", form=form, n=n)
    outlook, made = outlook_of(profiles, bank)
    in_use = np.array([bank.item(item).status != "retired" for item in made.parameters.items])
    met = profiles.reasons != Reason.NOT_ADMINISTERED
    excluded = excluding(bank, made.parameters.items)
    answered, borrowed = (x[:, made.units.leaves] for x in (profiles.n_items, profiles.status == BORROWED))
    problem = Problem(
        outlook=outlook,
        leaf=made.units.leaf,
        answered=answered,
        open=_undecided(profiles, made, np.asarray(borrowed | (answered < profiles.rule.min_items)), competencies),
        rule=profiles.rule,
        allowed=~(met.astype(float) @ excluded > 0) & in_use,
        excluded=excluded,
    )
    chosen = select(problem.within_reach(), n, together=form == "group")
    out = _result(profiles, bank, made, problem, chosen, form)
    announce(out.findings)
    return out


def _undecided(profiles: DeficitProfiles, made: Plan, bare: Bools, competencies: Sequence[str] | None) -> Bools:
    """Return which leaves of each person are to be decided (P, D); `bare` are those without enough answers of their own."""
    p, rule = profiles.p_deficit[:, made.units.leaves], profiles.rule
    out = (np.maximum(p, 1 - p) < rule.confirmed) | bare
    if competencies is not None:
        wanted = [profiles.index(code) for code in ([competencies] if isinstance(competencies, str) else competencies)]
        out &= made.units.below[wanted].any(axis=0)
    return np.asarray(out)


def excluding(bank: ItemBank, items: Sequence[str]) -> Bools:
    """Return which items exclude each other (I, I): an item itself, enemies, and items on one stem or passage."""
    place = {item: k for k, item in enumerate(items)}
    out = np.eye(len(items), dtype=np.bool_)
    shared: dict[str, list[int]] = {}
    for item, k in place.items():
        definition = bank.item(item)
        for enemy in definition.enemies:
            if enemy in place:
                out[k, place[enemy]] = out[place[enemy], k] = True
        stem = definition.stem.strip()
        first = stem.split("\n")[0]
        for text in {stem} | ({first} if len(first) >= PASSAGE else set()):
            if text:
                shared.setdefault(text, []).append(k)
    for together in shared.values():
        out[np.ix_(together, together)] = True
    return out


def _result(profiles: DeficitProfiles, bank: ItemBank, made: Plan, problem: Problem, chosen: Ints, form: FormKind) -> NextItems:
    left = problem.start()
    losses = [problem.cost(left)]
    for column in chosen.T:
        left = problem.absorb(left, column)
        losses.append(problem.cost(left))
    asked = np.unique(chosen[chosen >= 0])
    place = np.full(len(made.parameters.items) + 1, -1)
    place[asked] = np.arange(len(asked))
    leaf = [made.units.leaf_codes[d] for d in made.units.leaf]
    helpless = problem.open.any(axis=1) & (chosen < 0).all(axis=1)
    findings = Template("adaptive.no_items").about(profiles.persons[helpless])
    settings = {
        "items": f"at most {chosen.shape[1]}, {'one form for all' if form == 'group' else 'a form for each person'}",
        "loss": f"false conclusion 1, no conclusion {1 - problem.rule.confirmed:g}; conclusions from "
        f"{problem.rule.min_items} items that take away {problem.rule.own_share:g} of the variance",
        "method": "joint normal approximation, greedy with exchanges",
    }
    inputs = {
        "profiles": digest_arrays(profiles.points, profiles.reasons, profiles.p_deficit),
        "bank": f"{bank.id} {bank.version} {bank.digest}",
    }
    return NextItems(
        persons=profiles.persons,
        competencies=tuple(made.units.competencies[c] for c in made.units.leaves),
        questions=tuple(question(bank.item(made.parameters.items[k]), leaf[k]) for k in asked),
        form=form,
        chosen=place[chosen],
        expected_loss=np.stack([loss.sum(axis=1) for loss in losses], axis=1),
        p_deficit=problem.outlook.p_deficit,
        undecided=problem.open,
        loss_before=losses[0],
        loss_after=losses[-1],
        p_decided=np.where(problem.open, problem.decided(left), np.nan),
        confirmed=problem.rule.confirmed,
        bank=bank.title,
        language=bank.header.language,
        findings=findings,
        provenance=provenance("next_items", inputs, settings),
    )
