"""`measure_growth`: what changed between two diagnoses, of every person, and of those of a programme."""

import re
from collections.abc import Sequence
from statistics import NormalDist
from typing import Annotated, Any, ClassVar

import numpy as np
from scipy.linalg import block_diag

from competency_dx.arrays import Bools, Count, Floats, Ids, Ints, Names, held_to, value
from competency_dx.competencies import Competency, DeficitProfiles, OwnEvidence, own_evidence
from competency_dx.display import Chart, interval_chart, result_words
from competency_dx.errors import GrowthError, checked
from competency_dx.findings import Finding, Template, announce
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.suppression import SMALLEST, shown_groups
from competency_dx.kernels.two_level import group_draws, person_draws
from competency_dx.result import MAX_LINES, DataFrame, Outcome, crossed, provenance

WITHOUT, SURE, EXACT, SAME_CURVE = "", 0.95, 1e-5, 0.01  # points, on one grid and where a cohort has its own
Shares = Annotated[Floats, held_to("persons", "competencies", minimum=0, maximum=1)]
Changes = Annotated[Floats, held_to("persons", "competencies", minimum=-100, maximum=100)]
OfGroups = Annotated[Floats, held_to("groups", "competencies")]
OF_PROGRAMMES = (  # numbers of programmes, each with its interval
    ("mean_change", "mean_low", "mean_high"),
    ("closed", "closed_low", "closed_high"),
    ("difference", "difference_low", "difference_high"),
)
DRAWS, SEED = 400, 20261130
STABILITY = (0.3, 0.5, 0.65, 0.8, 0.9, 0.97)  # correlations of a competency before with the same after, given the means
OF_CHANGE = (0.05, 0.15, 0.3, 0.6)  # SDs of the mean changes of programmes, beside none
SAME = 1e-8  # variance of their means at the start: a programme chosen by the first answers says of θ nothing that these do not
ALIKE = 0.7  # correlation of the means of a programme in two competencies
AGAIN = 0.2  # of the second answers, to items answered before
DAY = re.compile(r"\s*(?:(\d{4})-(\d\d)-(\d\d)|(\d\d?)\.(\d\d?)\.(\d{4}))")


@value
class Growth(Outcome):
    """True changes of P persons in both diagnoses, in percent points of C competencies, and their means in G programmes.

    Attributes
    ----------
    groups : Programmes, "" for none; `group` (P,) is the place of each person's. Groups not `shown` have NaN, `n` 0.
    change, change_low, change_high : (P, C) Percent after less percent before, with the 95 % interval; as the probabilities NaN where
        a person answered nothing of a competency in one of the two.
    p_gain : (P, C) P(change > 0); a change is reliable from .95 up or .05 down.
    p_before, p_after, p_closed : (P, C) Probabilities of a deficit before, after, and of one before that there is no more.
    mean_change, closed : (G, C) Mean change, and share of those with a deficit before who have none after, with intervals.
    difference : (G, C) How much more a programme changed than persons without one who started as high, with its interval; NaN without
        such.
    regression : (C,) By how many points the raw percent of those flagged at first would rise without any change: the return to the
        mean; NaN of fewer than `smallest`, as is `closed` where fewer are expected to have had a deficit.
    only_before, only_after : Persons with answers in one diagnosis alone.
    percent_stayed, percent_left : Mean percent before, in the whole test, of those who came again and of those who did not; NaN for
        fewer than `smallest`.
    """

    schema_version: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("competencies",)
    persons: Annotated[Names, held_to(uniqueItems=True)]
    competencies: Annotated[tuple[Competency, ...], held_to(key="code", each="order.competencies", within="parent?")]
    groups: Ids
    group: Annotated[Ints, held_to("persons", minimum=0)]
    n: Annotated[Ints, held_to("groups", minimum=0)]
    shown: Annotated[Bools, held_to("groups")]
    change: Changes
    change_low: Changes
    change_high: Changes
    p_gain: Shares
    p_before: Shares
    p_after: Shares
    p_closed: Shares
    mean_change: OfGroups
    mean_low: OfGroups
    mean_high: OfGroups
    closed: OfGroups
    closed_low: OfGroups
    closed_high: OfGroups
    difference: OfGroups
    difference_low: OfGroups
    difference_high: OfGroups
    regression: Annotated[Floats, held_to("competencies")]
    only_before: Count
    only_after: Count
    percent_stayed: float
    percent_left: float

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def ends_of_rule(self) -> tuple[Floats, Floats]:
        """Return the ends of the 90 % interval of each change (P, C): 0 is outside where P(change > 0) makes the change reliable."""
        part = NormalDist().inv_cdf(SURE) / NormalDist().inv_cdf(0.975)
        low, high = (self.change + part * (end - self.change) for end in (self.change_low, self.change_high))
        low = np.where(self.p_gain >= SURE, np.maximum(low, 0), np.minimum(low, 0))
        return low, np.where(self.p_gain <= 1 - SURE, np.minimum(high, 0), np.maximum(high, 0))

    def to_frame(self) -> DataFrame:
        """Return one row per person and competency: the methodist's, not to be published, as it names small programmes too."""
        persons = {"person": self.persons, "programme": np.array(self.groups, dtype=object)[self.group]}
        cells = {name: getattr(self, name) for name in ("change", "change_low", "change_high", "p_gain")}
        cells |= {"p_deficit_before": self.p_before, "p_deficit_after": self.p_after, "p_closed": self.p_closed}
        return crossed(persons, {"competency": [c.code for c in self.competencies]}, cells)

    def programmes(self) -> DataFrame:
        """Return one row per programme and competency; numbers that are not shown are NaN."""
        cells = {name: getattr(self, name) for names in OF_PROGRAMMES for name in names}
        return crossed({"programme": self.groups, "n": self.n}, {"competency": [c.code for c in self.competencies]}, cells)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return who was there, the change in the whole test, of each programme, and the return to the mean."""
        say = result_words("growth", language)
        gained, lost = (int(x[:, 0].sum()) for x in (self.p_gain >= SURE, self.p_gain <= 1 - SURE))
        out = [say("head", persons=len(self), before=self.only_before, after=self.only_after)]
        out.append(say("reliable", gained=gained, lost=lost, rest=len(self) - gained - lost))
        if np.isfinite(self.regression[0]):
            out.append(say("regression", points=float(self.regression[0])))
        for g in np.flatnonzero(self.shown).tolist()[: MAX_LINES - len(out)]:
            numbers = {"mean": self.mean_change, "low": self.mean_low, "high": self.mean_high}
            if compared := np.isfinite(self.difference[g, 0]):
                numbers |= {"more": self.difference, "from": self.difference_low, "to": self.difference_high}
            facts = {name: float(x[g, 0]) for name, x in numbers.items()}
            programme = self.groups[g] or say("without" if len(self.groups) > 1 else "whole")
            out.append(say("compared" if compared else "mean", programme=programme, n=int(self.n[g]), **facts))
        return out

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the mean change of all persons shown by competency, with its interval."""
        say = result_words("growth", language)
        g = int(np.argmax(self.n))
        at = np.stack([self.mean_change[g], self.mean_low[g], self.mean_high[g]])[:, ::-1]
        programme = self.groups[g] or say("without" if len(self.groups) > 1 else "whole")
        labels = [f"{c.code} {c.title.text(language)}" for c in self.competencies][::-1]
        return interval_chart(labels, at, title=say("title", programme=programme), x_label=say("axis"))


@checked(GrowthError)
def measure_growth(
    before: DeficitProfiles,
    after: DeficitProfiles,
    *,
    by: str | None = None,
    linking_error: float = 0.0,
    smallest: int = SMALLEST,
    beside: Sequence[str] = (),
    draws: int = DRAWS,
) -> Growth:
    """Measure the true change of every competency between two diagnoses of the same persons, on one scale.

    Both waves have one model: θ before and after is normal, with means of its own, a correlation that the data choose, and the
    own answers of each wave as evidence. A change is thus no difference of two noisy results: what would come back to the mean by
    itself is not counted as growth (`Growth.regression` says how much that is). All errors of measurement are in the intervals.
    Raises `GrowthError` when nobody is in both, the scales differ, a column is missing or a number is out of range.

    Parameters
    ----------
    before, after : Diagnoses with the same bank and standards; persons are matched by id, those with answers in one alone are counted.
    by : Background column of `after` that names each person's programme, blank for none. Changes are then given by programme, and
        beside those of persons without one who started as high: a comparison, which proves no effect, as nobody drew lots.
    linking_error : Standard error of the shift between the scales of the two waves, in units of θ; 0 where parameters are the same.
    smallest : Programmes with fewer persons are not shown, nor what so few had before who did not come again.
    beside : Columns by which growth of the same persons is published too: no difference of the two tells of so few.
    draws : int, default 400
    """
    if by is not None and (absent := [name for name in (by, *beside) if name not in after.background]):
        if not after.background:
            raise GrowthError("growth.no_background", by=by)
        raise GrowthError("growth.no_column", by=absent[0], columns=list(after.background))
    if not 0 <= linking_error < np.inf or smallest < 1 or draws < 100:
        raise GrowthError("growth.limits", linking_error=linking_error, smallest=smallest, draws=draws)
    _refuse_other_scale(before, after)
    there, back = (x.persons[(x.n_items > 0).any(axis=1)] for x in (before, after))  # who answered: others were in no diagnosis
    if not (both := there[np.isin(there, back)].tolist()):
        raise GrowthError("growth.nobody", before=len(there), after=len(back))
    first, second = before.select(both), after.select(both)
    left_out = before.percent[np.isin(before.persons, there) & ~np.isin(before.persons, both), 0]
    labels = {name: np.array([str(x).strip() for x in second.background[name]]) for name in ((by, *beside) if by else ())}
    unique, group, shown = shown_groups(labels or {"": np.array([WITHOUT] * len(both))}, by or "", smallest)  # those without one first
    names: tuple[str, ...] = tuple(unique.tolist())
    n = np.bincount(group, minlength=len(names))
    with one_blas_thread():
        sites, cut = (own_evidence(first), own_evidence(second)), before.standards.cuts[0]
        persons, programmes = _drawn(sites, group, len(names), linking_error, cut, draws)
    change, square, gain, was, left, still = persons / draws
    half = 1.96 * np.sqrt(np.maximum(square - change**2, 0.0))
    compared = len(names) > 1 and names[0] == WITHOUT and bool(shown[0])
    programmes[:, 2, 0 if compared else slice(None)] = np.nan
    member, asked = group == np.arange(len(names))[:, None], (first.n_items > 0) & (second.n_items > 0)
    programmes[:, 1, member @ was < smallest] = np.nan  # so few had a deficit: it tells of them
    programmes[:, :, member @ asked.astype(np.int64) < smallest] = np.nan  # what so few answered is told by others' answers alone
    ends = _intervals(programmes, shown)
    few = [c.code for c, n_asked in zip(before.competencies, asked.sum(axis=0), strict=True) if n_asked < min(smallest, len(both))]
    findings = _findings(first, second, len(there), int((~shown).sum()), smallest, compared=compared)
    announce(findings := (*findings, *Template("growth.few_answered").about(few, smallest=smallest)))
    told = {"change": change, "change_low": np.clip(change - half, -100, 100), "change_high": np.clip(change + half, -100, 100)}
    told |= {"p_gain": gain, "p_before": was, "p_after": left, "p_closed": np.clip(was - still, 0.0, 1.0)}
    return Growth(
        persons=first.persons,
        competencies=before.competencies,
        groups=names,
        group=group,
        n=np.where(shown, n, 0),
        shown=shown,
        **{name: np.where(asked, x, np.nan) for name, x in told.items()},
        **{name: x for names, of in zip(OF_PROGRAMMES, ends, strict=True) for name, x in zip(names, of, strict=True)},
        regression=_regression(first, smallest),
        only_before=len(there) - len(both),
        only_after=len(back) - len(both),
        percent_stayed=float(first.percent[:, 0].mean()) if len(both) >= smallest else np.nan,
        percent_left=float(left_out.mean()) if len(left_out) >= smallest else np.nan,
        findings=findings,
        provenance=provenance(
            "measure_growth",
            {"before": first.inputs["profiles"], "after": second.inputs["profiles"]},
            {"by": by or "none", "linking_error": f"{linking_error:g}", "smallest": str(smallest), "draws": str(draws)},
        ),
    )


def _refuse_other_scale(before: DeficitProfiles, after: DeficitProfiles) -> None:
    """Raise when percents of the two are not of one scale: other competencies, standards, or curves of the same items."""
    codes = [[c.code for c in x.competencies] for x in (before, after)]
    if codes[0] != codes[1] or before.standards.cuts != after.standards.cuts:
        raise GrowthError("growth.other_scale", first=codes[0], second=codes[1])
    place = {fact.item: k for k, fact in enumerate(after.items)}
    common = [(curve, after.curves[place[x.item]]) for curve, x in zip(before.curves, before.items, strict=True) if x.item in place]
    inside = (before.grid >= after.grid[0]) & (before.grid <= after.grid[-1])
    gaps = [one[inside] - np.interp(before.grid[inside], after.grid, two) for one, two in common]
    if len(common) < len(before.items) or np.abs(gaps).max() > (EXACT if np.array_equal(before.grid, after.grid) else SAME_CURVE):
        banks = [" ".join(x.provenance.inputs.get("bank", "?").split()[:2]) for x in (before, after)]
        raise GrowthError("growth.other_items", common=len(common), items=len(before.items), before=banks[0], after=banks[1])


def _drawn(waves: tuple[OwnEvidence, OwnEvidence], group: Ints, G: int, error: float, cut: float, draws: int) -> tuple[Floats, Floats]:
    """Return sums over draws of change, its square, gains, deficits before, after, both (6, P, C), and draws by group (N, 3, G, C)."""
    one, two = waves
    D, rng = len(one.mean), np.random.default_rng(SEED)
    within = [np.asarray(np.kron([[1, r], [r, 1]], one.covariance), dtype=np.float64) for r in STABILITY]
    between = [np.zeros((2 * D, 2 * D))]
    between += [block_diag(SAME * np.eye(D), b * b * (ALIKE + (1 - ALIKE) * np.eye(D))) for b in OF_CHANGE] if G > 1 else []
    tau, nu = np.hstack([one.tau, two.tau]), np.hstack([one.nu, two.nu])
    sums, groups = np.zeros((6, len(group), len(one.share))), np.empty((draws, 3, G, len(one.share)))
    rows = (group == np.arange(G)[:, None]).astype(np.float64)
    shared, apart = np.ones((D, D)), np.eye(D)
    before = np.kron(np.ones((2, 2)), 25 * shared + 0.6**2 * apart)  # what leaves share is free, what they do not is not
    overall = np.tile(one.mean, 2), before + block_diag(np.zeros((D, D)), 4 * shared + 0.3**2 * apart)
    drawn = group_draws((tau, nu), (group, G), within, between, overall, (draws, rng))
    for k, _, theta in person_draws((tau, nu), group, within, drawn, rng):  # all programmes have one spread
        theta[:, D:] += error * rng.standard_normal()
        x, y = one.percents(theta[:, :D]), one.percents(theta[:, D:])
        low, still = x < cut, (x < cut) & (y < cut)
        sums += np.stack([y - x, (y - x) ** 2, y > x, low, y < cut, still])
        with np.errstate(invalid="ignore", divide="ignore"):
            groups[k, 0] = rows @ (y - x) / rows.sum(axis=1, keepdims=True)
            groups[k, 1] = 1 - (rows @ still) / (rows @ low)
        groups[k, 2] = _differences(x, y - x, rows, rng)
    return sums, groups


def _differences(start: Floats, change: Floats, rows: Floats, rng: np.random.Generator) -> Floats:
    """Return draws of how much more each programme changed than persons without one who started as high (G, C), by covariance."""
    n = rows.sum(axis=1, keepdims=True)
    mean_start, mean_change = rows @ start / n, rows @ change / n
    x, y = start - rows.T @ mean_start, change - rows.T @ mean_change
    spread = np.maximum((x * x).sum(axis=0), 1e-12)
    slope = (x * y).sum(axis=0) / spread
    error = ((y - slope * x) ** 2).sum(axis=0) / max(len(start) - len(n) - 1, 1)
    gap = mean_start - mean_start[0]
    variance = error * (1 / n + 1 / n[0] + gap**2 / spread)
    return np.asarray(mean_change - mean_change[0] - slope * gap + np.sqrt(variance) * rng.standard_normal(gap.shape))


def _intervals(found: Floats, shown: Bools) -> Floats:
    """Return of change, closed share and difference the mean and the ends of the 95 % interval (3, 3, G, C), NaN where not shown."""
    found[:, :, ~shown] = np.nan
    some = np.isfinite(found).any(axis=0)
    filled = np.where(some, found, 0.0)
    return np.where(some, (np.nanmean(filled, axis=0), *np.nanquantile(filled, [0.025, 0.975], axis=0)), np.nan).swapaxes(0, 1)


def _regression(first: DeficitProfiles, smallest: int) -> Floats:
    """Return by how much the raw percent of those with P(deficit) from .5 would rise by itself, NaN of a few (C,)."""
    codes, at = [c.code for c in first.competencies], first.reasons == 0
    leaves = set(first.population.leaves)
    member = np.array([[code in fact.competencies for code in codes] for fact in first.items], dtype=np.float64)
    most = np.array([fact.max_score for fact in first.items])
    own = [next(codes.index(c) for c in fact.competencies if c in leaves) for fact in first.items]
    expected = np.stack([np.interp(first.theta[:, c], first.grid, curve) for c, curve in zip(own, first.curves, strict=True)], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = 100 * ((expected - first.points) * at @ member) / (at * most @ member)
    flagged = (first.p_deficit >= 0.5) & np.isfinite(gap)
    n = flagged.sum(axis=0)
    return np.asarray(np.where(flagged, gap, 0.0).sum(axis=0) / np.where(n >= smallest, n, np.nan))


def _findings(
    first: DeficitProfiles, second: DeficitProfiles, n_before: int, hidden: int, smallest: int, *, compared: bool
) -> tuple[Finding, ...]:
    place = {fact.item: k for k, fact in enumerate(first.items)}
    later, sooner = second.reasons == 0, first.reasons[:, [place[fact.item] for fact in second.items]] == 0
    again, lost = (later & sooner).sum() / max(later.sum(), 1), 1 - len(first) / n_before
    told: dict[str, tuple[bool, dict[str, Any]]] = {
        "growth.reversed": ((column := _reversed(first, second)) != "", {"column": column}),
        "growth.other_keys": (len({x.provenance.inputs.get("keys") for x in (first, second)} - {None}) > 1, {}),
        "growth.items_again": (again > AGAIN, {"share": round(100 * float(again))}),
        "growth.attrition": (lost > AGAIN, {"share": round(100 * lost)}),
        "growth.suppressed": (hidden > 0, {"groups": hidden, "smallest": smallest}),
        "growth.no_experiment": (compared, {}),
    }
    return tuple(Template(code).of(**facts) for code, (holds, facts) in told.items() if holds)


def _reversed(first: DeficitProfiles, second: DeficitProfiles) -> str:
    """Return the background column by whose dates everybody took the second diagnosis before the first, "" where there is none."""
    for column in sorted(first.background.keys() & second.background.keys()):
        pairs = [[_day(x) for x in pair] for pair in zip(first.background[column], second.background[column], strict=True)]
        if pairs and all(was and then and then < was for was, then in pairs):
            return column
    return ""


def _day(cell: object) -> list[int]:
    """Return year, month and day of a cell that is a date, nothing of another."""
    found = DAY.match(str(cell))
    parts = [int(x) for x in found.groups() if x is not None] if found else []
    return parts[::-1] if found and found[1] is None else parts
