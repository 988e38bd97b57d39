"""The arguments and options the commands share. Declared for typer, which reads the annotations at run time."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, cast

import typer

from competency_dx.cli.terminal import LanguageCode
from competency_dx.errors import CommandError
from competency_dx.wording import toml_content

if TYPE_CHECKING:
    from competency_dx.responses import Layout

Wrapper = Callable[[Callable[..., None]], Callable[..., None]]


class Language(StrEnum):
    """Language of messages and reports."""

    ru = "ru"
    en = "en"

    @property
    def code(self) -> LanguageCode:
        """Return the language as reports take it."""
        return "ru" if self is Language.ru else "en"


ModelName = StrEnum("ModelName", {"Rasch": "Rasch", "TwoPL": "2PL", "PCM": "PCM", "GPCM": "GPCM", "GRM": "GRM"})
PriorsName = StrEnum("PriorsName", {"weak": "weak", "none": "none"})
MethodName = StrEnum("MethodName", {"EAP": "EAP", "MAP": "MAP", "ML": "ML", "WLE": "WLE", "SumScore": "SumScore"})
OmittedChoice = StrEnum("OmittedChoice", ["incorrect", "ignore", "modelled"])


NOT_FOR_TYPER = {"flag", "ru", "en", "kind", "choices", "default"}
KINDS: Mapping[str, Any] = {"text": str, "texts": list[str], "whole": int, "switch": bool}
OF_TABLE = (
    *("person", "form", "sheet", "drop_personal_data", "attempts", "alias", "item", "answer", "items"),
    *("cells", "blank", "missing", "unreadable"),
)
OF_ESTIMATION = ("dimensions", "anchors", "points", "max_iterations")


def declared(name: str) -> Any:  # noqa: ANN401 - of typer, which reads it from an annotation
    """Return the option or, without a flag, the argument of this name in ``options.toml``."""
    declaration = toml_content("cli", "options")[name]
    facts = {key: fact for key, fact in declaration.items() if key not in NOT_FOR_TYPER}
    if "flag" in declaration:
        return typer.Option(declaration["flag"], help=declaration["en"], **facts)
    return typer.Argument(help=declaration["en"], **facts)


ResponsesFile = Annotated[Path, declared("responses")]
BankName = Annotated[str, declared("bank")]
BankIfAny = Annotated[str | None, declared("bank_if_any")]
OutIfNamed = Annotated[Path | None, declared("out_if_named")]
OutFolder = Annotated[Path, declared("out_folder")]
OutFile = Annotated[Path, declared("out_file")]
LanguageOption = Annotated[Language, declared("language")]
Omitted = Annotated[OmittedChoice, declared("omitted")]
FromCohort = Annotated[bool, declared("cohort")]
AggregatesOnly = Annotated[bool, declared("aggregates_only")]
RowNumbers = Annotated[bool, declared("row_numbers")]


class Estimation(NamedTuple):
    """How to calibrate: competencies of the bank, whether its parameters hold, fields of `MarginalML`."""

    dimensions: Literal["competencies", "clusters"] | None = None
    anchors: bool = False
    limits: Mapping[str, int] = MappingProxyType({})


def _layout(given: Mapping[str, Any]) -> "Layout":
    """Return the layout that the options of a table tell."""
    from competency_dx.responses import Layout

    aliases = [text.rpartition("=") for text in given["alias"] or ()]
    if strange := ["".join(parts) for parts in aliases if not (parts[0] and parts[2])]:
        raise CommandError("cli.alias", alias=strange[0])
    codes = (code.strip().partition("=") for code in (given["missing"] or "").split(",") if code.strip())
    tokens: dict[str, Any] = {code: reason or "blank" for code, _, reason in codes} | ({"": given["blank"]} if given["blank"] else {})
    return Layout(
        **{name: given[name] for name in ("person", "form", "sheet", "attempts", "item", "answer", "cells", "unreadable")},
        aliases={name.strip(): item.strip() for name, _, item in aliases} or None,
        items=tuple(c.strip() for c in given["items"].split(",")) if given["items"] else None,
        pii="drop" if given["drop_personal_data"] else "refuse",
        missing_tokens=tokens or None,
    )


def _estimation(given: Mapping[str, Any]) -> Estimation:
    limits = {name: given[name] for name in ("points", "max_iterations") if given[name] is not None}
    return Estimation(given["dimensions"], given["anchors"], limits)


def _shared(name: str) -> inspect.Parameter:
    """Return an option that many commands have, declared in ``options.toml`` as a whole, as a parameter of a command."""
    declaration, enumeration = toml_content("cli", "options")[name], cast("Any", StrEnum)
    kind = KINDS[declaration.get("kind", "text")] if "choices" not in declaration else enumeration(name, declaration["choices"])
    default = kind(declaration["default"]) if "default" in declaration else False if kind is bool else None
    annotation = cast("Any", Annotated)[kind if default is not None else kind | None, declared(name)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _with_options(parameter: str, make: Callable[[Mapping[str, Any]], object], names: Sequence[str]) -> Wrapper:
    """Return what gives a command shared options in place of a parameter, which is made of what they say."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options hold
            told = {name: given.pop(name) for name in names}
            made = make({name: x.value if isinstance(x, StrEnum) else x for name, x in told.items()})
            command(**{parameter: made}, **given)

        signature = inspect.signature(command)
        parameters = [*(p for p in signature.parameters.values() if p.name != parameter), *map(_shared, names)]
        run.__dict__["__signature__"] = signature.replace(parameters=parameters)  # which typer reads, as it does the next
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


with_table_options = _with_options("layout", _layout, OF_TABLE)
with_estimation_options = _with_options("estimation", _estimation, OF_ESTIMATION)
