"""Option codes in raw answers: which code was meant, cutting ``"13"`` or ``"3, 1"`` into codes, reading pairs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from competency_dx.arrays import value
from competency_dx.responses.normalise import fold_code, fold_look, fold_text

KEPT = 1 << 14  # code books
LONGEST = 2000
"""A raw answer longer than this is not a list of codes."""
NOTHING = ("_", "*", "?")
"""Signs people put where an element of a sequence is left out."""

_SEPARATORS = re.compile(r"[;,.\s/|+&()\[\]{}\"']+")
_ORDER_SEPARATORS = re.compile(r"[;,.\s/|+&()\[\]{}\"'\-<>→]+")
_LINKS = r"[\s\-=:)>→.]*"


@value
class CodeBook:
    """The codes of an item as the bank writes them, and every way to write them.

    `index` leads from forms of `fold_code` to codes, without forms that two codes share, `texts` from those of `fold_text` of
    the words of options.
    """

    codes: tuple[str, ...]
    index: Mapping[str, str]
    texts: Mapping[str, str]

    def find(self, raw: str) -> str | None:
        """Return the one code that was meant: the code itself, ``"B)"``, the words of the option, or both; a code wins."""
        folded = self._code(raw) or self.texts.get(fold_text(raw))
        if folded is not None:
            return folded
        head, mark, words = raw.partition(")") if ")" in raw else raw.partition(".")
        code = self.index.get(fold_code(head))
        return code if mark and code is not None and self.texts.get(fold_text(words)) == code else None

    def _code(self, raw: str) -> str | None:
        return raw if raw in self.codes else self.index.get(fold_code(raw))

    def split(self, raw: str, *, order: str = "free") -> tuple[str | None, ...] | None:
        """Cut an answer into codes; None when it holds anything else or can be cut in two ways.

        Words of options count where the answer cannot be cut into codes. Where the order counts (`order` = ``"kept"``), dashes
        and arrows separate too and `NOTHING` is an empty place.
        """
        if len(raw) > LONGEST:
            return None
        code, kept = self._code(raw), order == "kept"
        out: list[str | None] = [] if code is None else [code]
        for token in () if out else filter(None, (_ORDER_SEPARATORS if kept else _SEPARATORS).split(raw)):
            parts = self._parts(fold_code(token), NOTHING if kept else ())
            if parts is None:
                whole = self.find(raw)
                return (whole,) if whole is not None else None if kept else self._by_words(raw)
            out += parts
        return tuple(out) or None

    def _parts(self, token: str, blanks: Sequence[str]) -> list[str | None] | None:
        if token in self.index:
            return [self.index[token]]
        pieces = segment(token, [*self.index, *blanks])
        return None if pieces is None else [self.index.get(p) for p in pieces]

    def _by_words(self, raw: str) -> tuple[str, ...] | None:
        ends = {f"{words}{end}": code for words, code in self.texts.items() for end in (", ", "; ", ",", ";", "., ", ".; ")}
        pieces = segment(fold_text(raw) + ", ", list(ends))
        return None if pieces is None else tuple(ends[p] for p in pieces)


def code_book(codes: Iterable[str], words: Mapping[str, str] | None = None) -> CodeBook:
    """Make the book of an item's codes and, where they are known, the words of its options."""
    return _book(tuple(codes), tuple((words or {}).items()))


@lru_cache(maxsize=KEPT)
def _book(codes: tuple[str, ...], words: tuple[tuple[str, str], ...]) -> CodeBook:
    return CodeBook(
        codes=codes,
        index=_unambiguous((fold_code(c), c) for c in codes),
        texts=_unambiguous((fold_text(t), c) for c, t in words if fold_text(t)),
    )


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    out: dict[str, str] = {}
    twice: set[str] = set()
    for form, code in pairs:
        if form in out:
            twice.add(form)
        out[form] = code
    return {form: code for form, code in out.items() if form not in twice}


def segment(text: str, pieces: Sequence[str]) -> tuple[str, ...] | None:
    """Return the only way to cut `text` into `pieces`; None when there is none, or more than one."""
    if len(text) > LONGEST or not text:
        return None
    ways: list[list[tuple[str, ...]]] = [[()]]
    for end in range(1, len(text) + 1):
        found = [w + (p,) for p in pieces if p and text.endswith(p, 0, end) for w in ways[end - len(p)]]  # noqa: RUF005
        ways.append(found[:2])
    return ways[-1][0] if len(ways[-1]) == 1 else None


def read_pairs(raw: str, left: CodeBook, options: CodeBook) -> tuple[str | None, ...] | None:
    """Read a matching answer: one option (or None) per left entry, in their order.

    ``"31"``, ``"3;1"``, ``"А3Б1"`` and ``"А-3; Б-1"`` are the same answer. None when it cannot be read.
    """
    paired = _explicit_pairs(raw, left, options)
    if paired is not None:
        return tuple(paired.get(code) for code in left.codes)
    row = options.split(raw, order="kept")
    if row is None or len(row) > len(left.codes):
        return None
    return row + (None,) * (len(left.codes) - len(row))


def _explicit_pairs(raw: str, left: CodeBook, options: CodeBook) -> dict[str, str] | None:
    text = fold_look(raw)
    linked = re.search(r"[-=:)>→]", text) is not None
    if len(text) > LONGEST or not (linked or set(left.index).isdisjoint(options.index)):
        return None
    first, second = ("|".join(map(re.escape, sorted(book.index, key=len, reverse=True))) for book in (left, options))
    pair = rf"(?>({first}){_LINKS}({second})[\s;,.|/()]*)"
    if not first or not second or not re.fullmatch(rf"(?>{pair})+", text):
        return None
    found: dict[str, str] = {}
    for match in re.finditer(pair, text):
        code, option = left.index[match[1]], options.index[match[2]]
        if found.setdefault(code, option) != option:
            return None
    return found
