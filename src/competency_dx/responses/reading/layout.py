"""How a table of answers is laid out: what the user says about it, the names people use, and which name is which item."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache, lru_cache
from itertools import chain, combinations
from typing import Literal, NamedTuple

from competency_dx.arrays import FrozenDict, choice, value
from competency_dx.bank import Item, ItemBank, Rubric
from competency_dx.display import column_title
from competency_dx.errors import LANGUAGES, ResponsesError, phrase
from competency_dx.personal_data import hidden_text
from competency_dx.responses.missing import reason_code
from competency_dx.responses.normalise import LIKE, WORDS, fold_code, fold_text, header_form, tidy, visible
from competency_dx.responses.rules import edit_distance
from competency_dx.wording import LOOKALIKES

Shape = Literal["auto", "wide", "long"]
Cells = Literal["auto", "raw", "scored"]
_COLUMNS, _ROWS, _RESULTS = (WORDS[part] for part in ("columns", "rows", "results"))
PERSON_NAMES, FORM_NAMES, ITEM_NAMES, RIGHT_NAMES = (_COLUMNS[name] for name in ("person", "form", "item", "correct"))
VERDICT_NAMES, ANSWER_NAMES = _COLUMNS["verdict"], (*_COLUMNS["answer"], *RIGHT_NAMES)
AMOUNTS, POINT_NAMES = frozenset(_COLUMNS["amounts"]), frozenset((*_COLUMNS["points"], *RIGHT_NAMES))
BACKGROUND_NAMES = frozenset(FORM_NAMES).union(_COLUMNS["background"])
_MAXIMUM = re.compile("|".join(WORDS["maximum"]["forms"]).format_map(WORDS["maximum"]), re.IGNORECASE)
KEPT = 32  # banks
PART_MARKS, PART_WORDS = ".:/([)]}\"'?!", ("", "SQ00", "вариант", "option", "choice")  # before a part that has a column, and its code
QUESTION = 20  # signs of a header that may be the text of an item
LONGEST_MENTION = 4  # words of a header, at most, that are an id together: ``"MAT S 01 003"``
MOST_WORDS = 40  # so many words at the beginning and at the end of a header are looked through for an id
SURE = 4  # an id of so many signs is one wherever it stands in a header; a shorter one needs a letter and a digit


@choice(ResponsesError)
class Layout:
    """Everything about how a table is laid out; what is not said is found out, and an ambiguity is an error.

    Attributes
    ----------
    kind : One row per person, or one row per answer.
    cells : Raw answers to be scored with the bank's keys, or points.
    person : Column of person ids.
    items : The item columns (wide) or the items to keep (long).
    item, answer : Columns of item ids and of answers in a long table.
    aliases : Names in the table, headers or the items of a long one, to item ids: ``{"Вопрос 1": "MAT-003"}``.
    form : Column of form ids (or titles) of the bank: it tells omitted from not reached and not administered.
    attempts : Which attempt counts of a person with several: by a column of dates or attempts, else by rows. "best" takes
        the attempt with the most points; in a long table, where attempts are per item, the best answer to each item.
    missing_tokens : Further texts that stand for a missing answer, for example ``{"нет": "omitted"}``. ``""`` is the empty cell; the
        reason "blank" is whatever an empty cell stands for.
    missing_codes : Codes that stand for a missing answer to one item or to all, for example ``{"*": {"99": "omitted"}}``.
    pii : What to do with columns of personal data: names, e-mails, phones, СНИЛС, birth dates …
    sheet : Sheet of a workbook.
    unreadable : What to do with columns of which more than a tenth of the cells cannot be read, or all; single cells are left out.
    """

    kind: Shape = "auto"
    cells: Cells = "auto"
    person: str | None = None
    items: tuple[str, ...] | None = None
    item: str | None = None
    answer: str | None = None
    aliases: Mapping[str, str] | None = None
    form: str | None = None
    attempts: Literal["error", "first", "last", "best"] = "error"
    missing_tokens: Mapping[str, str] | None = None
    missing_codes: Mapping[str, Mapping[str, str]] | None = None
    pii: Literal["refuse", "drop"] = "refuse"
    sheet: str | None = None
    unreadable: Literal["refuse", "leave_out"] = "refuse"

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", None if self.items is None else tuple(map(_one_line, self.items)))
        for name in ("person", "item", "answer", "form"):
            given = getattr(self, name)
            object.__setattr__(self, name, None if given is None else _one_line(given))
        aliases = {_one_line(name): str(item) for name, item in (self.aliases or {}).items()}
        object.__setattr__(self, "aliases", FrozenDict(aliases) or None)
        for text, reason in (self.missing_tokens or {}).items():
            reason_code(reason, f"Layout(missing_tokens={{{text!r}: …}})")
        for item, codes in (self.missing_codes or {}).items():
            for text, reason in codes.items():
                reason_code(reason, f"Layout(missing_codes={{{item!r}: {{{text!r}: …}}}})")

    def user_reasons(self, item: str) -> FrozenDict[str, int]:
        """Return the user's own tokens for an item: text in the form of `fold_text` or `tidy` to reason code."""
        codes = self.missing_codes or {}
        sources = [s.items() for s in (self.missing_tokens or {}, codes.get("*", {}), codes.get(item, {}))]
        stated = [(text, reason_code(reason, "")) for text, reason in chain.from_iterable(sources)]
        return FrozenDict({form: code for text, code in stated for form in (tidy(text), fold_text(text) or tidy(text))})

    def settings(self) -> dict[str, str]:
        """Return every choice that was made, in words, for the provenance."""
        named = {n: getattr(self, n) for n in ("kind", "cells", "attempts", "pii", "person", "item", "answer", "form", "sheet")}
        listed = {"items": ", ".join(self.items)} if self.items is not None else {}
        tokens = {n: str(t) for n in ("aliases", "missing_tokens", "missing_codes") if (t := getattr(self, n))}
        left_out = {"unreadable": "left out"} if self.unreadable == "leave_out" else {}
        return {**{n: t for n, t in named.items() if t}, **listed, **tokens, **left_out}


def _one_line(name: object) -> str:
    return " ".join(visible(str(name)).split())


def label_form(text: str) -> str:
    """Return the form in which labels are compared: `header_form` with look-alike letters brought to Latin."""
    return header_form(text).upper().translate(LOOKALIKES).lower()


_TOTALS = {part: frozenset(map(label_form, _ROWS[part])) for part in ("total", "total_anywhere", "signature")}


def is_total(text: str) -> bool:
    """Tell whether a cell is the label of a row of totals, or a header that of a column of them; an id has digits."""
    words = re.findall(r"[^\W\d_]+", label_form(text))
    first, anywhere = next(iter(words), ""), len(words) <= 4 and not _TOTALS["total_anywhere"].isdisjoint(words)
    return first in _TOTALS["signature"] or ((anywhere or first in _TOTALS["total"]) and not any(c.isdigit() for c in text))


def is_background(header: str) -> bool:
    """Tell whether a column is called like what is kept beside answers: a group, a date, a total, a covariate."""
    bare = re.sub(r"\s*[/(]\s*\d[^/(]*$", "", header)  # "Grade/9.00", "Оценка (8)"
    return header_form(bare) in BACKGROUND_NAMES or is_total(bare) or LIKE["covariate"].match(header) is not None


@cache
def _headings() -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the headings of each table in the form in which they are compared."""
    tables = [(kind, columns, language) for kind, tables in _RESULTS.items() for columns in tables for language in LANGUAGES]
    return tuple((kind, frozenset(header_form(column_title(column, lang)) for column in columns)) for kind, columns, lang in tables)


def refuse_results(names: Iterable[str], origin: str) -> None:
    """Raise when these are the headings of a table of results that this program wrote, in English or in Russian."""
    heads = {header_form(name) for name in names}
    for kind, columns in _headings():
        if columns <= heads:
            raise ResponsesError("responses.result_table", origin=origin, what=phrase(f"responses.is_{kind}"))


class Target(NamedTuple):
    """What a name stands for: an item, or one of its parts, that have columns of their own."""

    item: str
    part: str = ""


def parts_of(item: Item) -> dict[str, str]:
    """Return the parts of an item that may have a column each, with their words: criteria, options to tick, what is to be matched."""
    if isinstance(item.rule, Rubric):
        return {c.id: "" for c in item.rubric}
    return dict(item.options if item.type in {"single", "multiple"} else item.left if item.type == "matching" else {})


def id_form(text: str) -> str:
    """Return the form in which ids are compared: `fold_code` without separators, "." between digits: "Q1-1" is "Q1.1", never "Q11"."""
    return LIKE["joints"].sub(lambda match: "." if match["joint"] else "", fold_code(text))


def undecorated(text: str) -> str:
    """Return a header without what exports add: ``"Q1 /1,00"``, ``"Q1 (1 балл)"``, ``"Q1 [Score]"``, ``"Ответ Q1"``."""
    return LIKE["before item"].sub("", LIKE["behind item"].sub("", _MAXIMUM.sub("", tidy(text)))) or text


@lru_cache(maxsize=1 << 14)
def _said(item: Item) -> dict[str, str]:
    """Return the parts of an item by the forms in which they are named, and "" by that of its text and by nothing."""
    parts = ((part, said) for part, text in parts_of(item).items() for said in (text, *(f"{word}{part}" for word in PART_WORDS)))
    return {id_form(said): part for part, said in (*parts, ("", item.stem)) if said} | {"": ""}


_asked = lru_cache(maxsize=1 << 14)(lambda item: id_form(item.stem))


@value
class ItemNames:
    """Every way to write the items of a bank: `exact` as written, `forms` and `items` by `id_form`, `alike` by the numbers in ids."""

    exact: Mapping[str, Target]
    forms: Mapping[str, tuple[Target, ...]]
    alike: Mapping[tuple[str, ...], tuple[tuple[str, str], ...]]
    items: Mapping[str, Item]

    def find(self, name: str) -> Target | None:
        """Return what a name stands for, None where no item has it or several may."""
        if name in self.exact:
            return self.exact[name]
        meant = next((m for form in _forms_of(name) if (m := self.forms.get(form))), None) or self._within(id_form(name))
        return meant[0] if len(meant) == 1 else None

    def _within(self, form: str) -> tuple[Target, ...]:
        """Return what a name says by more than an id: a part of an item, or its text, behind the id or alone."""
        starts = [pair for pair in ((_asked(i), i) for i in self.items.values()) if len(pair[0]) >= QUESTION]
        behind = [(i, s, form[len(s) :]) for s, i in (*self.items.items(), *starts) if form.startswith(s)]
        named = [(i, _said(i).get(rest.lstrip(PART_MARKS))) for i, s, rest in behind if not (s[-1:] + rest[:1]).isdigit()]
        return tuple(Target(i.id, part) for i, part in named if part is not None)

    def added(self, name: str) -> bool:
        """Tell whether a header is that of an item with something added."""
        return self.find(name) is not None and len(undecorated(name)) < len(tidy(name))

    def near(self, name: str, taken: Collection[str] = ()) -> tuple[str, ...] | None:
        """Return the items that a name may mean, () when only shaped like an id, None when not; words beside ids `taken` remark."""
        code = undecorated(name)
        meant = [t.item for f in _forms_of(name) for t in (*self.forms.get(f, ()), *self._within(f))]
        words = re.findall(r"[^\W_]+", fold_code(code))
        words = words if len(words) <= 2 * MOST_WORDS else words[:MOST_WORDS] + words[-MOST_WORDS:]
        ends = ((start, end) for start, end in combinations(range(len(words) + 1), 2) if end - start <= LONGEST_MENTION)
        for start, end in ends:
            part, rest = id_form("-".join(words[start:end])), words[:start] + words[end:]
            remark = rest and all(w.isalpha() and len(w) > 1 for w in rest)
            sure = len(part) >= SURE or not (part.isdigit() or part.isalpha())
            meant += [t.item for t in self.forms.get(part, ()) if sure and not (remark and t.item in taken)]
        numbers, letters = _parts(id_form(code))
        # one letter may differ; words without numbers must be long for that
        long = (o for o in self.alike.get(numbers, ()) if numbers or min(len(letters), len(o[1])) > SURE)
        meant += [item for item, other in long if abs(len(letters) - len(other)) <= 1 and edit_distance(letters, other) <= 1]
        whole = self.alike.get(("".join(numbers),), ()) if len(numbers) > 1 else ()
        meant += [item for item, other in whole if other == letters]
        shaped = any(len(n) == len(numbers) > 0 and any(w == letters for _, w in kept) for n, kept in self.alike.items())
        question = LIKE["question"].fullmatch(code)
        meant = meant or [item for item, _ in self.alike.get(numbers, ()) if question]
        return tuple(dict.fromkeys(meant)) if meant or shaped or question else None


@lru_cache(maxsize=KEPT)
def names_of(bank: ItemBank, aliases: Mapping[str, str] | None) -> ItemNames:
    """Return every way to write the items of a bank; raises `ResponsesError` when an alias names no item."""
    ids = {item.id for item in bank.items}
    if strange := [i for i in (aliases or {}).values() if i not in ids]:
        raise ResponsesError("responses.aliases_unknown", strange=strange, bank=bank.id)
    exact = {i: Target(i) for i in ids} | {name: Target(i) for name, i in (aliases or {}).items()}
    forms, alike = dict[str, tuple[Target, ...]](), dict[tuple[str, ...], tuple[tuple[str, str], ...]]()
    for form, target in ((id_form(name), target) for name, target in exact.items()):
        forms[form] = tuple(dict.fromkeys((*forms.get(form, ()), target)))
    for item in bank.items:
        numbers, letters = _parts(id_form(item.id))
        alike[numbers] = (*alike.get(numbers, ()), (item.id, letters))
    return ItemNames(exact=exact, forms=forms, alike=alike, items={id_form(i.id): i for i in bank.items})


def is_id(name: str, ids: frozenset[str]) -> bool:
    """Tell whether a name is one of the ids, which are in the form of `id_form`."""
    return not ids.isdisjoint(_forms_of(name))


def hinted(names: Mapping[str, Collection[str]]) -> list[str]:
    """Return names with the items they may mean: ``"Q01 (Q1?)"``."""
    shown = {hidden_text(name): meant for name, meant in names.items()}
    return [f"{name} ({', '.join(meant)}?)" if meant else name for name, meant in shown.items()]


def _forms_of(name: str) -> tuple[str, str]:
    return id_form(name), id_form(undecorated(name))


def _parts(form: str) -> tuple[tuple[str, ...], str]:
    """Return the numbers of an id without leading zeros, and its letters."""
    return tuple(n.lstrip("0") for n in re.findall(r"\d+", form)), "".join(re.findall(r"[^\W\d_]+", form))
