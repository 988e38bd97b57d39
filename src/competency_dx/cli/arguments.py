"""Commands with the arguments and options that ``options.toml`` declares. They are for typer, which reads annotations at run time."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, cast

import typer

from competency_dx.cli.terminal import Terminal
from competency_dx.errors import CommandError
from competency_dx.wording import toml_content

if TYPE_CHECKING:
    from competency_dx.responses import Layout

Command = Callable[..., None]
NOT_FOR_TYPER = {"flag", "ru", "en", "kind", "choices", "default", "of"}
KINDS: Mapping[str, Any] = {"text": str, "texts": list[str], "whole": int, "switch": bool}
LIMITS = ("points", "max_iterations")


class Estimation(NamedTuple):
    """How to calibrate: competencies of the bank, whether its parameters hold, fields of `MarginalML`."""

    dimensions: Literal["competencies", "clusters", "testlets"] | None = None
    anchors: bool = False
    limits: Mapping[str, Any] = MappingProxyType({})


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


MADE: Mapping[str, Callable[[Mapping[str, Any]], object]] = {  # parameters made of the options that are declared to be of them
    "terminal": lambda of: Terminal(**of),
    "layout": _layout,
    "estimation": lambda of: Estimation(of["dimensions"], of["anchors"], {k: of[k] for k in LIMITS if of[k] is not None}),
}
OF = {key: [name for name, option in toml_content("cli", "options").items() if option.get("of") == key] for key in MADE}


def _declared(name: str, kind: Any) -> Any:  # noqa: ANN401 - of typer, which reads both
    """Return the annotation of an option or, without a flag, an argument of this kind, as ``options.toml`` declares it."""
    declaration = toml_content("cli", "options")[name]
    facts = {key: fact for key, fact in declaration.items() if key not in NOT_FOR_TYPER}
    if "flag" in declaration:
        return cast("Any", Annotated)[kind, typer.Option(declaration["flag"], help=declaration["en"], **facts)]
    return cast("Any", Annotated)[kind, typer.Argument(help=declaration["en"], **facts)]


def _shared(name: str) -> inspect.Parameter:
    """Return an option that many commands have, declared in ``options.toml`` as a whole, as a parameter of a command."""
    declaration = toml_content("cli", "options")[name]
    choices, default = declaration.get("choices"), declaration.get("default")
    kind = cast("Any", Literal)[tuple(choices)] if choices else KINDS[declaration.get("kind", "text")]
    default = False if kind is bool else default
    annotation = _declared(name, kind | None if default is None else kind)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def command(app: typer.Typer, short_help: str, called: str | None = None, **declarations: str) -> Callable[[Command], Command]:
    """Return what adds a command to a program, its parameters declared in ``options.toml`` by their names or those given here.

    Every command has a language, and in place of each parameter of `MADE` the options of which it is made.
    """

    def add(function: Command) -> Command:
        signature = inspect.signature(function)
        made = {key: MADE[key] for key in MADE if key == "terminal" or key in signature.parameters}

        @wraps(function)
        def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options hold
            if given.get("out") and declarations.get("out") != "out_file":
                from competency_dx.reports import target_of

                target_of(given["out"])  # refused before anything is computed
            values = {key: make({option: given.pop(option) for option in OF[key]}) for key, make in made.items()}
            function(**given, **{key: x for key, x in values.items() if key in signature.parameters})

        parameters: list[inspect.Parameter] = []
        for p in signature.parameters.values():
            declared = [] if p.name in made else [p.replace(annotation=_declared(declarations.get(p.name, p.name), p.annotation))]
            parameters += declared or map(_shared, OF[p.name])
        if "terminal" not in signature.parameters:
            parameters.append(_shared("language"))
        run.__dict__["__signature__"] = signature.replace(parameters=parameters)  # which typer reads, as it does the next
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(called, short_help=short_help)(run)
        return function

    return add
