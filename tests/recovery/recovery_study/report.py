"""The page: figures as tables, each held against its goal with the Monte-Carlo error in view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from recovery_study.design import SEED, Study
from recovery_study.run import ABILITY, Row

Verdict = Literal["met", "met within error", "too narrow", "too wide", "biased", "contrast", "–"]
MISSED: tuple[Verdict, ...] = ("too narrow", "too wide", "biased")
RATIO = 0.05
COVERAGE = (0.93, 0.97)
ABILITY_COVERAGE = (0.94, 0.96)
LONG_BIAS = 0.01
CONTRAST = "for contrast"
ERRORS = 2.0  # Monte-Carlo errors a figure may lie beyond its goal
HEAD = """# Validation

Do estimates find the truth, and do standard errors and intervals mean what they say? Written by
`python tests/recovery/study.py`, never by hand; `pytest -m recovery` asserts a part of it.

Answers are drawn from known parameters by code that shares nothing with the package, calibrated by `calibrate` and scored by
`score`, many times over. A row pools the parameters of a kind: `a` slopes, `d` step intercepts, `logit_c` and `logit_u`
asymptotes, `t` common thresholds, the others parameters of the population.

- **bias**, **RMSE**: in the unit of the parameter; for slopes also the bias in per cent of the mean slope.
- **SE ÷ SD**: mean standard error over the SD of the errors of estimation, averaged over the parameters. Goal 0.95 to 1.05.
- **coverage**: share of the intervals estimate ± 1.96 SE that hold the truth. Goal 93 to 97 %; for abilities on long tests 94 to
  96 %.
- **θ (EAP)**: abilities with the uncertainty of the item parameters carried; their ratio is RMS of SE over RMSE.
- ± is one Monte-Carlo standard error, from the spread over replications. *Met within error*: beyond the goal by less than two
  of these. **Too narrow**, **too wide**: intervals that miss the goal by more; a few rows in a hundred do by chance alone.
- **not converged**: replications, of all, that ended in a `ConvergenceError`, and after + those refused by a
  `CalibrationError`. The figures rest on the others. **absent**: estimates, of all, that an item does not have because nobody
  earned one of its scores.
"""


def page(studies: Mapping[str, Study], rows: Mapping[str, Sequence[Row]], made_by: str) -> str:
    """Return the whole page in Markdown; `made_by` says with what."""
    parts = [HEAD, f"{made_by}, seed {SEED}.\n", "## Summary\n", _summary(studies, rows)]
    for name, own in rows.items():
        parts += [f"\n## {studies[name].title}\n", f"{studies[name].text}\n", table(own)]
    return "\n".join(parts).rstrip() + "\n"


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    out = [
        "| design | persons | priors | replications | not converged | parameter | bias | RMSE | SE ÷ SD | coverage, % | goal |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*out, *(_line(row) for row in rows)])


def _line(row: Row) -> str:
    design = row.design
    failed = f"{row.unconverged}" + (f" + {row.refused}" if row.refused else "")
    lacking = f" ({100 * row.absent:.1f} % absent)" if row.absent > 0 else ""
    share = f" ({100 * row.relative:+.1f} %)" if row.kind == "a" and np.isfinite(row.relative) else ""
    said = verdict(row)
    cells = [
        design.label,
        f"{design.persons}",
        design.priors or "none",
        f"{design.replications}",
        failed,
        f"{row.kind}{lacking}",
        f"{_number(row.bias, '+.3f')}{share}",
        _number(row.rmse, ".3f"),
        _with_error(row.ratio, 1, ".3f"),
        _with_error(row.coverage, 100, ".1f"),
        f"**{said}**" if said in MISSED else said,
    ]
    return f"| {' | '.join(cells)} |"


def _number(x: float, form: str) -> str:
    return format(x, form) if np.isfinite(x) else "–"


def _with_error(x: tuple[float, float], scale: float, form: str) -> str:
    return f"{scale * x[0]:{form}} ± {scale * x[1]:{form}}" if np.isfinite(x[0]) else "–"


def verdict(row: Row) -> Verdict:
    """Return whether ratio and coverage of a row lie within their goals, and on which side they do not."""
    if not np.isfinite(row.coverage[0]):
        return "–"
    ability = row.kind == ABILITY
    low, high = ABILITY_COVERAGE if ability and " items" in row.design.label else COVERAGE
    if CONTRAST in row.design.label:
        return "contrast"
    if row.kind == "a" and " items" in row.design.label and abs(row.relative) > LONG_BIAS:
        return "biased"
    (share, error), (ratio, ratio_error) = row.coverage, row.ratio
    narrow, wide = [(low - share, error)], [(share - high, error)]
    if np.isfinite(ratio) and not ability:
        narrow.append((1 - RATIO - ratio, ratio_error))
        wide.append((ratio - 1 - RATIO, ratio_error))
    if all(distance <= 0 for distance, _ in narrow + wide):
        return "met"
    if any(distance > ERRORS * error for distance, error in narrow):
        return "too narrow"
    return "too wide" if any(distance > ERRORS * error for distance, error in wide) else "met within error"


def _summary(studies: Mapping[str, Study], rows: Mapping[str, Sequence[Row]]) -> str:
    """Return the rows that meet their goals, counted by study and priors, and those that do not, named."""
    out = [
        "| study | priors | rows | met | within error | too narrow | too wide | biased | not converged |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, own in rows.items():
        for priors in (None, "weak"):
            some = [row for row in own if row.design.priors == priors and CONTRAST not in row.design.label]
            if not some:
                continue
            said = [verdict(row) for row in some]
            counts = [str(sum(v == one for one in said)) for v in ("met", "met within error", *MISSED)]
            cells = [studies[name].title, priors or "none", str(len(some)), *counts, _failed(some)]
            out.append(f"| {' | '.join(cells)} |")
    return "\n".join(out)


def _failed(rows: Sequence[Row]) -> str:
    one_each = {id(row.design): row for row in rows}.values()
    failed = sum(row.unconverged + row.refused for row in one_each)
    total = sum(row.design.replications for row in one_each)
    return f"{100 * failed / total:.1f} %"
