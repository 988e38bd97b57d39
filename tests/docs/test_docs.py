"""The pages tell the truth: Python runs, outputs shown are real, links lead somewhere, commands stand as promised."""

from __future__ import annotations

import contextlib
import io
import pkgutil
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from competency_dx import CompetencyDxWarning

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DEMO_COMMAND = 'python3 -m venv .venv && .venv/bin/pip install ".[all]" && .venv/bin/competency-dx demo'
TEST_COMMAND = 'python3 -m venv .venv && .venv/bin/pip install ".[test]" && .venv/bin/pytest'

FENCE = re.compile(r"^```(\{[\w-]+\}|\w*)[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


class Block(NamedTuple):
    """A Python block, the line it starts on, and the output shown right below it, if any."""

    code: str
    line: int
    shown: str | None


def pages() -> list[Path]:
    """Return the pages at the root of the repository and every page of docs."""
    found = [p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts]
    return [README, *(ROOT / f"{name}.md" for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY")), *sorted(found)]


def blocks(text: str) -> Iterator[Block]:
    """Yield the Python blocks of a page with the text block that follows each directly."""
    found = list(FENCE.finditer(text))
    for k, match in enumerate(found):
        if match[1] != "python":
            continue
        after = found[k + 1] if k + 1 < len(found) else None
        follows = after is not None and after[1] == "text" and not text[match.end() : after.start()].strip()
        shown = after[2] if after is not None and follows else None
        yield Block(match[2], text[: match.start()].count("\n") + 2, shown)


def without_code(text: str) -> str:
    """Return a page without fenced blocks and inline code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings as GitHub and MyST make them."""
    plain = (re.sub(r"[`*]|\[|\]\([^)]*\)", "", h) for h in HEADING.findall(FENCE.sub("", text)))
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", h.lower())) for h in plain}


def lines(text: str) -> list[str]:
    """Return the lines of an output without spaces at their ends."""
    return [line.rstrip() for line in text.strip("\n").splitlines()]


WITH_CODE = [p for p in pages() if any(blocks(p.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_python_blocks_run_and_print_what_is_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page.read_text(encoding="utf-8")):
        place = f"{page.relative_to(ROOT)}:{block.line}"
        printed = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
            warnings.simplefilter("ignore", CompetencyDxWarning)
            warnings.simplefilter("ignore", ResourceWarning)
            exec(compile(block.code, place, "exec"), namespace)
        if block.shown is not None:
            assert lines(printed.getvalue()) == lines(block.shown), place


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: Path) -> None:
    broken = []
    for target in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            broken.append(target)
    assert not broken


def test_readme_has_the_two_commands_in_order() -> None:
    commands = [body.strip() for language, body in FENCE.findall(README.read_text(encoding="utf-8")) if language == "sh"]
    assert commands[:2] == [DEMO_COMMAND, TEST_COMMAND]


def test_what_contributing_says_to_copy_is_there() -> None:
    rows = re.findall(r"^\| an? .*\|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 10
    for row in rows:
        what, copy, _ = row.strip("|").split("|")
        for name, path in re.findall(r"(?:`(\w+)` in )?`([\w./-]+/[\w./-]+)`", copy):
            file = ROOT / path
            assert file.exists(), what
            assert not name or re.search(rf"^(class|def) {name}\b", file.read_text(encoding="utf-8"), re.MULTILINE), what


def test_the_tasks_that_pages_name_exist() -> None:
    tasks = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in (ROOT / "CONTRIBUTING.md", ROOT / "docs" / "contributing.md", ROOT / ".github" / "workflows" / "ci.yml"):
        named = re.findall(r"(?:^|`|run: )make (\w+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert named, page
        assert set(named) <= tasks, page


def test_continuous_integration_runs_the_readmes_test_command() -> None:
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_page_is_in_a_table_of_contents_and_every_entry_is_a_page() -> None:
    listed = set()
    for page in pages():
        for kind, body in FENCE.findall(page.read_text(encoding="utf-8")):
            if kind == "{toctree}":
                names = [n.strip() for n in body.split("\n") if n.strip() and not n.startswith(":")]
                listed |= {page.parent / f"{name}.md" for name in names}
    docs = {p for p in pages() if p.is_relative_to(ROOT / "docs")}
    written_by_a_command = ROOT / "docs" / "benchmarks.md"
    assert listed - {written_by_a_command} == docs - {written_by_a_command, ROOT / "docs" / "index.md"}


def test_what_the_reference_describes_is_there() -> None:
    named = {
        n for p in (ROOT / "docs" / "reference").glob("*.md") for n in re.findall(r"auto\w+:: ([\w.]+)", p.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    for name in sorted(named):
        pkgutil.resolve_name(name)
