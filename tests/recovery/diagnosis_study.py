"""Study of diagnosis: what the joint posterior decides, and whether its probabilities and intervals come true.

python tests/recovery/diagnosis_study.py [--quick] [labels ...]

Without labels the whole study is run and the section on diagnosis of docs/validation.md is written; with parts of labels those
conditions are run and printed. --quick takes an eighth of the replicates and prints.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
PERSONS, REPLICATES = 25, 60
APART = {"persons": 300, "replicates": 3}  # where each replicate is a diagnosis of its own
QUICK = 8


def main() -> None:
    """Run the conditions and write or print the section."""
    from importlib.metadata import version

    from recovery_study.diagnosis_conditions import CONDITIONS
    from recovery_study.diagnosis_figures import Figure, figures
    from recovery_study.diagnosis_page import section, with_section
    from recovery_study.diagnosis_run import BANKS, Condition, joined, said

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", nargs="*", help="parts of the labels of conditions")
    parser.add_argument("--quick", action="store_true", help="an eighth of the replicates, printed only")
    parser.add_argument("--divisor", type=int, help="divide the replicates by this number")
    parser.add_argument("--write", action="store_true", help="write the section whatever was run")
    asked = parser.parse_args()
    divisor = asked.divisor or (QUICK if asked.quick else 1)
    chosen = [c for c in CONDITIONS if not asked.labels or any(part in c.label for part in asked.labels)]
    rows: dict[Condition, dict[str, Figure]] = {}
    by_bank: dict[str, Mapping[str, Figure]] = {}
    started = time.perf_counter()
    for condition in chosen:
        persons, replicates = (APART["persons"], APART["replicates"]) if condition.apart else (PERSONS, REPLICATES)
        parts = {name: said(condition, name, max(2, replicates // divisor), persons) for name in BANKS}
        n = len(BANKS) * max(2, replicates // divisor) * persons
        rows[condition] = {**figures(joined(list(parts.values()))), "persons": Figure(n, 0.0)}
        by_bank = by_bank or {name: figures(part) for name, part in parts.items()}
        sys.stderr.write(f"{time.perf_counter() - started:7.0f} s  {condition.label}, {n} persons\n")
    fewer = "" if divisor == 1 else f", with 1/{divisor} of the replicates of the whole study"
    text = section(rows, by_bank, f"competency_dx {version('competency_dx')}{fewer}.")
    if asked.write or (divisor == 1 and not asked.labels):
        PAGE.write_text(with_section(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
