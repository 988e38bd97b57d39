"""The command line, from arguments to an exit code: every fault of the input is one sentence on stderr, never a traceback."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence

from competency_dx.errors import CompetencyDxError, require

BAD_INPUT, INTERRUPTED = 2, 130
SWITCHES = {
    "pii": "--drop-personal-data",
    "aliases": "--alias HEADING=ITEM",
    **{name: f"--{name}" for name in ("person", "form", "sheet", "attempts", "cells")},
}
"""What the command line has for the fields of a layout."""
NAME = "competency-dx"


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command, by the arguments of the process when None, and return its exit code.

    It is 0; 2 when the input or the command is at fault; 130 when interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot show a letter shows a question mark
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        import typer  # noqa: F401 - only whether it is there
    except ImportError:
        return _fault(str(require("typer", "cli", "competency-dx")))
    try:
        return _call(arguments or ["--help"])
    except KeyboardInterrupt:
        return INTERRUPTED
    except CompetencyDxError as fault:
        return _fault(re.sub(r"Layout\((\w+)=([^()]*)\)", _switch, str(fault)))
    except BrokenPipeError:
        return 0
    except OSError as fault:
        where = f"{fault.filename}: " if fault.filename else ""
        return _fault(f"{where}{fault.strerror or fault}; choose another file or folder, or change its permissions")


def _call(arguments: Sequence[str]) -> int:
    import typer

    from competency_dx.cli.app import app

    misuse: type[Exception] = typer.BadParameter.__mro__[2]  # ClickException, which typer does not export
    try:
        code = typer.main.get_command(app).main(args=list(arguments), prog_name=NAME, standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except misuse as fault:
        return _fault(_usage(fault))
    return code if isinstance(code, int) else 0


def _usage(fault: Exception) -> str:
    words = str(getattr(fault, "message", "") or fault).strip()
    told = getattr(fault, "format_message", lambda: words)()
    context = getattr(fault, "ctx", None)
    path = context.command_path if context is not None else NAME
    sentence = " ".join(told.replace("Value error, ", "").split()).rstrip(".")
    return f"{sentence}; see: {path} --help"


def _switch(match: re.Match[str]) -> str:
    """Return the switch in place of a field of the layout, with the value that the sentence gives."""
    name, given = match[1], match[2].strip("'")
    whole = name in {"pii", "aliases"} or given == "…"
    return match[0] if name not in SWITCHES else SWITCHES[name] if whole else f"{SWITCHES[name]} {given}"


def _fault(sentence: str) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return BAD_INPUT
