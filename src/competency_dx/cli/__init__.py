"""The command line, from arguments to an exit code: every fault of the input is one sentence on stderr, never a traceback."""

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from competency_dx.cli.terminal import LanguageCode, every_command, help_in, help_page_in, in_switches, language_of, pointed, usage_in
from competency_dx.display import result_words
from competency_dx.errors import CommandError, CompetencyDxError, needing
from competency_dx.storage import why_of
from competency_dx.wording import SPELLING

BAD_INPUT, INTERRUPTED = 2, 130
NAME = "competency-dx"


def run(argv: Sequence[str] | None = None) -> int:
    """Run a command, by the arguments of the process when None; returns 0, 2 where input or command are at fault, 130 when stopped."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    language = language_of(arguments)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot show a letter shows a question mark
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    spelling = SPELLING.set(in_switches)
    try:
        with needing("typer", "cli", "competency-dx"):
            import typer  # noqa: F401 - only whether it is there
        return _call(arguments or ["--help"], language)
    except KeyboardInterrupt:
        return INTERRUPTED
    except CompetencyDxError as fault:
        return _fault(fault.text(language))
    except BrokenPipeError:
        return 0
    except OSError as fault:
        return _fault(CommandError("cli.system", path=fault.filename or "", why=why_of(fault)).text(language).removeprefix(": "))
    finally:
        SPELLING.reset(spelling)


def _call(arguments: Sequence[str], language: LanguageCode) -> int:
    import typer

    from competency_dx.cli.app import app
    from competency_dx.cli.terminal import in_own_switches

    misuse: Any = typer.BadParameter.__mro__[2]  # ClickException, which typer does not export
    command, page = typer.main.get_command(app), io.StringIO()
    help_in(language, command)
    try:
        if asked := {"-h", "--help"} & set(arguments):
            names = {name for part in every_command(command) for name in getattr(part, "commands", ())}
            arguments = [a for a in arguments if a in asked or a in names]
            with redirect_stdout(page):
                command.main(args=list(arguments), prog_name=NAME, standalone_mode=False)
            print(help_page_in(language, page.getvalue()), end="")
            return 0
        code = command.main(args=pointed(arguments), prog_name=NAME, standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except CompetencyDxError as fault:
        return _fault(in_own_switches(language, fault.text(language), command, arguments))
    except misuse as fault:
        told, context = fault.format_message(), getattr(fault, "ctx", None)
        sentence = usage_in(language, " ".join(told.replace("Value error, ", "").split()).rstrip("."))
        path = context.command_path if context is not None else NAME
        return _fault(result_words("cli", language)("see", sentence=sentence, path=path))
    return code if isinstance(code, int) else 0


def _fault(sentence: str) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return BAD_INPUT
