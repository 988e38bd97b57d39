"""Whether the parts of a bank fit together: ids, codes of the framework, misconceptions, forms, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from competency_dx.bank.population import CorrelationMatrix
from competency_dx.errors import listed, repeated

if TYPE_CHECKING:
    from competency_dx.bank.item_bank import ItemBank


def inconsistency(bank: ItemBank) -> str | None:
    """Return the first thing that does not fit, with its place and the remedy; None where everything does."""
    checks = (
        _check_ids,
        _check_codes,
        _check_misconceptions,
        _check_enemies,
        _check_forms,
        _check_parameters,
        _check_population,
    )
    return next((fault for check in checks if (fault := check(bank))), None)


def _check_ids(bank: ItemBank) -> str | None:
    twice = repeated(i.id for i in bank.items)
    return f"item ids must be unique, repeated: {listed(sorted(twice))}" if twice else None


def _check_codes(bank: ItemBank) -> str | None:
    reference = bank.header.framework
    if (reference.id, reference.version) != (bank.framework.id, bank.framework.version):
        return (
            f"framework.version asks for {reference.id} {reference.version}, found "
            f"{bank.framework.id} {bank.framework.version}: update the reference after checking the codes"
        )
    for k, item in enumerate(bank.items):
        stray = [c for c in item.competencies if c not in bank.framework]
        if stray:
            return f"items[{k}].competencies ({item.id}): unknown codes {listed(stray)} in framework {reference.id}"
    if bank.header.subject not in bank.framework:
        return f"subject {bank.header.subject!r} is no code of framework {reference.id}"
    return None


def _check_misconceptions(bank: ItemBank) -> str | None:
    declared = bank.header.misconceptions
    for k, item in enumerate(bank.items):
        for option, code in item.misconception_codes.items():
            if code not in declared:
                return (
                    f"items[{k}].misconception_codes ({item.id}), option {option}: unknown misconception {code!r}; declare it "
                    f"under misconceptions in bank.yaml, which has {listed(declared) or 'none'}"
                )
    return None


def _check_enemies(bank: ItemBank) -> str | None:
    known = {i.id for i in bank.items}
    for k, item in enumerate(bank.items):
        stray = [i for i in item.enemies if i not in known or i == item.id]
        if stray:
            return f"items[{k}].enemies ({item.id}): {listed(stray)} is no other item of the bank"
    return None


def _check_forms(bank: ItemBank) -> str | None:
    known = {i.id for i in bank.items}
    lists = [(f"forms[{k}].items", f.items) for k, f in enumerate(bank.forms)]
    for place, ids in [*lists, ("reference_set", bank.reference_set)]:
        stray = [i for i in ids if i not in known]
        if stray:
            return f"{place}: unknown items {listed(stray)}"
        if twice := repeated(ids):
            return f"{place}: items named twice: {listed(sorted(twice))}"
    return None


def _check_parameters(bank: ItemBank) -> str | None:
    top = {i.id: i.max_score for i in bank.items}
    for record in bank.parameters:
        if record.item not in top:
            return f"parameters of an unknown item {record.item}"
        if len(record.b) != top[record.item]:
            return (
                f"parameters of {record.item}: {len(record.b)} step difficulties for an item of maximum score "
                f"{top[record.item]}; expected one per score point"
            )
        lower, upper = record.model in {"3PL", "4PL"}, record.model == "4PL"
        if (record.c and not lower) or (record.u not in {None, 1.0} and not upper):
            return (
                f"parameters of {record.item}: model {record.model} has no asymptotes, found c = {record.c}, u = {record.u}; "
                "leave c and u empty"
            )
    return None


def _check_population(bank: ItemBank) -> str | None:
    population, leaves = bank.header.population, dict.fromkeys(bank.leaves.values())
    pairs = population.correlations.leaves if isinstance(population.correlations, CorrelationMatrix) else ()
    for place, codes in (("leaves", population.leaves), ("correlations.leaves", pairs)):
        if stray := [code for code in codes if code not in leaves]:
            return f"population.{place}: {listed(stray)} own no items; the leaves of this bank are {listed(leaves, 20)}"
    if missing := [code for code in leaves if code not in pairs and pairs]:
        return f"population.correlations.leaves: {listed(missing)} own items and are missing"
    return None
