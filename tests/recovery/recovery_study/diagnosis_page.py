"""The section on diagnosis of docs/validation.md: figures as tables, each held against its goal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recovery_study.diagnosis_conditions import DECISIONS, GOALS, REPORTED, Bounds
from recovery_study.diagnosis_figures import Figure
from recovery_study.diagnosis_run import Condition

HEADING = "## Diagnosis"
ERRORS = 2.0  # Monte-Carlo errors a figure may lie beyond its goal
TEXT = """Persons with known θ answer the shipped banks of mathematics, physics and history, form A of 32 items or 48 items (form
A and every second item of form B), and `diagnose` says what they lack. Written by `python tests/recovery/diagnosis_study.py`.

θ of the domains is normal, every correlation .8 where a row does not say otherwise (the banks state .8 within and .75 between
clusters, each with a standard error of .25 of Fisher's z). True items are drawn from what the bank says of them, every number
normal with its standard error, anew in each replicate; *calibrated* means that diagnosis has the true items. A domain is truly
deficient when its expected percent on the reference set, under the true items and θ, is below 60. Answers and truth come from
code that shares nothing with the package. ± is one Monte-Carlo standard error, from leaving out a tenth of the replicates at a
time; **bold** figures miss their goal by more than two of these."""
DECIDED = """
### What is decided

Domains with at least three answered items. *Reported*: a state other than `insufficient_data` (goal 90 %). *Decided*: P(deficit)
at least .8 or at most .2; *error*: wrong ones among the decided. *Separate*: the same answers with all correlations 0. *Joint at
its error*: the share that the joint posterior decides when as many of its decisions may be wrong. Goals: 48 items 66 % at 6 %
and 75 % at equal error, the form of 32 60 % at 7 %, calibrated 80 % at equal error."""
TRUE = """
### What comes true

*ECE*: mean distance between P(deficit) and the frequency of deficits over ten bins (goal at most .02 where the model is right and
with `Cohort()`). *Coverage* of the 95 % intervals of percent (goal 93 to 97 % where the model is wrong). *False*: share of
confirmed deficits of all units that are none; *stated*: what the profiles expect of it (goal at most .03 more). *Bias* of
percent, as a share of 1 (goal .02 where omissions are modelled). Three figures are those of domains / clusters / the whole test;
the last two are from a few hundred to a few thousand persons, so some .01 of their ECE is chance."""


def section(rows: Mapping[Condition, Mapping[str, Figure]], by_bank: Mapping[str, Mapping[str, Figure]], made_by: str) -> str:
    """Return the section in Markdown; `by_bank` are the figures of the first condition by bank."""
    decided = [_decided(c.label, f, {**DECISIONS.get(c.label, {}), **REPORTED}) for c, f in rows.items()]
    first = next(iter(rows)).label
    decided[1:1] = [_decided(f"{first}: {bank}", found, {}) for bank, found in by_bank.items()]
    head = "| condition | reported | decided | error | separate: decided | error | joint at its error |"
    return (
        "\n".join(
            [
                f"{HEADING}\n",
                TEXT,
                f"\n{made_by}",
                DECIDED,
                "",
                *_table(head, decided),
                TRUE,
                "",
                *_table(
                    "| condition | persons | ECE | coverage, % | bias | confirmed domains | false | stated |",
                    [_came_true(c, f) for c, f in rows.items()],
                ),
            ]
        )
        + "\n"
    )


def with_section(page: str, text: str) -> str:
    """Return the page with its section on diagnosis replaced."""
    kept = section_of(page)
    _, mark, others = kept.partition("\n## ")  # region_study.py writes what follows
    return page.removesuffix(kept).rstrip() + "\n\n" + text.rstrip() + "\n" + (mark + others)


def section_of(page: str) -> str:
    """Return the sections of a page from that on diagnosis on, "" where it has none."""
    _, heading, rest = page.partition(f"\n{HEADING}\n")
    return heading.lstrip() + rest


def _table(head: str, rows: Sequence[str]) -> list[str]:
    return [head, "| --- " * (head.count("|") - 1) + "|", *rows]


def _decided(label: str, found: Mapping[str, Figure], goals: Bounds) -> str:
    names = ("reported", "decided", "error", "separate", "separate_error", "at_equal")
    return f"| {label} | " + " | ".join(_percent(found, name, goals) for name in names) + " |"


def _came_true(condition: Condition, found: Mapping[str, Figure]) -> str:
    goals = GOALS[condition.kind]

    def three(name: str, form: str, scale: float = 1) -> str:
        cells = []
        for level in ("leaves", "clusters", "total"):
            x = found[f"{name}_{level}"]
            cells.append(_bold(f"{scale * x.value:{form}}", x, goals.get(f"{name}_{level}")))
        return " / ".join(cells)

    false, excess = found["false"], found["excess"]
    cells = [
        condition.label,
        f"{found['persons'].value:.0f}",
        three("ece", ".3f"),
        three("coverage", ".1f", 100),
        three("bias", "+.3f"),
        _percent(found, "confirmed", {}),
        _bold(f"{false.value:.3f} ± {false.error:.3f}", excess, goals.get("excess")),
        f"{found['stated'].value:.3f}",
    ]
    return f"| {' | '.join(cells)} |"


def _percent(found: Mapping[str, Figure], name: str, goals: Bounds) -> str:
    x = found[name]
    return _bold(f"{100 * x.value:.1f} ± {100 * x.error:.1f} %", x, goals.get(name))


def _bold(text: str, x: Figure, goal: tuple[float, float] | None) -> str:
    if goal is None:
        return text
    beyond = max(goal[0] - x.value, x.value - goal[1])
    return f"**{text}**" if beyond > ERRORS * x.error else text
