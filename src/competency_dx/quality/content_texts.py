"""What gates of the content read: the texts of an item, words without their endings, patterns, the part an item is of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from competency_dx.bank import Item
from competency_dx.wording import toml_content

_CODE = re.compile(r"`[^`]*`|^ {4}.*$", re.MULTILINE)
_ENDING = re.compile(r"(?<=\w{3})(?:[аеиоуыэюя]м?и?|[аеиоуыэюя]?[йхв]|[ое](?:го|му)|[ыи]ми|[аяоеыиую][яеюй]|ь[юя]?|ями?|ing|ed|e?s)$")


PATTERNS = toml_content("quality", "content")


def misprints(kind: str, text: str) -> Iterator[tuple[Mapping[str, str], str]]:
    """Yield what a text may not hold, typography or names of what is repealed, each remark once with the place."""
    text = _CODE.sub(" ", text)
    for rule in PATTERNS[kind]:
        if hit := re.search(rule["pattern"], text, re.MULTILINE):
            start, end = max(0, hit.start() - 8), hit.end() + 8
            yield ({"ru": rule["ru"], "en": rule["en"]}, " ".join(text[start:end].split(" ")).replace("\n", " ").strip(" "))


def shown(item: Item, *, options: bool = True) -> list[str]:
    """Return what a person reads, but the title: stimulus, stem, what is matched and, if asked for, the options."""
    seen = item.stimulus
    above = [seen.text, *(cell for row in seen.table for cell in row)] if seen else []
    return [*filter(None, above), item.stem, *item.left.values(), *(item.options.values() if options else ())]


def all_texts(item: Item) -> list[str]:
    """Return every text of an item that somebody reads."""
    titles = [item.title, item.stimulus.alt if item.stimulus else None, *(c.title for c in item.rubric)]
    levels = [text for criterion in item.rubric for text in criterion.levels.values()]
    return [*(t.ru for t in titles if t), *shown(item), *levels, *item.misconceptions.values(), item.solution]


def words_of(text: str) -> list[str]:
    """Return the words and numbers of a text in order, in small letters, ё as е."""
    return re.findall(r"\w+", text.casefold().replace("ё", "е"))


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Return a word without its ending."""
    return _ENDING.sub("", word)


def stems(text: str) -> tuple[str, ...]:
    """Return the words and numbers of a text in order, words without their endings."""
    return tuple(map(stem, words_of(text)))


def telling(text: str) -> set[str]:
    """Return the words of a text that can give something away: of four letters or more, or numbers of two digits or more."""
    return {stem(w) for w in words_of(text) if len(w) > 3 or (w.isdigit() and len(w) > 1)}


def sentences(texts: list[str]) -> list[str]:
    """Return the sentences that are no instruction how to answer."""
    parts = (s for text in texts for s in re.split(r"(?<=[.;!?])\s+|\n\s*\n", text))
    return [s for s in parts if s.strip() and not re.search(PATTERNS["instruction"], s, re.IGNORECASE)]


def key_texts(item: Item) -> list[str]:
    """Return the right answer as words: the options of the key, the wordings, the number."""
    if item.type in {"single", "multiple"}:
        return [item.options[code] for code in item.right_options if code in item.options]
    if item.type == "text" and item.key:  # a longer wording holds words that are not asked for
        return [k for n, k in enumerate(item.key) if n == 0 or len(words_of(k)) == 1]
    return [item.key] if isinstance(item.key, str) else []


def is_methodical(item: Item) -> bool:
    """Return whether an item is of the methodical part: as it says, else by the cluster of a competency."""
    return item.part == "methodical" if item.part else any(c.split(".")[1:2] == ["M"] for c in item.competencies)
