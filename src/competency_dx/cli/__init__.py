"""The command line: each command loads, calls one verb and writes."""

from competency_dx.cli.program import run

__all__ = ["run"]
