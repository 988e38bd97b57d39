"""The regional study: `competency-dx demo --region` with other seeds, each conclusion against the truth.

python tests/recovery/region_study.py [--seeds 8] [--write]

Prints the section of docs/validation.md, or writes it. Reports are not written: they change no figure.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
TITLE, PERSONS, FIRST = "## The regional study", 2217, 100
INTRODUCTION = """\
`competency-dx demo --region` with {n} seeds (`python tests/recovery/region_study.py --write`): {persons:,} teachers and heads in
fourteen categories, 26 municipalities, three linked forms of the test of all and the forms of each category, two diagnoses a year
apart, a catalogue with seats. Item parameters differ from those of the banks as experts' judgement misses reality (SD .2 of log
slopes, .4 of difficulties) and are calibrated on the answers. A third of the teachers of two municipalities are assessed, the
abler ones; elsewhere 85 %, by lot, and shares are of all teachers there. In the largest category one key is wrong; one item of
the test of all is easier by 1.0 in the second year. ± is one Monte-Carlo standard error, from the spread over regions.

Where volunteers were assessed no interval can hold the share of all: a finding names these municipalities. Shares in the tests of
categories rest on item parameters from some 150 persons, whose error all of them share and whose intervals do not wholly contain
it (a finding says so of provisional items). Flags are announced by the same parameters. With the pages of all persons the demo
took 145 seconds by two processes, 281 of processor time. Two of 24 experts mark each work of the test of all,
and a careless one gives all criteria of a work one mark: of eight protocols drawn by themselves this expert was named in eight,
and nobody else, as the one whose marks agree with those of the others less than by five robust SDs."""
FIGURES = {
    "shares": ("shares with a deficit by municipality covered by their 95 % intervals, %", "93 to 97"),
    "volunteers": ("the same where volunteers were assessed, %", "named, not covered"),
    "categories": ("shares with a deficit in the tests of categories covered, %", ""),
    "changes": ("mean changes by programme covered, %", ""),
    "false": ("flags without a deficit behind them, %", "as announced"),
    "announced": ("the same as the profiles announce it, %", ""),
    "routes": ("points of true shortfall that the routes close in 100 hours", "above both"),
    "random": ("programmes at random, same hours and seats", ""),
    "course": ("the longest course for everybody, without regard to seats", ""),
    "seconds": ("seconds of one processor, without the pages", ""),
}
Outcome = tuple[dict[str, float], list[tuple[str, bool, int]]]


def outcome(seed: int) -> Outcome:
    """Return the figures of a region, and of each fault whether it was named and how much else was."""
    from recovery_study.regional_truth import compared

    import competency_dx_demo as demo
    from competency_dx.cli.terminal import Terminal
    from competency_dx_demo import whole_region

    begin, quiet = time.process_time(), io.StringIO()
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        for module in (whole_region, demo):
            stack.enter_context(patch.object(module, "report"))
        stack.enter_context(redirect_stderr(quiet))
        stack.enter_context(redirect_stdout(quiet))
        done = whole_region.run_region(Path(folder), persons=PERSONS, seed=seed, terminal=Terminal(language="en"), processes=1)
    took = time.process_time() - begin
    faults = [fault for subject in done[1] for fault in subject.faults]
    named = [(f.kind, {*f.planted} <= {*f.named}, len({*f.named} - {*f.planted})) for f in faults]
    figures = {**compared(*done), "seconds": took}
    sys.stderr.write(f"{seed}: {figures} {named}\n")
    return figures, named


def section(outcomes: Sequence[Outcome]) -> str:
    """Return the section of the page."""
    from competency_dx_demo.raw_answers import words

    n = len(outcomes)
    lines = [TITLE, "", INTRODUCTION.format(n=n, persons=PERSONS), ""]
    lines += ["| against the truth | mean | ± | goal |", "| --- | --- | --- | --- |"]
    for name, (label, goal) in FIGURES.items():
        x = np.array([figures[name] for figures, _ in outcomes])
        lines.append(f"| {label} | {x.mean():.1f} | {x.std(ddof=1) / np.sqrt(n):.1f} | {goal} |")
    lines += ["", "| planted | regions where it was named | other names, all regions |", "| --- | --- | --- |"]
    for kind, label in words("en")["faults"].items():
        rows = [(found, others) for _, named in outcomes for k, found, others in named if k == kind]
        if rows:
            lines.append(f"| {label} | {sum(found for found, _ in rows)} of {len(rows)} | {sum(others for _, others in rows)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Run the regions and write or print the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="write the section into the page")
    asked = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        text = section(list(pool.map(outcome, range(FIRST, FIRST + asked.seeds))))
    if asked.write:
        before = PAGE.read_text(encoding="utf-8").split(f"\n{TITLE}\n")[0]
        PAGE.write_text(f"{before.rstrip()}\n\n{text}", encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
