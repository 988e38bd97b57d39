"""Ids of persons as names of files: nothing leaves the folder, no two persons share a file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LONGEST = 60
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
UNSAFE = re.compile(r"[^0-9A-Za-zА-Яа-яЁё_-]+")


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """Return a name for every id, unique even where upper and lower case are the same.

    An id of letters, digits, hyphens and underscores is its own name; any other is cleaned and told apart by eight
    digits of its SHA-256.
    """
    taken: set[str] = set()
    out: dict[str, str] = {}
    for person in ids:
        name = _clean(person)
        if name != person or name.casefold() in taken:
            name = f"{name}-{hashlib.sha256(person.encode()).hexdigest()[:8]}"
        while name.casefold() in taken:
            name += "_"
        taken.add(name.casefold())
        out[person] = name
    return out


def _clean(person: str) -> str:
    name = UNSAFE.sub("_", person)[:LONGEST].strip("_-") or "person"
    return f"p_{name}" if RESERVED.fullmatch(name) else name
