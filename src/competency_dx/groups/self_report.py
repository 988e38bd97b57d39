"""Statements about oneself: a graded scale of its own, compared between groups and never said of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from competency_dx.bank import ItemBank, load_bank, locate, shipped_folder
from competency_dx.competencies import DeficitRule, diagnosed, standards_of
from competency_dx.errors import GroupError
from competency_dx.groups.api import DRAWS, compare_groups
from competency_dx.groups.group_report import SELF_REPORT, GroupReport
from competency_dx.groups.suppression import SMALLEST
from competency_dx.persons import as_responses

MIDDLE = standards_of(SELF_REPORT)


def load_self_report(name_or_path: str | Path = "wellbeing") -> ItemBank:
    """Load a bank of statements about oneself: a shipped one by name, a folder by path; no verb says anything of a person by it.

    Raises `BankError` when there is no such bank or it is not well formed.
    """
    shipped = tuple(sorted(p.parent.name for p in (shipped_folder() / "surveys").glob("*/bank.yaml")))
    return load_bank(locate(name_or_path, within="surveys/{}", shipped=shipped, what="bank.what_bank"))


def compare_self_reports(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    by: str | Sequence[str],
    *,
    bank: ItemBank | None = None,
    headcount: Mapping[str, int] | None = None,
    weights: str | None = None,
    smallest: int = SMALLEST,
    draws: int = DRAWS,
) -> GroupReport:
    """Compare groups by what their members say of themselves: mean percent of each scale, and the share below its middle.

    Answers are scored by the graded model (Samejima 1969) of the bank and compared as `compare_groups` does, scale by scale: there
    is no total, nothing joins the competencies, and nothing about a person leaves this function.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Answers to the statements, with the background columns of `by`.
    by, headcount, weights, smallest, draws
        As in `compare_groups`; `smallest` is at least 10.
    bank : ItemBank, optional
        The statements; `load_self_report()` by default.

    Raises
    ------
    GroupError
        When the bank holds other items than statements about oneself, or `smallest` is below 10; and as `compare_groups`.
    """
    bank = load_self_report() if bank is None else bank
    if any(item.part != SELF_REPORT for item in bank.items):
        raise GroupError("groups.not_self_report", bank=bank.id)
    if smallest < SMALLEST:
        raise GroupError("groups.self_report_smallest", least=SMALLEST, smallest=smallest)
    data = as_responses(responses, bank)
    statements = tuple(item.model_copy(update={"part": None}) for item in bank.items)
    plain = replace(bank, items=statements, header=bank.header.model_copy(update={"forms": ()}))
    report = compare_groups(
        diagnosed(data, plain, MIDDLE, DeficitRule()), by, headcount=headcount, weights=weights, smallest=smallest, draws=draws
    )
    scales = np.array([c.parent is not None for c in report.competencies])
    kept = [c for c, scale in zip(report.competencies, scales, strict=True) if scale]
    arrays = ("percent", "percent_low", "percent_high", "share", "share_low", "share_high", "need_low", "need_high")
    return replace(report, competencies=tuple(kept), **{name: getattr(report, name)[:, scales] for name in arrays})
