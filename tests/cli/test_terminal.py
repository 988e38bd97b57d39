"""Messages: one language, folded lines, findings once, progress that behaves where nobody watches."""

from __future__ import annotations

import sys
import time
import warnings
from types import SimpleNamespace

import pytest

from competency_dx.cli.terminal import Terminal, folded, heard, table_lines
from competency_dx.findings import Finding, announce

FOUND = Finding(code="x.y", severity="warning", ru="Так бывает.", en="This happens.", scope=("a", "b"))
NOTED = Finding(code="x.z", severity="info", ru="Между прочим.", en="By the way.")


def test_findings_are_told_in_the_language_and_information_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(language="ru").findings([FOUND, FOUND, NOTED])
    Terminal(language="en").findings([FOUND])
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["!  Так бывает.", "!  This happens."]


def test_warnings_become_lines_and_nothing_is_told_twice(capsys: pytest.CaptureFixture[str]) -> None:
    def verb() -> SimpleNamespace:
        announce([FOUND, inner, inner])
        return SimpleNamespace(findings=(FOUND,))

    inner = Finding(code="x.z", severity="warning", ru="Внутри.", en="Within.")  # of a verb that this one called
    heard(Terminal(language="ru"), verb)
    assert capsys.readouterr().err.splitlines() == ["!  Так бывает.", "!  Внутри."]
    narrower = Finding(code="x.y", severity="warning", ru="Ещё.", en="More.", scope=("a",))
    heard(Terminal(language="ru"), lambda: SimpleNamespace(findings=(narrower,)), known=[FOUND])
    assert capsys.readouterr().err == ""


def test_warnings_of_others_are_passed_on() -> None:
    def verb() -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=2)

    with pytest.warns(DeprecationWarning, match="old"):
        heard(Terminal(language="en"), verb)


def test_a_log_file_gets_only_the_end_of_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(language="en").stage("Work") as show:
        show("7")
    err = capsys.readouterr().err
    assert err.startswith("Work: ")
    assert err.count("\n") == 1
    assert "\r" not in err


def test_a_terminal_line_is_written_over_and_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    with Terminal(language="en").stage("Work") as show:
        time.sleep(0.1)
        show("x" * 100)
    shown = capsys.readouterr().err
    _, begun, first, second = shown.split("\r\x1b[K")
    assert begun == "Work: …"
    assert len(first) == 39
    assert second == "Work: 0.1 s\n"


def test_a_stage_that_fails_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), Terminal(language="en").stage(""):
        raise ValueError("no")
    assert capsys.readouterr().err == ""


def test_lines_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = folded("слово " * 40, indent=4, hang=2)
    assert max(map(len, lines)) <= 60
    assert lines[1].startswith("      слово")


def test_tables_are_aligned() -> None:
    assert table_lines(("код", "n"), [("а", "10"), ("бвгд", "5")], texts=1) == ["код    n", "а     10", "бвгд   5"]
