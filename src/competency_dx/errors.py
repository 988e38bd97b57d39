"""Errors: raised when no honest result exists. What each may say stands in the ``errors.toml`` of its room, in two languages.

Whether what is given is of an annotated type, and how types and values are written in a sentence, stands here too.
"""

import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache, wraps
from importlib import import_module
from importlib.resources import files
from inspect import signature
from numbers import Integral, Real
from pathlib import Path, PurePath
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from unicodedata import normalize

from competency_dx.personal_data import hidden_text
from competency_dx.wording import SPELLING, cut, toml_content, worded

HUGE = 1e15  # numbers are not beyond it, on either side, but infinite
LONGEST = 60  # signs of a value in a sentence
_IN_NO_FILE = re.compile("[\0\ud800-\udfff]")
_UNIONS = (Union, UnionType)
LANGUAGES = ("ru", "en")
T = TypeVar("T")
_OF_TYPES_ALONE = ("Calibration", "ClassCalibration", "MisconceptionEvidence")  # imported late or never by who names them
_LATER = {name: type(name, (), {"only_name": name}) for name in _OF_TYPES_ALONE}


def kind_and_parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:  # noqa: ANN401
    """Return origin and arguments of a type; of an alias with arguments, as numpy's arrays are since 2.5, of what it stands for."""
    kind, parts = get_origin(hint), get_args(hint)
    meant = getattr(kind, "__value__", None)
    return (kind, parts) if meant is None else kind_and_parts(meant[parts])


def fits(given: Any, hint: Any) -> bool:  # noqa: ANN401, PLR0911 - a case for each kind of type
    """Tell whether something is of a type; a list does for a tuple, NaN is no number, a masked array is nothing."""
    kind, parts = kind_and_parts(hint)
    kind = kind or hint
    if kind in _UNIONS:
        return any(fits(given, part) for part in parts) and not (Path in parts and _IN_NO_FILE.search(str(given)))
    if kind is Literal:
        return isinstance(given, str) and given in parts
    if kind is Any or kind is object or not isinstance(kind, type):
        return True
    if kind in (int, float):
        number = isinstance(given, Integral if kind is int else Real) and not isinstance(given, bool)
        return number and (abs(given) <= HUGE or (kind is float and given in (-math.inf, math.inf)))
    if kind.__name__ == "Callable" or type(given).__name__ == "MaskedArray":
        return callable(given)
    if kind.__name__ == "ndarray":
        with suppress(TypeError, ValueError, OverflowError):
            return not isinstance(given, str | bytes) and import_module("numpy").asarray(given, get_args(parts[1])[0]) is not None
        return False
    if getattr(kind, "_is_protocol", False) and not parts:
        return all(hasattr(given, name) for name in vars(kind) if not name.startswith("_"))
    if parts and issubclass(kind, Mapping):
        return isinstance(given, Mapping) and all(fits(k, parts[0]) and fits(v, parts[1]) for k, v in given.items())
    if parts and issubclass(kind, Iterable):
        return _is_list(given, kind, parts)
    return isinstance(given, kind) or type(given).__name__ == getattr(kind, "only_name", "")


def _is_list(given: Any, kind: type, parts: tuple[Any, ...]) -> bool:  # noqa: ANN401
    """Tell whether something is a list of such parts, or a column of a table or an array."""
    listed = isinstance(given, Sequence) or getattr(given, "ndim", 0) == 1 or (kind is Iterable and isinstance(given, Iterator))
    if not listed or isinstance(given, str | bytes):
        return False
    if kind is tuple and parts[-1] is not ...:
        return len(given) == len(parts) and all(map(fits, given, parts))
    if parts[0] in (Any, object) or isinstance(given, Iterator):
        return True
    return all(fits(part, parts[0]) for part in ({type(part): part for part in given}.values() if parts[0] is str else given))


def type_text(hint: Any) -> str:  # noqa: ANN401
    """Return a type as Python writes it, without the modules of its parts."""
    kind, parts = kind_and_parts(hint)
    if kind in _UNIONS or kind is Literal:
        return " | ".join(repr(part) if kind is Literal else type_text(part) for part in parts)
    name = {"NoneType": "None", "ndarray": "array"}.get(bare := getattr(kind or hint, "__name__", str(hint)), bare)
    inner = ", ".join("..." if part is ... else type_text(part) for part in parts)
    return f"{name}[{inner}]" if parts and name not in {"array", "Callable"} else name


def value_text(given: object) -> str:
    """Return a short value as Python writes it, and its type."""
    text, kind = repr(given), type(given).__name__
    return kind if len(text) > LONGEST or "<" in text or "\n" in text else f"{text} ({kind})"


class CompetencyDxError(Exception):
    """Root of every error this library raises on purpose: ``str()`` is its English sentence.

    Parameters
    ----------
    code : ``room.what``, the sentence in the catalogue of the room; any other text stands for itself.
    state : Where an estimation stood when it was given up.
    **facts : What the places of the sentence are filled with: ids as an iterable, numbers, texts, other errors.
    """

    def __init__(self, code: str, /, *, state: object = None, **facts: object) -> None:
        self.code, self.state = code, state
        self.facts = {name: _fact(fact) for name, fact in facts.items()}
        super().__init__(self.text("en"))

    def text(self, language: str) -> str:
        """Return the sentence in the language asked for."""
        return SPELLING.get()(worded(_template(self.code)[language], self.facts, language) if has_sentence(self.code) else self.code)


class BankError(CompetencyDxError, ValueError):
    """An item bank or a competency framework is not well formed."""


class ResponsesError(CompetencyDxError, ValueError):
    """A table of answers cannot be read without guessing."""


class ModelError(CompetencyDxError, ValueError):
    """Item parameters, families or populations do not fit together."""


class CalibrationError(CompetencyDxError, ValueError):
    """The data cannot support the calibration that was asked for."""


class ConvergenceError(CompetencyDxError, RuntimeError):
    """An estimation did not reach its maximum; `state` carries where it stood."""


class ScoringError(CompetencyDxError, ValueError):
    """Answers and parameters cannot be brought together."""


class DiagnosisError(CompetencyDxError, ValueError):
    """Standards, rule and bank do not allow a diagnosis."""


class GroupError(CompetencyDxError, ValueError):
    """Persons cannot be put into groups as asked."""


class GrowthError(CompetencyDxError, ValueError):
    """Two diagnoses cannot be compared."""


class RouteError(CompetencyDxError, ValueError):
    """A catalogue of programmes does not fit together, or routes cannot be made as asked."""


class RatersError(CompetencyDxError, ValueError):
    """Marks of experts cannot be read, or do not allow what was asked of them."""


class LinkingError(CompetencyDxError, ValueError):
    """Two scales cannot be linked."""


class DIFError(CompetencyDxError, ValueError):
    """Items cannot be compared between groups as asked."""


class FitError(CompetencyDxError, ValueError):
    """Fit cannot be checked, or calibrations cannot be compared, as asked."""


class ReportError(CompetencyDxError, ValueError):
    """A report or a picture cannot be made as asked."""


class CommandError(CompetencyDxError, ValueError):
    """A command cannot be carried out as it was given."""


class RequestError(CompetencyDxError, ValueError):
    """A request to the service cannot be answered as it was made."""


class DocumentError(CompetencyDxError, ValueError):
    """A JSON document is not one that this version reads."""


class StorageError(CompetencyDxError, OSError):
    """A file or a folder cannot be read or written; what stood there stands there still."""


class LimitError(CompetencyDxError, ValueError):
    """What is to be read is larger than the limits allow, see `storage.Limits`."""


class ForkError(CompetencyDxError, RuntimeError):
    """A process was forked off in the middle of a computation, whose locks nobody can lift there."""


class MissingDependencyError(CompetencyDxError, ImportError):
    """An optional package is needed for what was asked."""


class CompetencyDxWarning(UserWarning):
    """Category of the Python warnings that accompany findings; `finding` is the one that is repeated."""

    finding: object = None


class Verbatim(str):
    """A value shown as Python writes it, so that quotes are not put around it again."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@cache
def sentence_templates(room: str) -> Mapping[str, Mapping[str, str]]:
    """Return the catalogue of a room, ``errors.toml`` in its folder, by what is wrong; modules of the root share one file."""
    of_room = files("competency_dx").joinpath(room, "errors.toml").is_file()
    return toml_content(room, "errors") if of_room else toml_content("", "errors").get(room, {})


def has_sentence(code: str) -> bool:
    """Return whether a catalogue has a sentence of this code."""
    return bool(_template(code))


def _template(code: str) -> Mapping[str, str]:
    room, _, what = code.partition(".")
    return sentence_templates(room).get(what, {}) if room.isidentifier() and what.isidentifier() else {}


def phrase(code: str, /, **facts: object) -> dict[str, str]:
    """Return a part of a sentence from the catalogue in both languages, to be a fact of an error or a finding."""
    error = CompetencyDxError(code, **facts)
    return {language: error.text(language) for language in LANGUAGES}


@contextmanager
def needing(package: str, extra: str, purpose: str) -> Iterator[None]:
    """Import an optional package in this block; where it is missing the error says so. `purpose` is a file or a verb."""
    try:
        yield
    except ImportError:
        raise MissingDependencyError("errors.package_missing", package=package, extra=extra, purpose=purpose) from None


def checked(error: type[CompetencyDxError], **accepted: str) -> Callable[[T], T]:
    """Make a verb, or a class of choices, refuse arguments not of their annotated types; `accepted` are further names of arguments."""

    def decorated(what: Any) -> Any:  # noqa: ANN401 - a function or a class
        if isinstance(what, type):
            what.__init__ = decorated(what.__init__)  # type: ignore[misc]
            return what
        hints = cache(lambda: get_type_hints(what, localns=_LATER | vars(sys.modules[what.__module__])))
        names = tuple(signature(what).parameters)

        @wraps(what)
        def verb(*args: object, **named: object) -> object:
            for name in accepted.keys() & named:
                if accepted[name] in named:
                    raise error("errors.argument_twice", name=accepted[name], other=name)
                named[accepted[name]] = named.pop(name)
            for name, given in (*zip(names, args, strict=False), *named.items()):
                if name in hints() and not fits(given, hint := hints()[name]):
                    facts = {"expected": Verbatim(type_text(hint)), "given": Verbatim(hidden_text(value_text(given)))}
                    raise error("errors.argument", name=name, **facts)
            return what(*args, **named)

        return verb

    return decorated


def repeated(ids: Iterable[str]) -> list[str]:
    """Return the ids that occur more than once, their letters composed or not, in the order in which they first appear."""
    given = list(ids)
    forms = [normalize("NFC", i) if isinstance(i, str) else i for i in given]
    first = dict(zip(reversed(forms), reversed(given), strict=True))
    return [first[form] for form, n in Counter(forms).items() if n > 1] if len(first) < len(forms) else []


def _fact(fact: Any) -> Any:  # noqa: ANN401, PLR0911 - whatever a sentence shows
    """Return a fact as sentences show it: numbers, texts and tuples of them, both texts of what has two languages."""
    if isinstance(fact, str):
        return fact if isinstance(fact, Verbatim) else hidden_text(fact)
    if fact is None or isinstance(fact, bool | int | float):
        return fact
    if hasattr(fact, "dtype"):
        return _fact(fact.tolist())
    if isinstance(fact, Mapping) and set(fact) == set(LANGUAGES):
        return dict(fact)
    if callable(getattr(fact, "text", None)):
        return {language: fact.text(language) for language in LANGUAGES}
    if isinstance(fact, BaseException):
        return _foreign(fact)
    if isinstance(fact, Iterable):
        return tuple(_fact(part) for part in fact)
    return Verbatim(str(fact) if isinstance(fact, PurePath) else " ".join(repr(fact).split()))


def _foreign(fault: BaseException) -> dict[str, str]:
    """Return what an error of another library says: its sentence in English, its place or its kind in Russian, no name of a class."""
    mark: Any = getattr(fault, "problem_mark", None) or fault
    line, column = getattr(mark, "lineno", None), getattr(mark, "colno", None)
    if hasattr(mark, "line"):  # YAML counts from 0
        line, column = mark.line + 1, mark.column + 1
    code = next(filter(has_sentence, (f"errors.fault_{kind.__name__}" for kind in type(fault).__mro__)))
    said = phrase(code)
    if line is not None:
        said["ru"] = f"строка {line}, позиция {column}"
    words = " ".join(str(fault).split()) if code == "errors.fault_BaseException" else ""
    return said | {"en": cut(hidden_text(words)) or said["en"]}
