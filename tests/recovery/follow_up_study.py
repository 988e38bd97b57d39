"""Study of follow-up items: how many open domains they decide beside random ones, and how long adaptive tests are.

python tests/recovery/follow_up_study.py [--divisor N] [--write]

Persons and items with a known truth, as in the study of diagnosis, answer form A of each shipped bank; then 12 more items.
--write puts the tables into docs/follow_up.md.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import competency_dx as cdx
from competency_dx.competencies import STATUSES
from competency_dx.errors import CompetencyDxWarning

PAGE = Path(__file__).parents[2] / "docs" / "follow_up.md"
HEADING = "## What to expect"
PERSONS, REPLICATES, N_ITEMS = 10, 80, 12
WAYS = ("chosen for each person", "chosen as one form", "random for each person", "all that are left")
POOLS = {"as shipped": 1, "three times as many items": 3}
TENTHS = 10

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Counts(NamedTuple):
    """Domains by replicate (R,): open after the form; of these decided, falsely decided; decided ones gained in all."""

    open: Floats
    decided: Floats
    false: Floats
    gained: Floats


def larger(bank: cdx.ItemBank, times: int) -> cdx.ItemBank:
    """Return the bank with further items of the same kind, difficulties moved by up to half a logit; percent as before."""
    if times == 1:
        return bank
    copies, records = list(bank.items), list(bank.parameters)
    rng = np.random.default_rng(7)
    for k in range(1, times):
        copies += [item.model_copy(update={"id": f"{item.id}-{k}", "stem": f"{k}. {item.stem}"}) for item in bank.items]
        for record in bank.parameters:
            moved = tuple(float(b) for b in np.asarray(record.b) + rng.uniform(-0.5, 0.5))
            records.append(record.model_copy(update={"item": f"{record.item}-{k}", "b": moved}))
    header = bank.header.model_copy(update={"reference_set": bank.reference_set})
    return replace(bank, header=header, items=tuple(copies), parameters=tuple(records))


def counts(name: str, times: int, replicates: int) -> Mapping[str, Counts]:
    """Return what each way of choosing the further items decides on one bank."""
    from recovery_study.diagnosis_run import diagnosed, generator
    from recovery_study.diagnosis_truth import CUT, drawn_items, drawn_persons, equal, layout

    bank = larger(cdx.load_bank(name), times)
    of, rule = layout(bank), cdx.DeficitRule()
    reference = np.isin([item.id for item in bank.items], bank.reference_set)
    of = of._replace(inside=of.inside & reference)
    population = np.zeros(len(of.leaves)), equal(0.8)(of, np.random.default_rng(0))
    everyone = [True] * len(bank.items)
    drawn = []
    for r in range(replicates):
        rng = generator("follow-up", name, r)
        drawn.append(drawn_persons(of, drawn_items(bank, rng, "bank"), population, everyone, PERSONS, rng))
    answers, percent = (np.concatenate([getattr(truth, part) for truth in drawn]) for part in ("answers", "percent"))
    form = np.isin([item.id for item in bank.items], bank.form("A").items)
    before = diagnosed(bank, np.where(form, answers, np.nan), None, rule)
    leaves = [before.index(code) for code in of.leaves]
    deficit = percent[:, [of.units.index(code) for code in of.leaves]] < CUT
    out = {}
    for way in WAYS:
        asked = form | _further(way, before, bank, form)
        after = diagnosed(bank, np.where(asked, answers, np.nan), None, rule)
        out[way] = _counted(_decided(before, leaves), _decided(after, leaves), after.p_deficit[:, leaves], deficit)
    return out


def _further(way: str, profiles: cdx.DeficitProfiles, bank: cdx.ItemBank, form: Bools) -> Bools:
    """Return which further items each person is asked (P, I)."""
    shape = len(profiles), len(form)
    if way == "all that are left":
        return np.broadcast_to(~form, shape)
    out = np.zeros(shape, dtype=np.bool_)
    if way == "random for each person":
        order = np.argsort(np.random.default_rng(11).random(shape) + form, axis=1)[:, :N_ITEMS]
        np.put_along_axis(out, order, values=True, axis=1)
        return out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        items = cdx.next_items(profiles, bank, n=N_ITEMS, form="person" if way == WAYS[0] else "group")
    place = {item.id: k for k, item in enumerate(bank.items)}
    columns = np.array([place[q.item] for q in items.questions])
    row, at = np.nonzero(items.chosen >= 0)
    out[row, columns[items.chosen[row, at]]] = True
    return out


def _decided(profiles: cdx.DeficitProfiles, leaves: Sequence[int]) -> Bools:
    """Return the domains (P, D) that are concluded on with P(deficit) of .8 and more or .2 and less."""
    p = profiles.p_deficit[:, leaves]
    out: Bools = (np.maximum(p, 1 - p) >= 0.8) & (profiles.status[:, leaves] == STATUSES.index("reported"))
    return out


def _counted(before: Bools, after: Bools, p: Floats, deficit: Bools) -> Counts:
    fresh = after & ~before

    def by_replicate(cells: NDArray[np.number] | Bools) -> Floats:
        out: Floats = np.asarray(cells, dtype=np.float64).sum(axis=1).reshape(-1, PERSONS).sum(axis=1)
        return out

    false = fresh & ((p > 0.5) != deficit)
    gained = after.astype(np.int64) - before.astype(np.int64)
    return Counts(by_replicate(~before), by_replicate(fresh), by_replicate(false), by_replicate(gained))


def table(found: Mapping[tuple[str, str], Mapping[str, Counts]]) -> list[str]:
    """Return the rows of the table: shares of the open domains, in percent, and ratios to random items."""
    head = "| bank, items | open | way | decided | error | open ones fewer | decided, ratio | fewer, ratio |"
    out = [head, "| --- " * (head.count("|") - 1) + "|"]
    for (bank, pool), ways in found.items():
        random = ways["random for each person"]
        for way, got in ways.items():
            cells = [
                f"{bank}, {pool}" if way == WAYS[0] else "",
                f"{got.open.sum() / (len(got.open) * PERSONS):.1f}" if way == WAYS[0] else "",
                way,
                f"{100 * got.decided.sum() / got.open.sum():.1f} %",
                f"{100 * got.false.sum() / got.decided.sum():.1f} %",
                f"{100 * got.gained.sum() / got.open.sum():.1f} %",
                _ratio(got.decided, random.decided),
                _ratio(got.gained, random.gained),
            ]
            out.append(f"| {' | '.join(cells)} |")
    return out


def _ratio(mine: Floats, other: Floats) -> str:
    """Return a ratio of sums with its standard error, from leaving out a tenth of the replicates at a time."""
    if mine is other:
        return "1"
    parts = np.arange(len(mine)) % TENTHS
    left = np.array([mine[parts != k].sum() / other[parts != k].sum() for k in range(TENTHS)])
    error = np.sqrt((TENTHS - 1) / TENTHS * ((left - left.mean()) ** 2).sum())
    return f"{mine.sum() / other.sum():.2f} ± {error:.2f}"


def adaptive(names: Sequence[str], persons: int) -> list[str]:
    """Return a table of adaptive tests: by way of choosing, the share decided after 12 and 24 items and the items needed."""
    head = "| bank | way | decided after 12 | after 24 | false among them | RMSE of θ | items for what random ones decide in 24 |"
    out = [head, "| --- " * (head.count("|") - 1) + "|"]
    for name in names:
        found = cdx.adaptive.simulate_adaptive(cdx.load_bank(name), persons, rng=np.random.default_rng(5))
        target = found.decided[found.strategies.index("random"), -1]
        for s, way in enumerate(found.strategies):
            needed = int((found.decided[s] >= target).argmax()) if (found.decided[s] >= target).any() else None
            cells = [
                name if s == 0 else "",
                way.replace("_", " "),
                f"{100 * found.decided[s, 12]:.0f} %",
                f"{100 * found.decided[s, 24]:.0f} %",
                f"{100 * found.false[s, 24]:.1f} %",
                f"{found.rmse[s, 24]:.2f}",
                "more than 24" if needed is None else str(needed),
            ]
            out.append(f"| {' | '.join(cells)} |")
    return out


def section(divisor: int = 1) -> str:
    """Run the study and return the section of the page."""
    from recovery_study.diagnosis_run import BANKS

    found, started = {}, time.perf_counter()
    replicates = max(TENTHS, REPLICATES // divisor)
    for pool, times in POOLS.items():
        for name in BANKS:
            found[name, pool] = counts(name, times, replicates)
            sys.stderr.write(f"{time.perf_counter() - started:7.0f} s  {name}, {pool}\n")
    persons = max(60, 300 // divisor)
    sequences = adaptive(BANKS, persons)
    return f"""{HEADING}

{replicates * PERSONS:,} persons a bank, θ of all domains correlated .8, true items drawn from what the bank says of them (all
provisional); written by `python tests/recovery/follow_up_study.py --write`. They answer the 32 items of form A, then 12 more.
*Open*: domains of a person that are not concluded on with P(deficit) of at least .8 or at most .2. *Decided*: the share of these
that are decided then; *error*: false ones among them. *Fewer*: by how much open domains get fewer, those counted that open
up again. Ratios are to random items, ± one Monte-Carlo standard error. The shipped banks have 32 items left, of which at most
12 are asked: the last line of each bank shows what all 32 would do, and no choice of 12 decides much more: there the pool and
not the choice bounds the ratio. With three times as many
items (the same domains, difficulties moved, percent on the same reference set) there is something to choose from. Choosing by
the expected number of conclusions in place of the expected loss was tried and decides no more (ratios lower by 0.01 to 0.05).

{chr(10).join(table(found))}

Adaptive tests from nothing, {persons} persons, 24 items at most; *expected loss* is `next_items` one item at a time,
*information* the item of most information at the estimate of θ:

{chr(10).join(sequences)}
"""


def main() -> None:
    """Run the study and write or print the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--divisor", type=int, default=1, help="divide the replicates by this number")
    parser.add_argument("--write", action="store_true", help="write the section of the page")
    asked = parser.parse_args()
    text = section(asked.divisor)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8").partition(f"\n{HEADING}\n")[0].rstrip()
        PAGE.write_text(f"{page}\n\n{text}", encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
