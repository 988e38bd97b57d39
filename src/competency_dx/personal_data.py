"""Personal data inside a text, in any spelling of digits, dashes and spaces; ``docs/privacy.md`` says what is found and what is not."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from importlib.resources import files
from itertools import combinations, pairwise
from typing import Any, Literal, NamedTuple

Personal = Literal["name", "e-mail", "phone", "СНИЛС", "passport", "ИНН", "birth date", "IP address", "account", "address", "card"]
_CONTENT = tomllib.loads(files("competency_dx").joinpath("personal_data.toml").read_text(encoding="utf-8"))
HEADINGS, _PATTERNS = ({name: re.compile(text) for name, text in _CONTENT[part].items()} for part in ("headings", "patterns"))
_INSIDE: dict[Personal, re.Pattern[str]] = {
    kind: re.compile(text.replace("{date}", _CONTENT["patterns"]["date"])) for kind, text in _CONTENT["inside"].items()
}
_GIVEN, _COMMON, _OTHERS, _SHORT, _FAMILIES, _OF_MEN = (frozenset(text.split()) for text in _CONTENT["words"].values())
_SHAPES, _FOLDS = (str.maketrans({sign: one for one, signs in _CONTENT[of].items() for sign in signs}) for of in ("shapes", "folds"))
BEFORE = 60  # so many signs before a name are looked at


class _NameWord(NamedTuple):
    """A word of a text: its place, its folded form, how it begins, and what part of a name it can be."""

    start: int
    end: int
    form: str
    capital: bool
    part: Literal["given", "family", "father", "initials", "word"]


def personal_in(text: str) -> Personal | None:
    """Return what a text holds that names or reaches a person for certain, None where there is nothing such."""
    if len(text) < 5 or not _PATTERNS["worth a look"].search(text):
        return None
    plain = spelled(text)
    lower = plain.lower()
    for what, pattern in _INSIDE.items():
        if pattern.search(lower):
            return what
    for run in _PATTERNS["run"].finditer(plain):
        if (number := _number(run[0], alone=run[0] == plain)) is not None:
            return number
    marks = [bool(_PATTERNS[name].search(lower)) for name in ("street", "house", "flat")]
    if sum(marks) > 1 and (marks[2] or not _PATTERNS["organisation"].search(lower)):
        return "address"
    return "name" if names_a_person(text) else None


def spelled(text: str) -> str:
    """Return a text with plain digits, dashes and spaces, № as #, without invisible signs."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text.replace("№", "#")).translate(_SHAPES)


def hidden_text(text: str) -> str:
    """Return a text as messages and documents may show it: of one with personal data the first letter only."""
    return f"{text[:1]}…" if personal_in(text) else text


def masked(text: str) -> str:
    """Return an answer as a message may show it: short, of longer words and numbers the beginning only."""
    least = 4 if " " in text else 6
    out = re.sub(rf"[^\W\d_]{{{least},}}|\d{{7,}}|\d(?:[ -]?\d){{9,}}", lambda word: word[0][:2] + "…", hidden_text(text))
    return out if len(out) <= 24 else out[:23].rstrip("…") + "…"


class OwnWords(str):
    """An answer in the words of a person, whole in memory; documents keep its `outline`."""

    __slots__ = ()

    def outline(self) -> str:
        """Return the first letter of each word, and of numbers of persons the first digit."""
        out = re.sub(r"[^\W\d_]{2,}", lambda word: word[0][0] + "…", hidden_text(self))[:24]
        return out if sum(map(str.isdigit, self)) < 7 else f"{self[:1]}…"


def hidden_ids(ids: Any, rows: Iterable[int]) -> list[str]:  # noqa: ANN401 - a list or an array
    """Return the ids of persons in these rows as messages may show them: codes, of others the first letter and the row from 1."""
    texts = ((row, str(ids[row])) for row in rows)
    return [t if _PATTERNS["code"].fullmatch(t) and not personal_in(t) else f"{t[:1]}… (#{row + 1})" for row, t in texts]


def _number(run: str, *, alone: bool) -> Personal | None:
    """Return what a run of digits in groups is; without groups and beside nothing else it may be a number like any other."""
    groups = re.findall(r"\d+", run)
    plus, bare = run.startswith("+"), alone and len(groups) == 1
    for first, last in combinations(range(len(groups) + 1), 2):
        digits, sizes = "".join(groups[first:last]), [*map(len, groups[first:last])]
        if not 10 <= len(digits) <= 15:
            continue
        if plus and first == 0:
            return "phone"
        if sizes in ([2, 2, 6], [4, 6]) and "." not in run:
            return "passport"
        if not bare and (sizes == [3, 3, 3, 2] or is_snils(digits)):
            return "СНИЛС"
        mobile = digits[0] == "9" and sizes in ([10], [3, 7], [3, 3, 4], [3, 3, 2, 2], [3, 2, 2, 3])
        with_prefix = len(digits) == 11 and digits[0] in "78" and digits[1] in "3489" and (max(sizes) >= 3 or digits[1] == "9")
        if not bare and (mobile or with_prefix):
            return "phone"
        if not bare and is_tax_number(digits):
            return "ИНН"
    return None


def is_snils(digits: str) -> bool:
    """Tell whether eleven digits end in the control number of a СНИЛС."""
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    return sum(int(d) * (9 - k) for k, d in enumerate(digits[:9])) % 101 % 100 == int(digits[9:])


def may_be_snils(cell: str) -> bool:
    """Tell whether a cell is a СНИЛС; a spreadsheet takes a leading zero away."""
    digits = re.sub(r"[\s-]", "", spelled(cell)) if len(cell) < 16 else ""
    return digits.isdecimal() and len(digits) in {10, 11} and is_snils(digits.zfill(11))


def is_tax_number(digits: str) -> bool:
    """Tell whether twelve digits end in the two control numbers of the ИНН of a person."""
    if len(digits) != 12 or not digits.isdecimal() or len(set(digits)) == 1:
        return False
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    controls = (sum(w * int(d) for w, d in zip(weights[k:], digits, strict=False)) % 11 % 10 for k in (1, 0))
    return all(control == int(digits[10 + k]) for k, control in enumerate(controls))


def names_a_person(text: str) -> bool:
    """Tell whether a text holds the name of a person, other than one that a school or a street is called after."""
    text = spelled(text)
    words = list(map(_part, _PATTERNS["word"].finditer(text)))
    likely = [k for k, w in enumerate(words[:-1]) if w.part != "word" or w.capital or words[k + 1].part == "father"]
    names = (words[k : k + 3] for k in likely if _is_name(text, words[k : k + 3]))
    starts = ((name[0].start, "!" * any(w.part == "given" and w.form not in _OF_MEN for w in name[:2])) for name in names)
    found = any(not _PATTERNS["in_honour"].search(text[max(0, start - BEFORE) : start] + mark) for start, mark in starts)
    told = ((text[max(0, w.start - BEFORE) : w.start], text[w.end : w.end + BEFORE]) for w in words if _is_one_name(w))
    did = any(_PATTERNS["did"].search(before) or _PATTERNS["was away"].match(after) for before, after in told)
    return found or did or _PATTERNS["one initial"].search(text) is not None


def is_a_name_alone(text: str) -> bool:
    """Tell whether a text is one word with a capital, and that a usual first name or a surname by an ending that few words have."""
    word = _PATTERNS["word"].fullmatch(spelled(text).strip(" .,!?"))
    return word is not None and _is_one_name(_part(word), ("ski", "skaia", "in", "ina"))


def _is_one_name(word: _NameWord, of_words: tuple[str, ...] = ("ski", "skaia")) -> bool:
    """Tell whether a word with a capital is a usual first name or a surname, by its ending too where that is not one of words."""
    listed = (word.part == "given" and word.form not in _COMMON) or word.form in _FAMILIES
    return word.capital and (listed or (word.part == "family" and word.form not in _OTHERS and not word.form.endswith(of_words)))


def may_be_a_name(text: str) -> bool:
    """Tell whether a short text has a usual first name or surname, a word that ends like one, or a word and two initials."""
    words = [*map(_part, _PATTERNS["word"].finditer(text[:BEFORE]))]
    parts = ["family" if word.form in _FAMILIES else word.part for word in words]
    named = not {"given", "family", "father"}.isdisjoint(parts)
    return len(parts) < 5 and (named or (parts.count("initials") == 2 and "word" in parts))


@lru_cache(maxsize=4096)
def _form(word: str) -> str:
    return re.sub("i+", "i", word.lower().translate(_FOLDS).replace("kh", "h"))


def _part(match: re.Match[str]) -> _NameWord:
    word = match[0]
    form, capital = _form(word), word[0].isupper()
    part = "given" if form in _GIVEN else "family" if _PATTERNS["family"].fullmatch(form) else "word"
    part = "father" if _PATTERNS["father"].fullmatch(form) else part
    part = "initials" if len(word) == 1 or (len(word) == 2 and word.isupper()) else part
    return _NameWord(match.start(), match.end(), form, capital, part)  # type: ignore[arg-type]  # the five names above


def _is_name(text: str, words: list[_NameWord]) -> bool:
    """Tell whether two or three words that follow each other name a person."""
    gaps = [text[a.end : b.start] for a, b in pairwise(words)]
    near = [len(gap) < 4 and not gap.strip(" \u00a0_.,-0123456789") for gap in gaps]
    if not near[0]:
        return False
    first, second, *_ = words
    parts = {first.part, second.part}
    glued = not gaps[0].strip("_.-0123456789")  # as in ids
    if second.part == "father":
        capital = (first.capital and second.capital) or glued
        return first.part == "given" or (first.part in {"word", "family"} and capital and len(first.form) > 2)
    if "given" in parts:
        other, given = (first, second) if second.part == "given" else (second, first)
        listed = "," in gaps[0]  # of names
        alone = {
            "word": glued or (len(other.form) < 3 and other.form not in _FAMILIES) or (listed and second.end - first.start < len(text)),
            "given": listed,
            "initials": not set(text[other.start : other.end]).isdisjoint("IVX"),  # Peter I
        }
        common = given.form in _COMMON
        named = other.part == "family" or other.form in _FAMILIES
        if other.form in _OTHERS or alone.get(other.part, False) or (common and not named):
            return False
        return (other.capital and given.capital) or (other.part == "family" and not common)
    both = parts == {"family", "initials"} and max(w.end - w.start for w in words[:2] if w.part == "initials") == 2
    return (glued and both) or (len(words) > 2 and near[1] and _with_initials(words, gaps, glued=glued))


def _with_initials(words: list[_NameWord], gaps: list[str], *, glued: bool) -> bool:
    """Tell whether three words are a surname and two initials, in this order or the other."""
    single = [w.part == "initials" and w.end - w.start == 1 for w in words]
    if single not in ([False, True, True], [True, True, False]):
        return False
    surname = words[single.index(False)]
    if glued and not gaps[1].strip("_.-0123456789") and surname.part == "family":
        return True
    capital, initials = all(w.capital for w in words), "".join(w.form for w in words if w is not surname)
    dotted = "." in gaps[1] and (single[0] is False or "." in gaps[0])
    usual = surname.part == "family" or (len(surname.form) > 2 and surname.part == "word" and surname.form not in _OTHERS)
    small = dotted and surname.part == "family" and surname.form not in _OTHERS and initials not in _SHORT
    return small or (capital and usual and (dotted or surname.part == "family"))
