"""How a result was made: library version, inputs by digest, settings in words."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import FrozenDict, value
from competency_dx.errors import ModelError
from competency_dx.personal_data import hidden_text

SELF_REPORT = "self_report"
"""The part of items that are statements about oneself, and the input that answers to them have in their provenance."""

KEPT = 1024
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@lru_cache(maxsize=1)
def library_version() -> str:
    """Return the installed version of this library."""
    try:
        return version("competency-dx")
    except PackageNotFoundError:
        return "0+unknown"


def digest_text(text: str) -> str:
    """Return the SHA-256 of a text, as ``sha256:`` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def digest_document(document: object) -> str:
    """Return the digest of a JSON-like document in canonical form (sorted keys, no spaces)."""
    return digest_text(json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")))


def digest_arrays(*arrays: NDArray[np.generic]) -> str:
    """Return the digest of arrays: dtype, shape and bytes of each, in order."""
    state = hashlib.sha256()
    for array in arrays:
        state.update(f"{array.dtype.str}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).data)
    return "sha256:" + state.hexdigest()


def digest_answers(codes: NDArray[np.int8], observed: NDArray[np.bool_]) -> str:
    """Return the digest of answers (P, I) of persons in whatever order; who answered nothing does not count."""
    rows = np.where(observed, codes.astype(np.int16) + 1, 0).astype(np.uint8)
    rows = np.ascontiguousarray(rows[rows.any(axis=1)])
    return digest_arrays(np.sort(rows.view(f"V{rows.shape[1]}").ravel()).view(np.uint8), np.array(rows.shape))


@value
class Provenance:
    """The record carried by every result; the same inputs and settings give the same record, byte for byte.

    `verb` is the function that made the result, `library` the version of this library, `inputs` the digest (or id and version) of every
    input, `settings` every choice that decided a number, in words.
    """

    verb: str
    library: str
    inputs: Mapping[str, str]
    settings: Mapping[str, str]

    def __post_init__(self) -> None:
        for name in ("inputs", "settings"):
            rest = {key: (text, _DIGEST.sub("#", text)) for key, text in getattr(self, name).items()}  # without digits of digests
            shown = {key: text if _hidden(part) == part else f"{text[:1]}…" for key, (text, part) in rest.items()}
            object.__setattr__(self, name, FrozenDict(shown))


def refuse_self_report(source: object) -> None:
    """Refuse a bank of statements about oneself, or answers read with one, by a `ModelError`: they say nothing of single persons."""
    made, items = getattr(source, "provenance", None), getattr(source, "items", ())
    of = made.inputs.get(SELF_REPORT, "") if isinstance(made, Provenance) else ""
    if of or any(getattr(item, "part", None) == SELF_REPORT for item in (items if isinstance(items, tuple) else ())):
        raise ModelError("models.self_report", bank=of or getattr(source, "id", ""))


_hidden = lru_cache(maxsize=KEPT)(hidden_text)  # settings and names of banks come again and again


def provenance(verb: str, inputs: Mapping[str, str], settings: Mapping[str, str]) -> Provenance:
    """Make the record for the running library version."""
    return Provenance(verb=verb, library=library_version(), inputs=dict(inputs), settings=dict(settings))
