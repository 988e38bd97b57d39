"""What a check of fit says: of items, of the model, of persons, and what to do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated, ClassVar

import numpy as np

from competency_dx.arrays import Z95, Floats, Ids, Ints, Names, held_to, value
from competency_dx.display import Chart, Series, code_word, interval_chart, result_words
from competency_dx.errors import FitError
from competency_dx.findings import Finding, worth_a_line
from competency_dx.fit.residuals import COLUMNS
from competency_dx.quality import VERDICTS, Verdict
from competency_dx.result import DataFrame, Outcome, frame

OfItems = Annotated[Floats, held_to("items")]
ORDER: tuple[Verdict, ...] = tuple(VERDICTS)
PANELS, LINES, SHOWN, LONG = 9, 3, 12, 180
PARTS = ("statistic", "df", "p", "rmsea", "rmsea_low", "rmsea_high")


@value
class Fit(Outcome):
    """Fit of I items, of the model as a whole and of P persons, with a verdict on each item.

    Attributes
    ----------
    verdicts : The gravest of what this check and `check_items` say of each item; `reasons` say why.
    s_x2, s_df, s_p : (I,) S-X² (Orlando & Thissen 2000) of complete answers that the parameters come from; else NaN.
    chi2, df, p, p_adjusted : (I,) X² of ten groups of persons against what their other answers let expect; adjusted is p for all items
        at once (Benjamini & Hochberg), by which verdicts go.
    rmsd : (I,) Root mean square difference of shares of points observed and expected in these groups, chance taken off.
    infit, infit_z, outfit, outfit_z : (I,) Mean squares of the differences from that expectation; z is standard normal under the model.
    se_infit, se_outfit : (I,) Their standard errors under the model; empty in documents of earlier versions.
    groups : (I, 4, G) Persons, expected and observed mean points, standard error of their difference, by group.
    states_changed : (I,) Share of persons' states that change when the item is set aside; NaN for items that are kept or were not
        tried.
    q3, q3_z : (I, I) Correlations of residuals, and how far covariances exceed what the model implies, in standard errors; at most in
        one test in 20 any pair passes `q3_bound`.
    testlets : Items that hang together beyond their competency.
    m2, c2 : (6,) M2* and C2 by pairs of items answered by 20 persons or more, at most 3,160 of them: statistic, df, p, RMSEA with 90 %
        interval; NaN where ability decides what is asked, or answers are not those of the calibration.
    srmsr, eigenvalues : Root mean square of observed less implied correlations; components (4, I) of correlations of answers, of
        residuals, and by chance: mean and 95 % point; NaN where few have answered some pair.
    detect : (3,) DETECT, ASSI and RATIO of `clusters` (I,); NaN with one cluster or with missing answers.
    lz_star, person_infit : (P,) Log-likelihood, standardised and corrected for the estimate, and infit of each person.
    flags, alike_with : Of each person: misfit, one_option, alike, zero_tail; with whom the answers agree beyond chance; with commas
        between.
    """

    schema_version: ClassVar[int] = 3
    pictures: ClassVar[tuple[str, ...]] = ("curves", "infit", "components")
    items: Ids
    verdicts: Annotated[tuple[Verdict, ...], held_to("items")]
    reasons: tuple[Finding, ...]
    n: Annotated[Ints, held_to("items", minimum=0)]
    s_x2: OfItems
    s_df: OfItems
    s_p: OfItems
    chi2: OfItems
    df: OfItems
    p: OfItems
    p_adjusted: OfItems
    rmsd: OfItems
    infit: OfItems
    infit_z: OfItems
    outfit: OfItems
    outfit_z: OfItems
    groups: Annotated[Floats, held_to("items", 4, "G")]
    states_changed: OfItems
    q3: Annotated[Floats, held_to("items", "items")]
    q3_z: Annotated[Floats, held_to("items", "items")]
    q3_bound: float
    testlets: tuple[Annotated[Ids, held_to(among="items")], ...]
    m2: Annotated[Floats, held_to(6)]
    c2: Annotated[Floats, held_to(6)]
    srmsr: float
    eigenvalues: Annotated[Floats, held_to(4, "items")]
    clusters: Annotated[tuple[str, ...], held_to("items")]
    detect: Annotated[Floats, held_to(3)]
    persons: Annotated[Names, held_to(uniqueItems=True)]
    lz_star: Annotated[Floats, held_to("persons")]
    person_infit: Annotated[Floats, held_to("persons")]
    flags: Annotated[tuple[str, ...], held_to("persons")]
    alike_with: Annotated[tuple[str, ...], held_to("persons?")] = field(default_factory=tuple)
    se_infit: Annotated[Floats, held_to("items?")] = field(default_factory=lambda: np.empty(0))
    se_outfit: Annotated[Floats, held_to("items?")] = field(default_factory=lambda: np.empty(0))

    @property
    def by_trouble(self) -> Ints:
        """Return the places of the items (I,): the most urgent verdict first, within it those of testlets, then the smallest p."""
        alone = ~np.isin(self.items, [item for tied in self.testlets for item in tied])
        return np.lexsort((np.nan_to_num(self.p, nan=2.0), alone, np.array([ORDER.index(v) for v in self.verdicts])))

    def named(self, *verdicts: Verdict) -> tuple[str, ...]:
        """Return the items with one of these verdicts; ``bank.without(fit.named("repair", "drop"))`` sets them aside."""
        if stray := [v for v in verdicts if v not in ORDER]:
            raise FitError("fit.no_verdict", stray=stray, choices=ORDER)
        return tuple(i for i, v in zip(self.items, self.verdicts, strict=True) if v in verdicts)

    def reason(self, item: str, language: str = "en") -> str:
        """Return the reasons of the verdict on an item in one language."""
        if item not in self.items:
            raise FitError("fit.no_item", item=item, items=self.items)
        return " ".join(r.text(language) for r in self.reasons if item in r.scope)

    def to_frame(self) -> DataFrame:
        """Return one row per item: verdict, reasons, share of states changed without it, statistics, the closest partner."""
        told = {f"reason_{lang}": [self.reason(item, lang) for item in self.items] for lang in ("ru", "en")}
        numbers = {name: getattr(self, name) for name in ("n", "states_changed", "s_x2", "s_df", "s_p", *COLUMNS, "p_adjusted")}
        numbers = {name: x if len(x) else np.nan for name, x in numbers.items()}
        others = np.where(np.eye(len(self.items), dtype=np.bool_), -2.0, np.nan_to_num(self.q3, nan=-2.0))
        partner = [self.items[k] for k in others.argmax(axis=1)]
        return frame(item=self.items, verdict=self.verdicts, **told, **numbers, q3=others.max(axis=1), partner=partner)

    def to_table(self, language: str = "en") -> DataFrame:
        """Return the table with the reasons in one language."""
        return self.to_frame().drop(columns=f"reason_{'en' if language == 'ru' else 'ru'}")

    def model_frame(self) -> DataFrame:
        """Return the fit of the model: test, statistic, df, p, RMSEA with its interval, SRMSR."""
        return frame(test=["M2", "C2"], **dict(zip(PARTS, np.stack([self.m2, self.c2], axis=1), strict=True)), srmsr=self.srmsr)

    def persons_frame(self) -> DataFrame:
        """Return one row per person: person, lz_star, infit, flags, alike_with."""
        others = self.alike_with or [""] * len(self.persons)
        return frame(person=self.persons, lz_star=self.lz_star, infit=self.person_infit, flags=self.flags, alike_with=others)

    def pairs_frame(self) -> DataFrame:
        """Return one row per pair of items tied beyond the model, the most first: first, second, q3, q3_z."""
        i, j = np.nonzero(np.triu(np.nan_to_num(self.q3_z) > self.q3_bound, 1))
        names = np.array(self.items, dtype=object)
        out = frame(first=names[i], second=names[j], q3=self.q3[i, j], q3_z=self.q3_z[i, j])
        return out.sort_values("q3_z", ascending=False, kind="stable", ignore_index=True)

    def further_tables(self) -> Mapping[str, DataFrame]:
        """Return the fit of the model, tied pairs, and persons whose answers are unusual; what there is none of is left out."""
        persons = self.persons_frame()
        flagged = persons[persons["flags"] != ""].reset_index(drop=True)
        some = {"model": self.model_frame(), "pairs": self.pairs_frame(), "flagged": flagged}
        return {name: table for name, table in some.items() if len(table)}

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return verdicts, fit of the model, and the items with the most trouble with what they do to conclusions."""
        say, counts, word = result_words("fit", language), Counter(self.verdicts), {v: code_word("verdict", v, language) for v in ORDER}
        worst = [i for i in self.by_trouble if self.verdicts[i] in {"repair", "drop", "look"}]
        told = [f"{word[self.verdicts[i]]} {self.items[i]}: {self.reason(self.items[i], language)}" for i in worst[:LINES]]
        told = [t if len(t) <= LONG else f"{t[:LONG].rpartition('. ')[0] or t[:LONG]}. …" for t in told]  # whole sentences
        shares = [
            f" {say('changed', share=100 * self.states_changed[i])}" if np.isfinite(self.states_changed[i]) else ""
            for i in worst[:LINES]
        ]
        tied = int((self.q3_z[np.triu_indices(len(self.items), 1)] > self.q3_bound).sum())
        above = int((self.eigenvalues[0] > self.eigenvalues[3]).cumprod().sum())
        return [
            say("head", items=len(self.items), persons=len(self.persons)),
            say("verdicts", verdicts=tuple(f"{word[v]} {counts[v]}" for v in ORDER if counts[v])),
            say("model" if np.isfinite(self.c2[2]) else "srmsr", srmsr=self.srmsr, **dict(zip(PARTS, self.c2.tolist(), strict=True))),
            say("left" if np.isfinite(self.eigenvalues).all() else "pairs", pairs=tied, n=above),
            say("persons", flagged=sum(map(bool, self.flags)), n=len(self.flags)),
            *(line + share for line, share in zip(told, shares, strict=True)),
            *([say("more", n=len(worst) - LINES)] if len(worst) > LINES else []),
            *worth_a_line(self.findings, 2, language=language),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return observed and expected points of the items with the most trouble, infit of all, or the eigenvalues."""
        say, rows = result_words("fit", language), self.by_trouble
        if kind == "infit":
            x = np.nan_to_num(self.infit[rows[::-1]], nan=1.0)
            half = Z95 * self.se_infit[rows[::-1]] if len(self.se_infit) else np.full(len(x), np.nan)
            names, at = [self.items[i] for i in rows[::-1]], (x, x - half, x + half)
            return interval_chart(names, at, title=say("infit"), x_label=say("infit_axis"), x_lines=(1.0,))
        if kind == "components":
            lines = [(say(name), self.eigenvalues[k, :SHOWN]) for k, name in ((0, "answers"), (1, "residuals"), (3, "chance"))]
            series = tuple(Series(name=name, mark="line", x=np.arange(1.0, len(y) + 1), y=y) for name, y in lines)
            return Chart(title=say("components"), x_label=say("component"), y_label=say("eigenvalue"), series=series)
        panels = []
        for i in rows[:PANELS]:
            _, expected, observed, _ = self.groups[i][:, np.isfinite(self.groups[i, 0])]
            drawn = [Series(name=say("expected"), mark="line", x=expected, y=expected)]
            drawn += [Series(name=say("observed"), mark="point", x=expected, y=observed)]
            panels.append(Chart(title=self.items[i], series=tuple(drawn) if len(expected) else ()))
        return Chart(title=say("curves"), panels=tuple(panels), across=3)
