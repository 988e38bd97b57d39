"""Recovery study: do estimates find the truth, and do standard errors and intervals mean what they say.

python tests/recovery/study.py [--quick] [names ...]

Without names the whole study is run and docs/validation.md is written; with names those studies are run and printed, or
with --write put in their place on the page. --quick takes an eighth of the replications and prints.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
QUICK = 8


def arguments(given: list[str], known: list[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"some of: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="an eighth of the replications, printed only")
    parser.add_argument("--divisor", type=int, help="divide the replications by this number")
    parser.add_argument("--workers", type=int, help="processes; one a core by default")
    parser.add_argument("--write", action="store_true", help="write what was run into the page")
    out = parser.parse_args(given)
    unknown = [name for name in out.names if name not in known]
    if unknown:
        parser.error(f"there is no study {', '.join(unknown)}; choose from: {', '.join(known)}")
    return out


def merged(old: str, new: str) -> str:
    """Return the page with the sections, and the rows of the summary, that another one has anew."""
    (head, *before), (_, *after) = (page.split("\n## ") for page in (old, new))
    sections = {part.split("\n")[0]: part for part in before}
    summary = {tuple(line.split(" | ")[:2]): line for part in (before[0], after[0]) for line in part.strip().split("\n")}
    sections |= {part.split("\n")[0]: part for part in after}
    titles = [title for title in sections if title != "Summary"]
    lines = sorted((line for line in summary.values() if line.startswith("|")), key=lambda line: _place(line, titles))
    sections["Summary"] = "\n".join(["Summary\n", *lines, ""])
    return "\n## ".join([head, *(part.rstrip() + "\n" for part in sections.values())])


def _place(line: str, titles: list[str]) -> int:
    title = line.split(" | ", maxsplit=1)[0].removeprefix("| ")
    return titles.index(title) if title in titles else -1


def main() -> None:
    """Run the studies and write or print the page."""
    from importlib.metadata import version

    from recovery_study.diagnosis_page import section_of
    from recovery_study.report import page
    from recovery_study.run import Row, run
    from recovery_study.studies import studies

    asked = arguments(sys.argv[1:], list(studies()))
    divisor = asked.divisor or (QUICK if asked.quick else 1)
    names = asked.names or list(studies())
    rows: dict[str, list[Row]] = {name: [] for name in names}
    started = time.perf_counter()
    for name, found in run(names, divisor=divisor, workers=asked.workers):
        rows[name] += found
        design = found[0].design
        sys.stderr.write(f"{time.perf_counter() - started:7.0f} s  {name}: {design.label}, {design.persons} persons\n")
    fewer = "" if divisor == 1 else f", with 1/{divisor} of the replications of the whole study"
    text = page(studies(divisor), rows, f"competency_dx {version('competency_dx')}{fewer}")
    if asked.write or (divisor == 1 and not asked.names):
        before = PAGE.read_text(encoding="utf-8")
        kept = section_of(before)  # diagnosis_study.py writes it
        text = merged(before.removesuffix(kept), text) if asked.names else text
        PAGE.write_text("\n".join([text, kept] if kept else [text]), encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
