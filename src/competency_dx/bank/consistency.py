"""Whether the parts of a bank fit together: ids, codes of the framework, misconceptions, forms, parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from competency_dx.bank.parameter_record import CorrelationMatrix
from competency_dx.errors import BankError, repeated
from competency_dx.limits import limits_in_force

if TYPE_CHECKING:
    from competency_dx.bank.item_bank import ItemBank


def inconsistencies(bank: ItemBank) -> Iterator[BankError]:
    """Yield what does not fit, with its place and the remedy."""
    limits_in_force().check(bank.id, items=len(bank.items), categories=1 + max(i.max_score for i in bank.items))
    if twice := repeated(i.id for i in bank.items):
        yield BankError("bank.item_ids_repeated", twice=sorted(twice))
    if faults := tuple(_check_codes(bank)):
        yield from faults
        return  # what follows looks codes up
    for check in (_check_misconceptions, _check_enemies, _check_forms, _check_parameters, _check_population):
        yield from check(bank)


def _check_codes(bank: ItemBank) -> Iterator[BankError]:
    reference, framework = bank.header.framework, bank.framework
    for k, item in enumerate(bank.items):
        for code in item.competencies:
            if len(instead := framework.replacements(code)) > 1:
                named = {"item": item.id, "name": code, "reference": reference.id}
                yield BankError("bank.competency_retired", k=k, instead=", ".join(instead), **named)
    if len(instead := framework.replacements(bank.header.subject)) > 1:
        named = {"name": bank.header.subject, "reference": reference.id}
        yield BankError("bank.subject_retired", instead=", ".join(instead), **named)
    if (reference.id, reference.version) != (framework.id, framework.version):
        yield BankError(
            "bank.framework_version", reference=reference.id, version=reference.version, id=framework.id, version2=framework.version
        )
    for k, item in enumerate(bank.items):
        if stray := [c for c in item.competencies if c not in framework]:
            yield BankError("bank.competency_codes", k=k, item=item.id, stray=stray, reference=reference.id)
    if bank.header.subject not in framework:
        yield BankError("bank.subject_code", subject=bank.header.subject, reference=reference.id)


def _check_misconceptions(bank: ItemBank) -> Iterator[BankError]:
    declared = bank.header.misconceptions
    for k, item in enumerate(bank.items):
        for option, code in item.misconception_codes.items():
            if code not in declared:
                yield BankError("bank.misconception_undeclared", k=k, item=item.id, option=option, name=code, declared=declared)


def _check_enemies(bank: ItemBank) -> Iterator[BankError]:
    known = {i.id for i in bank.items}
    for k, item in enumerate(bank.items):
        if stray := [i for i in item.enemies if i not in known or i == item.id]:
            yield BankError("bank.enemies", k=k, item=item.id, stray=stray)


def _check_forms(bank: ItemBank) -> Iterator[BankError]:
    lists = [(f"forms[{k}].items", f.items) for k, f in enumerate(bank.forms)]
    parts = {i.id: i.part for i in bank.items}
    for k, form in enumerate(bank.forms):
        if empty := [p for p in form.parts if p not in {parts.get(i) for i in form.items}]:
            yield BankError("bank.form_parts", k=k, form=form.id, stray=empty)
        if stray := [i for i in form.anchors if i not in form.items]:
            yield BankError("bank.form_anchors", k=k, form=form.id, stray=stray)
    for place, ids in [*lists, ("reference_set", bank.reference_set)]:
        if stray := [i for i in ids if i not in parts]:
            yield BankError("bank.listed_unknown", place=place, stray=stray)
        if twice := repeated(ids):
            yield BankError("bank.listed_twice", place=place, twice=sorted(twice))


def _check_parameters(bank: ItemBank) -> Iterator[BankError]:
    top = {i.id: i.max_score for i in bank.items}
    for record in bank.parameters:
        if record.item not in top:
            yield BankError("bank.parameters_unknown_item", item=record.item)
        elif len(record.b) != top[record.item]:
            yield BankError("bank.parameters_steps", item=record.item, n_b=len(record.b), top=top[record.item])
        lower, upper = record.model in {"3PL", "4PL"}, record.model == "4PL"
        if (record.c and not lower) or (record.u not in {None, 1.0} and not upper):
            yield BankError("bank.parameters_asymptotes", item=record.item, model=record.model, c=record.c, u=record.u)


def _check_population(bank: ItemBank) -> Iterator[BankError]:
    population, leaves = bank.header.population, dict.fromkeys(bank.leaves.values())
    pairs = population.correlations.leaves if isinstance(population.correlations, CorrelationMatrix) else ()
    for place, codes in (("leaves", population.leaves), ("correlations.leaves", pairs)):
        if stray := [code for code in codes if code not in leaves]:
            yield BankError("bank.population_leaves", place=place, stray=stray, leaves=leaves)
    if missing := [code for code in leaves if code not in pairs and pairs]:
        yield BankError("bank.correlations_missing", missing=missing)
