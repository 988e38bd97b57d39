"""`compare_groups`: a hierarchy of groups from the profiles of their persons; `compare_self_reports`: from statements about oneself.

Such statements are a graded scale of its own, compared between groups and never said of a person.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, Names
from competency_dx.bank import ItemBank, load_bank, locate, shipped_folder
from competency_dx.competencies import DeficitProfiles, DeficitRule, OwnEvidence, diagnosed, own_evidence, standards_of
from competency_dx.errors import GroupError, checked
from competency_dx.findings import Finding, Template, announce
from competency_dx.groups.group_report import ALL, ENDS, LOOSE, SEPARATOR, GroupReport, Suppression, TargetPopulation, target_population
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.suppression import SMALLEST, effective, suppressed
from competency_dx.kernels.two_level import NORMAL, SPREADS, Shape, group_draws, newcomers, person_draws, person_shape
from competency_dx.responses import load_responses
from competency_dx.result import SELF_REPORT, provenance

DRAWS, SEED = 400, 20261129
INTERVAL, HALF = 0.95, 0.5
BETWEEN = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.1)  # SDs between groups, beside none
OF_LEAVES = 0.6  # SD, before the answers, of what the mean of all in a leaf has beyond the other leaves; what leaves share is free
SHARED = (0.5, 0.8, 0.95)  # parts of the variance between groups that all leaves share
NEWCOMERS = 64
BLANK = "—"


class _Hierarchy(NamedTuple):
    """Names, levels (R,) and members (R, P) of the groups, the whole first; the narrowest group of each person (P,)."""

    names: tuple[str, ...]
    level: Ints
    member: Bools
    narrowest: Ints

    @property
    def inside(self) -> Bools:
        """Return which of the narrowest groups lie in each group (R, G)."""
        return np.stack([self.member[:, self.narrowest == g].any(axis=1) for g in range(self.narrowest.max() + 1)], axis=1)


class _Sample(NamedTuple):
    """Persons (P,) with answers: what these say, group, survey weight; the surplus, 1 in a group, is whom they stand for beside."""

    evidence: OwnEvidence
    group: Ints
    weight: Floats
    surplus: Floats


@checked(GroupError, headcount="population_sizes")
def compare_groups(
    profiles: DeficitProfiles,
    by: str | Sequence[str],
    *,
    population_sizes: Mapping[str, int] | None = None,
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
    by : Background columns, the widest first: ``["municipality", "school"]``.
    population_sizes : Persons that a group has, by its name (``"Тюмень"``, ``"Тюмень / Школа 5"``, ``""`` for the whole). Numbers of
        such a group are of all its persons: those not assessed are taken to be like the assessed of the same narrowest group, as their
        weights tell. A wider group is always the sum of its parts. `headcount` is accepted for this name.
    weights : Background column with survey weights, positive numbers: how many persons of the group each assessed one stands for. A
        group counts by its effective number of persons, (Σw)² / Σw² (Kish, Survey Sampling, 1965): where a few persons have most of the
        weight it is suppressed as one of so few.
    smallest : Groups of fewer persons are suppressed, and as many more as keep their numbers from being computed from the rest; a
        `Suppression` also names the reports that are published of the same persons.
    draws : Number of draws, at least 100.
    linking_error : Standard error of the shift of the scale, in θ, where parameters were linked: all groups share it.
    """
    columns = (by,) if isinstance(by, str) else tuple(by)
    if absent := [c for c in (*columns, *([weights] if weights else [])) if c not in profiles.background]:
        raise GroupError("groups.no_column", absent=absent, columns=list(profiles.background))
    here: Bools = np.any(profiles.n_items > 0, axis=1)
    if not columns or not here.any():
        raise GroupError("groups.nothing", by=list(columns), n=int(here.sum()))
    guard = smallest if isinstance(smallest, Suppression) else Suppression(smallest=int(smallest))
    if guard.smallest < 1 or draws < 100 or not 0 <= linking_error < np.inf:
        raise GroupError("groups.limits", smallest=guard.smallest, draws=draws, linking_error=linking_error)
    tree, blank = _hierarchy([profiles.background[c] for c in columns])
    seen = tree._replace(member=tree.member[:, here], narrowest=tree.narrowest[here])
    n = seen.member.sum(axis=1)
    weight = _weights(profiles.background[weights][here]) if weights else np.ones(int(here.sum()))
    target = target_population(tree.names, tree.level, tree.inside, (seen.narrowest, weight), population_sizes or {})
    published = [division for earlier in guard.published for division in _published(profiles, earlier, here)]
    with one_blas_thread():
        sample = _sample(own_evidence(profiles), here, tree.narrowest, weight, target)
        found, counts, shape = _drawn(sample, target, np.array(profiles.standards.cuts), (draws, linking_error))
    counting, own = target.person_weights(seen.narrowest, weight), np.hstack([profiles.percent, 100 * profiles.p_deficit])[here]
    shown = _shown(seen, _values(seen, found, own if published else own[:, :0]), counting, guard.smallest, published) & (n > 0)
    ends = np.clip(_intervals(found, shown), 0.0, [100.0, *np.ones(found.shape[3] - 1)])
    need = _intervals(counts, shown)
    answered = np.where(shown[:, None], seen.member.astype(np.int64) @ (profiles.n_items[here] > 0), 0)
    persons = effective(seen.member.astype(np.float64) @ np.column_stack([counting, counting**2]))
    few = int(((n >= guard.smallest) & (persons < guard.smallest)).sum())
    findings = _findings(profiles, tree, target, (shown, answered), guard.smallest, (blank, few, shape is not NORMAL))
    announce(findings)
    return GroupReport(
        by=columns,
        groups=tree.names,
        level=tree.level,
        shown=shown,
        n=np.where(shown, n, 0),
        unanswered=np.where(shown, tree.member[:, ~here].sum(axis=1), 0),
        answered=answered,
        headcount=np.where(shown, target.heads, np.nan),
        smallest=guard.smallest,
        interval=INTERVAL,
        competencies=profiles.competencies,
        standards=profiles.standards,
        **{f"percent{end}": x[:, :, 0] for end, x in zip(ENDS, ends, strict=True)},
        **{f"share{end}": x[:, :, 1:] for end, x in zip(ENDS, ends, strict=True)},
        need=need[0],
        need_low=np.floor(need[1] + 1e-9),
        need_high=np.ceil(need[2] - 1e-9),
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


@checked(GroupError, headcount="population_sizes")
def compare_self_reports(
    responses: object,
    by: str | Sequence[str],
    *,
    bank: ItemBank | None = None,
    population_sizes: Mapping[str, int] | None = None,
    weights: str | None = None,
    smallest: int | Suppression = SMALLEST,
    draws: int = DRAWS,
) -> GroupReport:
    """Compare groups by what their members say of themselves: mean percent of each scale, and the share below its middle.

    Answers are scored by the graded model (Samejima 1969) of the bank and compared as `compare_groups` does, scale by scale: there is
    no total, nothing joins the competencies, and nothing about a person leaves this function. Raises `GroupError` when the bank holds
    other items than statements about oneself, or `smallest` is below 10; and as `compare_groups`.

    Parameters
    ----------
    responses : Responses, data frame, array or path. Answers to the statements, with the background columns of `by`.
    by, population_sizes, weights, smallest, draws
        As in `compare_groups`; `smallest` is at least 10.
    bank : The statements; `load_self_report()` by default.
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
    report = compare_groups(persons, by, population_sizes=population_sizes, weights=weights, smallest=smallest, draws=draws)
    scales = np.array([c.parent is not None for c in report.competencies])
    kept = tuple(c for c in report.competencies if c.parent is not None)
    arrays: dict[str, Any] = {"answered": report.answered[:, scales]}
    arrays |= {name: getattr(report, name)[:, scales] for of in ("percent", "share") for name in (of, f"{of}_low", f"{of}_high")}
    arrays |= {f"need{end}": np.full(arrays["percent"].shape, np.nan) for end in ENDS}
    findings = tuple(Template("groups.not_piloted").of() if f.code == "groups.provisional" else f for f in report.findings)
    return replace(report, competencies=kept, findings=findings, **arrays)


def _hierarchy(columns: Sequence[Names]) -> tuple[_Hierarchy, int]:
    """Return the groups of nested columns, the whole first, and how many persons have a blank in any of them."""
    labels = [np.array([LOOSE.sub(r"\g<0>/", str(x).strip()) or BLANK for x in column], dtype=object) for column in columns]
    blank = int(np.any([column == BLANK for column in labels], axis=0).sum())
    rows = [*zip(*labels, strict=True)]
    paths = [np.array([SEPARATOR.join(row[:depth]) for row in rows], dtype=object) for depth in range(1 + len(labels))]
    names, level, member = zip(*((x, k, path == x) for k, path in enumerate(paths) for x in sorted({*path.tolist()})), strict=True)
    return _Hierarchy(names, np.array(level), np.array(member), np.unique(paths[-1], return_inverse=True)[1].ravel()), blank


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


def _published(profiles: DeficitProfiles, earlier: GroupReport, here: Bools) -> list[tuple[Ints, Bools]]:
    """Return how an earlier report divides the persons, level by level, and what it shows."""
    if all(column in profiles.background for column in earlier.by):
        tree, _ = _hierarchy([profiles.background[column] for column in earlier.by])
        if tree.names == earlier.groups and (tree.member[:, here].sum(axis=1) == earlier.n)[earlier.shown].all():
            return [(code, earlier.shown[tree.level == depth]) for depth, code in enumerate(_codes(tree)[here].T, start=1)]
    raise GroupError("groups.published", by=list(earlier.by))


def _values(tree: _Hierarchy, found: Floats, own: Floats) -> Floats:
    """Return what must not be told of hidden groups, in percent (P, K): means in `found` (N, R, C, 1 + L), a person's `own` values."""
    means = found[:, tree.level == tree.level.max(), :, :2].mean(axis=0)[tree.narrowest]
    return np.asarray(np.clip(np.hstack([means[:, :, 0], 100 * means[:, :, 1], own]), 0.0, 100.0))


def _shown(tree: _Hierarchy, values: Floats, weight: Floats, smallest: int, published: Sequence[tuple[Ints, Bools]] = ()) -> Bools:
    """Return which groups are shown (R,), so that nothing is told of few persons or of hidden ones by the `values` (P, K)."""
    closed = [np.zeros((tree.level == depth).sum(), dtype=np.bool_) for depth in range(1, tree.level.max() + 1)]
    hidden = suppressed(_codes(tree), values, closed, smallest, weight=weight, published=published)
    return ~np.concatenate([[effective(np.array([weight.sum(), weight @ weight])) < smallest], *hidden])


def _sample(evidence: OwnEvidence, here: Bools, narrowest: Ints, weight: Floats, target: TargetPopulation) -> _Sample:
    """Return the persons with answers, `here` (P,) of all, group by group; `weight` is theirs alone."""
    order = np.argsort(narrowest[here], kind="stable")
    rows, weight, G = np.flatnonzero(here)[order], weight[order], len(target.absent)
    group, own = narrowest[rows], evidence._replace(tau=evidence.tau[rows], nu=evidence.nu[rows])
    stands_for = weight * ((target.assessed + target.absent) / np.maximum(target.weight, 1e-300))[group]
    surplus = np.maximum(stands_for - 1.0, 0.0) + 1e-9  # where all weights are used up, persons count alike
    return _Sample(own, group, weight, surplus / np.bincount(group, surplus, G)[group])


def _drawn(sample: _Sample, target: TargetPopulation, cuts: Floats, drawing: tuple[int, float]) -> tuple[Floats, Floats, Shape]:
    """Return draws of mean percent and shares by level (draws, R, C, 1 + L), of persons on the lowest (draws, R, C), and the shape."""
    (draws, linking_error), rng = drawing, np.random.default_rng(SEED)
    evidence, G = sample.evidence, len(target.absent)
    D, units = len(evidence.mean), (2 + len(cuts), len(evidence.share))
    between = [np.zeros((D, D))]
    between += [b * b * (shared + (1 - shared) * np.eye(D)) for shared in SHARED for b in BETWEEN] if G > 1 else []
    overall = evidence.mean, 25.0 + OF_LEAVES**2 * np.eye(D)
    sites, within = (evidence.tau, evidence.nu), [s**2 * evidence.covariance for s in SPREADS]
    means, spreads = group_draws(sites, (sample.group, G), within, between, overall, (draws, rng), spreads=SPREADS)
    shift = linking_error * rng.standard_normal(draws)
    shape = person_shape(sites, sample.group, within, (means, spreads))
    persons = person_draws(sites, sample.group, within, (means, spreads), rng, shape=shape)
    plain, weighted, off = _assessed(sample, persons, means, shift, cuts)
    out, counts = np.empty((draws, len(target.inside), *units)), np.empty((draws, len(target.inside), units[1]))
    wanted, absent, middles = target.absent > 0, np.zeros((G, units[0] * units[1])), shape.middles(NEWCOMERS)
    for k in range(draws):
        if wanted.any():
            spread = SPREADS[spreads[k][wanted]][:, None]
            centre = _means_absent(sample, means[k][wanted], off[k][wanted], spread, wanted, rng)
            theta = newcomers(centre + shift[k], spread, evidence.covariance, middles, rng)
            new = _sums_absent(_statistics(evidence.percents(theta), cuts), target.absent[wanted, None], rng)
            absent[wanted] = new.swapaxes(0, 1).reshape(len(theta), -1)
        found, sums = target.totals(plain[k], weighted[k], absent)
        out[k], counts[k] = found.reshape(-1, *units), sums.reshape(-1, *units)[:, 1]
    return out.swapaxes(2, 3), counts, shape


def _assessed(
    sample: _Sample, persons: Iterator[tuple[int, Ints, Floats]], means: Floats, shift: Floats, cuts: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return sums over the assessed, plain and by weight (draws, G, (1 + L) * C), and how far θ by surplus is off (draws, G, D)."""
    group, (draws, G, _) = sample.group, means.shape
    plain, off = np.zeros((draws, G, len(sample.evidence.share) * (2 + len(cuts)))), np.zeros(means.shape)
    weighted = np.zeros_like(plain) if np.ptp(sample.weight) > 0 else plain
    surplus = (sample.surplus - 1 / np.bincount(group, minlength=G)[group])[:, None]
    for k, who, theta in persons:
        numbers = _statistics(sample.evidence.percents(theta + shift[k]), cuts)
        first = np.flatnonzero(np.diff(group[who], prepend=-1))
        place = group[who[first]]
        plain[k, place] += _sums(numbers, first)
        off[k, place] += np.add.reduceat(surplus[who] * theta, first)
        if weighted is not plain:
            weighted[k, place] += _sums(sample.weight[who, None] * numbers, first)
    return plain, weighted, off


def _means_absent(sample: _Sample, means: Floats, off: Floats, spread: Floats, wanted: Bools, rng: np.random.Generator) -> Floats:
    """Return means of θ (W, D) of those absent in groups `wanted` (G,), moved by `off` with the variance of sampling (Kish 1965)."""
    n, square = (np.bincount(sample.group, w, len(wanted))[wanted, None] for w in (np.ones(len(sample.group)), sample.surplus**2))
    noise = rng.standard_normal(means.shape) @ np.linalg.cholesky(sample.evidence.covariance).T
    return np.asarray(means + off + spread * np.sqrt(np.maximum(square - 1 / np.maximum(n, 1.0), 0.0)) * noise)


def _sums_absent(new: Floats, n: Floats, rng: np.random.Generator) -> Floats:
    """Return a draw of sums (1 + L, W, C) over `n` (W, 1) persons who are as the `new` (1 + L, W, N, C) are, from low to high.

    The mean of the new ones errs, as pairs of neighbours differ (Wolter 2007, ch. 8): drawn is what is missing to the error of n.
    """
    pairs = (new[:, :, ::2] + new[:, :, 1::2]) / 2
    errs = (np.diff(pairs, 2, axis=2) ** 2).mean(axis=2) / (6 * pairs.shape[2])
    mean, error = new.mean(axis=2), np.sqrt(np.maximum(new.var(axis=2) / n - errs, 0.0))
    return np.asarray(n * (mean + error * rng.standard_normal(mean.shape)))


def _statistics(percent: Floats, cuts: Floats) -> Floats:
    """Return percent and membership of each level (1 + L, …, C)."""
    below = [np.zeros(percent.shape, dtype=np.bool_), *(percent < cut for cut in cuts), np.ones(percent.shape, dtype=np.bool_)]
    return np.stack([percent, *(upper & ~lower for lower, upper in pairwise(below))])


def _sums(numbers: Floats, first: Ints) -> Floats:
    """Return sums of numbers (1 + L, N, C) over the persons from each of `first` (G,) to the next (G, (1 + L) * C)."""
    return np.asarray(np.add.reduceat(numbers, first, axis=1).swapaxes(0, 1).reshape(len(first), -1))


def _intervals(found: Floats, shown: Bools) -> Floats:
    """Return mean and ends of the interval of draws (N, R, …), as (3, R, …), NaN of groups that are not shown."""
    ends = np.stack([found.mean(axis=0), *np.quantile(found, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=0)])
    return np.where(shown.reshape(-1, *[1] * (ends.ndim - 2)), ends, np.nan)


def _findings(
    profiles: DeficitProfiles, tree: _Hierarchy, target: TargetPopulation, known: tuple[Bools, Ints], least: int, told: Sequence[int]
) -> tuple[Finding, ...]:
    """Return findings; `known`: groups shown, persons who answered (R, C), `told`: no group, few weights, shape."""
    shown, answered = known
    few = [tree.names[r] for r in np.flatnonzero(shown & (target.inside @ target.assessed < HALF * target.heads))]
    names = {name for name, is_shown in zip(tree.names, shown, strict=True) if is_shown}
    judged = sum(fact.status == "provisional" for fact in profiles.items)
    out = [Template("groups.suppressed").of(groups=int((~shown[1:]).sum()), smallest=least)] if not shown.all() else []
    out += [Template("groups.dominated").of(groups=told[1], smallest=least)] if told[1] else []
    out += [Template("groups.few_assessed_all").of()] if ALL in few else []
    out += Template("groups.few_assessed").about(name for name in few if name)
    out += Template("groups.headcount_missing").about(name for name in target.missing if name in names)
    out += [Template("groups.headcount_sum_all").of()] if ALL in target.contradicted else []
    out += Template("groups.headcount_sum").about(name for name in target.contradicted if name and name in names)
    short = [c.code for c, n in zip(profiles.competencies, answered[0], strict=True) if shown[0] and n < least]
    out += Template("groups.few_answered").about(short, smallest=least)
    out += [Template("groups.provisional").of(items=judged)] if judged else []
    out += [Template("groups.shape").of()] if told[2] else []
    return (*out, *([Template("groups.blanks").of()] if told[0] else []))
