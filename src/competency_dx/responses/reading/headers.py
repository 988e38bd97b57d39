"""Which name is which item: the exact id, a declared alias, or the one spelling that only a single item can have."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import NamedTuple

from competency_dx.arrays import value
from competency_dx.bank import ItemBank, Rubric
from competency_dx.errors import ResponsesError
from competency_dx.personal_data import hidden_text
from competency_dx.responses.normalise import fold_code, tidy
from competency_dx.responses.rules import edit_distance

_POINTS = r"(?:балл(?:а|ов|ы)?|points?|pts?|marks?)\.?"
_MOST = r"(?:макс\w*|max\w*|из|до|out of|of)[.:]?"
_SIZE = r"\d+(?:[.,]\d+)?"
_MAXIMUM = re.compile(
    rf"\s*/\s*(?:\d+[.,]\d+|{_SIZE}\s*{_POINTS})$"
    rf"|\s*[(\[]\s*(?:(?:{_MOST}\s*)?{_SIZE}\s*{_POINTS}|{_MOST}\s*{_SIZE}|\d+[.,]\d+)\s*[)\]]$"
    rf"|(?:\s*[,;]|\s-)\s*{_SIZE}\s*{_POINTS}$",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"(?<![\s\-_:(\[])[\s\-_:(\[]++(?:response|answer|ответ)[)\]]?$", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s_.\-]+")
_TOKENS = re.compile(r"[^\W_]+")
_QUESTION = re.compile(
    r"(?:вопрос|задани[ея]|задача|question|task|problem|item|ответ|response|answer|в|q|№)[\W_]*\d[\d\W_]*", re.IGNORECASE
)
KEPT = 32  # banks
LONGEST_MENTION = 4
"""Words of a header, at most, that are an id together: ``"MAT S 01 003"``."""
MOST_WORDS = 40
"""So many words at the beginning and at the end of a header are looked through for an id."""
SURE = 4
"""An id of so many signs is one wherever it stands in a header; a shorter one needs a letter and a digit."""


class Target(NamedTuple):
    """What a name stands for: an item, or one criterion of its rubric."""

    item: str
    criterion: str = ""


def id_form(text: str) -> str:
    """Return the form in which ids are compared: `fold_code` without separators, but a full stop between digits.

    ``"MAT 004"`` and ``"МАТ_004"`` are one; ``"Q1.1"``, ``"Q1 1"`` and ``"Q1-1"`` are one and never ``"Q11"``.
    """
    code = fold_code(text)

    def joint(match: re.Match[str]) -> str:
        sides = code[match.start() - 1 : match.start()] + code[match.end() : match.end() + 1]
        return "." if len(sides) == 2 and sides.isdigit() else ""

    return _SEPARATORS.sub(joint, code)


def undecorated(text: str) -> str:
    """Return a header without the maximum that exports write behind it (``"Q1 /1,00"``, ``"Q1 (1 балл)"``) and "- Response"."""
    return _ANSWER.sub("", _MAXIMUM.sub("", tidy(text))) or text


@value
class ItemNames:
    """Every way to write the items of a bank.

    `exact` are ids and declared aliases as they are written, `forms` what has each form of `id_form` (several where ids differ by
    spelling only), `alike` items with their letters, by the numbers in their ids without leading zeros.
    """

    exact: Mapping[str, Target]
    forms: Mapping[str, tuple[Target, ...]]
    alike: Mapping[tuple[str, ...], tuple[tuple[str, str], ...]]

    def find(self, name: str) -> Target | None:
        """Return what a name stands for, None where no item has it or several may."""
        if name in self.exact:
            return self.exact[name]
        meant = next((m for form in _forms_of(name) if (m := self.forms.get(form))), ())
        return meant[0] if len(meant) == 1 else None

    def near(self, name: str, taken: Collection[str] = ()) -> tuple[str, ...] | None:
        """Return the items that an unmatched name may mean; empty when it is only shaped like an id, None when it is not.

        Words beside the id of an item in `taken`, which has a column already, make a remark on it ("Q1 time") and no item.
        """
        code = undecorated(name)
        form = id_form(code)
        meant = [t.item for f in _forms_of(name) for t in self.forms.get(f, ())]
        words = _TOKENS.findall(fold_code(code))
        words = words if len(words) <= 2 * MOST_WORDS else words[:MOST_WORDS] + words[-MOST_WORDS:]
        for start in range(len(words)):
            for end in range(start + 1, min(len(words), start + LONGEST_MENTION) + 1):
                part, rest = id_form("-".join(words[start:end])), words[:start] + words[end:]
                remark = rest and all(w.isalpha() and len(w) > 1 for w in rest)
                sure = len(part) >= SURE or not (part.isdigit() or part.isalpha())
                meant += [t.item for t in self.forms.get(part, ()) if sure and not (remark and t.item in taken)]
        numbers, letters = _parts(form)
        meant += [item for item, other in self.alike.get(numbers, ()) if _slip(letters, other, numbered=bool(numbers))]
        whole = ("".join(numbers),)
        meant += [item for item, other in self.alike.get(whole, ()) if len(numbers) > 1 and other == letters]
        shaped = any(len(n) == len(numbers) > 0 and any(w == letters for _, w in kept) for n, kept in self.alike.items())
        question = _QUESTION.fullmatch(code)
        if question and not meant:
            meant = [item for item, _ in self.alike.get(numbers, ())]
        return tuple(dict.fromkeys(meant)) if meant or shaped or question else None


@lru_cache(maxsize=KEPT)
def names_of(bank: ItemBank, aliases: Mapping[str, str] | None) -> ItemNames:
    """Return every way to write the items of a bank; raises `ResponsesError` when an alias names no item."""
    ids = {item.id for item in bank.items}
    if strange := [i for i in (aliases or {}).values() if i not in ids]:
        raise ResponsesError("responses.aliases_unknown", strange=strange, bank=bank.id)
    exact = {i: Target(i) for i in ids} | {name: Target(i) for name, i in (aliases or {}).items()}
    criteria = {f"{i.id}.{c.id}": Target(i.id, c.id) for i in bank.items if isinstance(i.rule, Rubric) for c in i.rubric}
    forms: dict[str, tuple[Target, ...]] = {}
    for name, target in (*exact.items(), *criteria.items()):
        form = id_form(name)
        forms[form] = tuple(dict.fromkeys((*forms.get(form, ()), target)))
    alike: dict[tuple[str, ...], tuple[tuple[str, str], ...]] = {}
    for item in bank.items:
        numbers, letters = _parts(id_form(item.id))
        alike[numbers] = (*alike.get(numbers, ()), (item.id, letters))
    return ItemNames(exact=exact, forms=forms, alike=alike)


def is_id(name: str, ids: frozenset[str]) -> bool:
    """Tell whether a name is one of the ids, which are in the form of `id_form`."""
    return not ids.isdisjoint(_forms_of(name))


def hinted(names: Mapping[str, Collection[str]]) -> list[str]:
    """Return names with the items they may mean: ``"Q01 (Q1?)"``."""
    shown = {hidden_text(name): meant for name, meant in names.items()}
    return [f"{name} ({' or '.join(meant)}?)" if meant else name for name, meant in shown.items()]


def _forms_of(name: str) -> tuple[str, str]:
    return id_form(name), id_form(undecorated(name))


def _parts(form: str) -> tuple[tuple[str, ...], str]:
    """Return the numbers of an id without leading zeros, and its letters."""
    numbers = re.findall(r"\d+", form)
    return tuple(n.lstrip("0") for n in numbers), "".join(re.findall(r"[^\W\d_]+", form))


def _slip(one: str, other: str, *, numbered: bool) -> bool:
    """Tell whether the letters of two ids differ by one at most; words without numbers must be long for that."""
    if abs(len(one) - len(other)) > 1 or not (numbered or min(len(one), len(other)) > SURE):
        return False
    return edit_distance(one, other) <= 1
