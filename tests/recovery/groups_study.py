"""How well shares and means of groups are covered: ``python tests/recovery/groups_study.py`` prints rows of docs/groups.md."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from recovery_study.diagnosis_run import _calibrated, diagnosed
from recovery_study.diagnosis_truth import _pattern, drawn_items, drawn_persons, layout

import competency_dx as cdx
from competency_dx.errors import CompetencyDxWarning

CONDITIONS: dict[str, dict[str, Any]] = {
    "calibrated items": {},
    "the same, all means lower by .7": {"mean": -0.7},
    "the same, groups alike": {"between": 0.0},
    "provisional items": {"calibrated": False},
}
GROUPS, REPLICATES = 20, 4


def figures(name: str, seed: int, *, mean: float = 0.0, between: float = 0.35, calibrated: bool = True) -> list[list[float]]:
    """Return a row per unit: whether it is a leaf, coverage and errors of shares, coverage of means."""
    bank, rng = cdx.load_bank(name), np.random.default_rng(seed)
    of, items = layout(bank), drawn_items(bank, rng, "bank")
    D, sizes = len(of.leaves), rng.integers(10, 60, GROUPS)
    group = np.repeat(np.arange(GROUPS), sizes)
    truths = []
    for n in sizes.tolist():
        shift = mean + between * rng.standard_normal() + 0.3 * between * rng.standard_normal(D)
        truths.append(drawn_persons(of, items, (shift, _pattern(np.zeros(D), 0.8, 0.8)), [True] * len(bank.items), n, rng))
    true, answers = (np.concatenate([getattr(t, part) for t in truths]) for part in ("percent", "answers"))
    profiles = diagnosed(_calibrated(bank, items) if calibrated else bank, answers, None, cdx.DeficitRule())
    profiles = replace(profiles, background={"group": np.array([f"g{g:02d}" for g in group], dtype=object)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CompetencyDxWarning)
        found = cdx.compare_groups(profiles, "group")
    rows = []
    for c, competency in enumerate(found.competencies):
        percent, n = true[:, of.units.index(competency.code)], np.bincount(group)
        share, mean_ = np.bincount(group, percent < 60) / n, np.bincount(group, percent) / n
        inside = (found.share_low[1:, c, 0] - 1e-9 <= share) & (share <= found.share_high[1:, c, 0] + 1e-9)
        held = (found.percent_low[1:, c] <= mean_) & (mean_ <= found.percent_high[1:, c])
        added = np.bincount(group, profiles.p_deficit[:, c]) / n
        errors = (float(np.abs(x - share).mean()) for x in (found.share[1:, c, 0], added))
        rows.append([float(competency.code in of.leaves), inside.mean(), *errors, held.mean()])
    return rows


def main() -> None:
    """Print the table."""
    for label, options in CONDITIONS.items():
        rows = np.array([r for name in ("mathematics", "physics") for s in range(REPLICATES) for r in figures(name, s, **options)])
        for leaf, units in enumerate(("whole and clusters", "domains")):
            _, share, error, added, mean = rows[rows[:, 0] == leaf].mean(axis=0)
            sys.stdout.write(f"| {label} | {units} | {share:.3f} | {error:.3f} | {added:.3f} | {mean:.3f} |\n")


if __name__ == "__main__":
    main()
