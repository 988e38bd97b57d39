"""`compare_groups`: a hierarchy of groups from the profiles of their persons; `compare_self_reports`: from statements about oneself.

Such statements are a graded scale of its own, compared between groups and never said of a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, Names
from competency_dx.bank import ItemBank, load_bank, locate, shipped_folder
from competency_dx.competencies import DeficitProfiles, DeficitRule, OwnEvidence, diagnosed, own_evidence, standards_of
from competency_dx.errors import GroupError, checked
from competency_dx.findings import Finding, Template, announce
from competency_dx.groups.group_report import ALL, ENDS, SEPARATOR, GroupReport
from competency_dx.groups.suppression import SMALLEST, Suppression, effective, suppressed
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.two_level import group_draws, newcomers, person_draws
from competency_dx.provenance import SELF_REPORT, provenance
from competency_dx.responses import load_responses

DRAWS = 400
INTERVAL = 0.95
HALF = 0.5
WITHIN = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35)
"""Scales of the covariance within groups beside that of the population."""
BETWEEN = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.1)
"""SDs between groups, beside none."""
OF_LEAVES = 0.6
"""SD, before the answers, of what the mean of all in a leaf has beyond the other leaves; what leaves share is free."""
SHARED = (0.5, 0.8, 0.95)
"""Parts of the variance between groups that all leaves share."""
NEWCOMERS = 256
BLANK = "—"
LOOSE = re.compile(r"(?<![^ ])/+|/+(?![^ ])")
"""Slashes of a label that stand apart, as those between labels do: one more is written, so that no two groups have one name."""
SEED = 20261129


class _Hierarchy(NamedTuple):
    """Names, levels (R,) and members (R, P) of the groups, the whole first; the narrowest group of each person (P,)."""

    names: tuple[str, ...]
    level: Ints
    member: Bools
    narrowest: Ints


@checked(GroupError)
def compare_groups(
    profiles: DeficitProfiles,
    by: str | Sequence[str],
    *,
    headcount: Mapping[str, int] | None = None,
    weights: str | None = None,
    smallest: int | Suppression = SMALLEST,
    draws: int = DRAWS,
    linking_error: float = 0.0,
) -> GroupReport:
    """Compare groups of persons: mean percents, true shares by level, and how many need what, each with its interval.

    Shares are not counted from flags: draws of all persons' true percents, each person as a member of the own group, are
    counted, and the counts of the draws give the interval. Groups are put on one footing by a two-level model on what the answers
    alone say: with few persons, a group is drawn towards the mean of all. Groups stand in the order of the alphabet.
    Raises `GroupError` when a column is missing, a headcount is below the number assessed or of no group, a weight is no positive
    number, or an earlier report is of other persons.

    Parameters
    ----------
    profiles : DeficitProfiles
    by : str or sequence of str
        Background columns, the widest first: ``["municipality", "school"]``.
    headcount : mapping of str to int, optional
        Persons that a group has, by its name (``"Тюмень"``, ``"Тюмень / Школа 5"``, ``""`` for the whole). Numbers of such a
        group are of all its persons: those not assessed are taken to be like the assessed of the same group.
    weights : str, optional
        Background column with survey weights, positive numbers. A group counts by its effective number of persons, (Σw)² / Σw² (Kish,
        Survey Sampling, 1965): where a few persons have most of the weight it is suppressed as one of so few.
    smallest : int or Suppression
        Groups of fewer persons are suppressed, and as many more as keep their numbers from being computed from the rest; a
        `Suppression` also names the reports that are published of the same persons.
    draws : int
        Number of draws, at least 100.
    linking_error : float, default 0
        Standard error of the shift of the scale, in θ, where parameters were linked: all groups share it.
    """
    columns = (by,) if isinstance(by, str) else tuple(by)
    if absent := [c for c in (*columns, *([weights] if weights else [])) if c not in profiles.background]:
        raise GroupError("groups.no_column", absent=absent, columns=list(profiles.background))
    if not columns or not len(profiles):
        raise GroupError("groups.nothing", by=list(columns), n=len(profiles))
    guard = smallest if isinstance(smallest, Suppression) else Suppression(smallest=int(smallest))
    if guard.smallest < 1 or draws < 100 or not 0 <= linking_error < np.inf:
        raise GroupError("groups.limits", smallest=guard.smallest, draws=draws, linking_error=linking_error)
    tree, blank = _hierarchy([profiles.background[c] for c in columns])
    n = tree.member.sum(axis=1)
    heads = _headcounts(tree.names, n, headcount or {})
    weight = _weights(profiles.background[weights]) if weights else np.ones(len(profiles))
    published = [division for earlier in guard.published for division in _published(profiles, earlier)]
    with one_blas_thread():
        found = _drawn(own_evidence(profiles), tree, weight, heads, np.array(profiles.standards.cuts), (draws, linking_error))
    shown = _shown(tree, _values(profiles, tree, found, alone=not published), weight, guard.smallest, published)
    ends, people = _intervals(found, shown), np.where(np.isfinite(heads), heads, n)[:, None]
    few = int(((n >= guard.smallest) & (_effective(tree, weight) < guard.smallest)).sum())
    findings = _findings(profiles, tree, shown, n / heads, guard.smallest, (blank, few))
    announce(findings)
    return GroupReport(
        by=columns,
        groups=tree.names,
        level=tree.level,
        shown=shown,
        n=np.where(shown, n, 0),
        headcount=np.where(shown, heads, np.nan),
        smallest=guard.smallest,
        interval=INTERVAL,
        competencies=profiles.competencies,
        standards=profiles.standards,
        **{f"percent{end}": x[:, :, 0] for end, x in zip(ENDS, ends, strict=True)},
        **{f"share{end}": x[:, :, 1:] for end, x in zip(ENDS, ends, strict=True)},
        need_low=np.floor(ends[1, :, :, 1] * people + 1e-9),
        need_high=np.ceil(ends[2, :, :, 1] * people - 1e-9),
        findings=findings,
        provenance=provenance(
            "compare_groups",
            profiles.inputs,
            {"by": SEPARATOR.join(columns), "weights": weights or "none", "smallest": str(guard.smallest), "draws": str(draws)}
            | ({"published": "; ".join(SEPARATOR.join(earlier.by) for earlier in guard.published)} if guard.published else {})
            | ({"linking_error": f"{linking_error:g}"} if linking_error else {}),
        ),
    )


def load_self_report(name_or_path: str | Path = "wellbeing") -> ItemBank:
    """Load a bank of statements about oneself: a shipped one by name, a folder by path; no verb says anything of a person by it.

    Raises `BankError` when there is no such bank or it is not well formed.
    """
    shipped = tuple(sorted(p.parent.name for p in (shipped_folder() / "surveys").glob("*/bank.yaml")))
    return load_bank(locate(name_or_path, within="surveys/{}", shipped=shipped, what="bank.what_bank"))


@checked(GroupError)
def compare_self_reports(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    by: str | Sequence[str],
    *,
    bank: ItemBank | None = None,
    headcount: Mapping[str, int] | None = None,
    weights: str | None = None,
    smallest: int | Suppression = SMALLEST,
    draws: int = DRAWS,
) -> GroupReport:
    """Compare groups by what their members say of themselves: mean percent of each scale, and the share below its middle.

    Answers are scored by the graded model (Samejima 1969) of the bank and compared as `compare_groups` does, scale by scale: there
    is no total, nothing joins the competencies, and nothing about a person leaves this function.
    Raises `GroupError` when the bank holds other items than statements about oneself, or `smallest` is below 10; and as
    `compare_groups`.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Answers to the statements, with the background columns of `by`.
    by, headcount, weights, smallest, draws
        As in `compare_groups`; `smallest` is at least 10.
    bank : ItemBank, optional
        The statements; `load_self_report()` by default.
    """
    bank = load_self_report() if bank is None else bank
    if any(item.part != SELF_REPORT for item in bank.items):
        raise GroupError("groups.not_self_report", bank=bank.id)
    if (few := smallest.smallest if isinstance(smallest, Suppression) else smallest) < SMALLEST:
        raise GroupError("groups.self_report_smallest", least=SMALLEST, smallest=few)
    data = load_responses(responses, bank=bank)
    statements = tuple(item.model_copy(update={"part": None}) for item in bank.items)
    plain = replace(bank, items=statements, header=bank.header.model_copy(update={"forms": ()}))
    persons = diagnosed(data, plain, standards_of(SELF_REPORT), DeficitRule())
    report = compare_groups(persons, by, headcount=headcount, weights=weights, smallest=smallest, draws=draws)
    scales = np.array([c.parent is not None for c in report.competencies])
    kept = tuple(c for c in report.competencies if c.parent is not None)
    arrays = {name: getattr(report, name)[:, scales] for of in ("percent", "share") for name in (of, f"{of}_low", f"{of}_high")}
    arrays |= {f"need{end}": np.full(arrays["percent"].shape, np.nan) for end in ENDS[1:]}
    findings = tuple(Template("groups.not_piloted").of() if f.code == "groups.provisional" else f for f in report.findings)
    return replace(report, competencies=kept, findings=findings, **arrays)


def _hierarchy(columns: Sequence[Names]) -> tuple[_Hierarchy, int]:
    """Return the groups of nested columns, the whole first, and how many persons have a blank in any of them."""
    labels = [np.array([LOOSE.sub(r"\g<0>/", str(x).strip()) or BLANK for x in column], dtype=object) for column in columns]
    blank = int(np.any([column == BLANK for column in labels], axis=0).sum())
    names, level, member = [ALL], [0], [np.ones(len(labels[0]), dtype=np.bool_)]
    paths = np.array([ALL] * len(labels[0]), dtype=object)
    for depth, column in enumerate(labels, start=1):
        paths = column if depth == 1 else paths + SEPARATOR + column
        found = sorted(set(paths.tolist()))
        names += found
        level += [depth] * len(found)
        member += [paths == name for name in found]
    return _Hierarchy(tuple(names), np.array(level), np.array(member), np.unique(paths, return_inverse=True)[1].ravel()), blank


def _headcounts(names: Sequence[str], n: Ints, given: Mapping[str, int]) -> Floats:
    if strange := [name for name in given if name not in names]:
        raise GroupError("groups.headcount_of", strange=strange, groups=[name for name in names if name])
    heads = np.array([float(given.get(name, np.nan)) for name in names])
    if (few := np.flatnonzero(heads < n)).size:
        k = int(few[0])
        raise GroupError("groups.headcount", group=names[k] or "*", headcount=int(heads[k]), n=int(n[k]))
    return heads


def _weights(column: Names) -> Floats:
    try:
        out = np.array([float(str(x).replace(",", ".")) for x in column])
    except ValueError:
        out = np.zeros(1)
    if not (np.isfinite(out) & (out > 0)).all():
        raise GroupError("groups.weights")
    return out


def _codes(tree: _Hierarchy) -> Ints:
    """Return the place of each person's group among those of its level (P, T)."""
    return np.stack([tree.member[tree.level == depth].argmax(axis=0) for depth in range(1, tree.level.max() + 1)], axis=1)


def _published(profiles: DeficitProfiles, earlier: GroupReport) -> list[tuple[Ints, Bools]]:
    """Return how an earlier report divides the persons, level by level, and what it shows."""
    if all(column in profiles.background for column in earlier.by):
        tree, _ = _hierarchy([profiles.background[column] for column in earlier.by])
        n = tree.member.sum(axis=1)
        if tree.names == earlier.groups and (n == earlier.n)[earlier.shown].all():
            return [(code, earlier.shown[tree.level == depth]) for depth, code in enumerate(_codes(tree).T, start=1)]
    raise GroupError("groups.published", by=list(earlier.by))


def _effective(tree: _Hierarchy, weight: Floats) -> Floats:
    return effective(tree.member.astype(np.float64) @ np.column_stack([weight, weight**2]))


def _values(profiles: DeficitProfiles, tree: _Hierarchy, found: Floats, *, alone: bool) -> Floats:
    """Return the values that must not be told of hidden groups, in percent (P, K).

    These are, of each person, the mean percents and shares with a deficit of the narrowest group in the draws `found` (N, R, C, 1 + L);
    beside other reports also the person's own ones.
    """
    means = found[:, tree.level == tree.level.max(), :, :2].mean(axis=0)[tree.narrowest]
    own = [] if alone else [profiles.percent, 100 * profiles.p_deficit]
    return np.asarray(np.clip(np.hstack([means[:, :, 0], 100 * means[:, :, 1], *own]), 0.0, 100.0))


def _shown(tree: _Hierarchy, values: Floats, weight: Floats, smallest: int, published: Sequence[tuple[Ints, Bools]] = ()) -> Bools:
    """Return which groups are shown (R,), so that nothing is told of few persons or of hidden ones by the `values` (P, K)."""
    closed = [np.zeros((tree.level == depth).sum(), dtype=np.bool_) for depth in range(1, tree.level.max() + 1)]
    hidden = suppressed(_codes(tree), values, closed, smallest, weight=weight, published=published)
    return ~np.concatenate([_effective(tree, weight)[:1] < smallest, *hidden])


def _drawn(evidence: OwnEvidence, tree: _Hierarchy, weight: Floats, heads: Floats, cuts: Floats, drawing: tuple[int, float]) -> Floats:
    """Return draws of mean percent and shares by level of all groups, (draws, R, C, 1 + L), each with its error of the link."""
    from scipy.sparse import csr_array

    draws, linking_error = drawing
    rng = np.random.default_rng(SEED)
    member: Floats = tree.member * weight
    rows: Any = csr_array(member / member.sum(axis=1, keepdims=True))
    held: Any = rows @ csr_array(np.eye(tree.narrowest.max() + 1)[tree.narrowest])  # the parts of a group in the narrowest
    n = tree.member.sum(axis=1)
    absent = np.where(np.isfinite(heads), heads - n, 0.0)
    wanted = held[absent > 0].sum(axis=0) > 0
    held = held[:, wanted]
    out = np.empty((draws, len(n), len(evidence.share), 2 + len(cuts)))
    D = len(evidence.mean)
    within = [scale**2 * evidence.covariance for scale in WITHIN]
    between = [np.zeros((D, D)), *(b * b * (r * np.ones((D, D)) + (1 - r) * np.eye(D)) for b in BETWEEN for r in SHARED)]
    overall = evidence.mean, 25 * np.ones((D, D)) + OF_LEAVES**2 * np.eye(D)
    for k, drawn in enumerate(group_draws(evidence.tau, evidence.nu, tree.narrowest, within, between, overall, (draws, rng))):
        shift = linking_error * rng.standard_normal() if linking_error else 0.0
        x = _statistics(evidence.percents(person_draws(evidence.nu, drawn, tree.narrowest, rng) + shift), cuts)
        out[k] = (rows @ x.reshape(len(x), -1)).reshape(out[k].shape)
        if wanted.any():
            new = _statistics(evidence.percents(newcomers(drawn, NEWCOMERS, wanted, rng) + shift), cuts)
            expected = (held @ new.mean(axis=1).reshape(new.shape[0], -1)).reshape(out[k].shape)
            square = (held @ (new**2).mean(axis=1).reshape(new.shape[0], -1)).reshape(out[k].shape)
            spread = np.sqrt(np.maximum(square - expected**2, 0.0) / np.maximum(absent, 1.0)[:, None, None])
            part = (absent / np.maximum(n + absent, 1.0))[:, None, None]
            out[k] = (1 - part) * out[k] + part * (expected + spread * rng.standard_normal(spread.shape))
    return out


def _statistics(percent: Floats, cuts: Floats) -> Floats:
    """Return percent and membership of each level (…, C, 1 + L)."""
    level = (percent[..., None] >= cuts).sum(axis=-1)
    return np.concatenate([percent[..., None], level[..., None] == np.arange(len(cuts) + 1)], axis=-1)


def _intervals(found: Floats, shown: Bools) -> Floats:
    """Return mean and ends of the interval of all numbers (3, R, C, 1 + L), NaN of groups that are not shown."""
    tail, top = (1 - INTERVAL) / 2, np.array([100.0, *np.ones(found.shape[-1] - 1)])
    ends = np.stack([found.mean(axis=0), *np.quantile(found, [tail, 1 - tail], axis=0)])
    return np.where(shown[:, None, None], np.clip(ends, 0.0, top), np.nan)


def _findings(
    profiles: DeficitProfiles, tree: _Hierarchy, shown: Bools, share: Floats, least: int, told: tuple[int, int]
) -> tuple[Finding, ...]:
    few = [tree.names[r] or "*" for r in np.flatnonzero(shown & (share < HALF))]
    judged = sum(fact.status == "provisional" for fact in profiles.items)
    out = [Template("groups.suppressed").of(groups=int((~shown).sum()), smallest=least)] if not shown.all() else []
    out += [Template("groups.dominated").of(groups=told[1], smallest=least)] if told[1] else []
    out += Template("groups.few_assessed").about(few)
    out += [Template("groups.provisional").of(items=judged)] if judged else []
    return (*out, *([Template("groups.blanks").of()] if told[0] else []))
