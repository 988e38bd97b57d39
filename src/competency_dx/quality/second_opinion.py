"""Cross-checking a calibration against an independent program, item by item."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from competency_dx.arrays import Bools, Count, Floats, held_to, value
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration, Girth, evidence, girth_estimates, girth_family
from competency_dx.display import Chart, code_word, point_chart, result_words, setting_word
from competency_dx.errors import LANGUAGES, CalibrationError, checked
from competency_dx.findings import Template, announce, gathered, worth_a_line
from competency_dx.models import FAMILIES, ItemParameters
from competency_dx.responses import answers_to_tests
from competency_dx.result import DataFrame, Outcome, frame, provenance
from competency_dx.wording import listed

Verdict = Literal["agrees", "differs", "undecided", "girth is higher"]
LIMIT = 0.5  # standard errors; also what the log-likelihoods may differ by: LIMIT² / 2 a parameter
SAME_DATA = 1e-2  # the responses given must give the calibration's log-likelihood back within this
ABOVE = 1e-2  # log-likelihood that girth may lie above a maximum: rounding of the grids


@value
class CrossCheck(Outcome):
    """Parameters of a calibration beside those of girth, one row per parameter.

    Rule of the verdict. *agrees*: every parameter with a standard error lies within half of it, and the log-likelihoods, both
    marginal and on the same support, within 1/8 a free parameter, which is what half a standard error everywhere costs at most.
    *girth is higher*: girth's parameters have the higher likelihood although the calibration was to maximise it. *undecided*:
    they differ, and girth has a reason of its own to be wrong (see `findings`). *differs*: they differ, and it has none.

    Attributes
    ----------
    function : The function of girth.
    items, families, parameters : (N,) What each row is about; the last row of a Rasch test is the population's variance.
    ours, girth, se : (N,) Estimates, and the standard error of ours; NaN where the calibration has none.
    at_bound : (N,) Where girth ended at a bound of its search; such rows are not judged.
    penalised : Whether the calibration has priors.
    log_likelihood, girth_log_likelihood : This library's marginal log-likelihood at either set of parameters.
    girth_converged : Whether girth stopped by its own criterion, off its bounds, with the population where it was put.
    """

    schema_version: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("differences",)
    model: str
    function: str
    items: Annotated[tuple[str, ...], held_to(uniqueWith=("parameters",))]
    families: Annotated[tuple[str, ...], held_to("items")]
    parameters: Annotated[tuple[str, ...], held_to("items")]
    ours: Annotated[Floats, held_to("items")]
    girth: Annotated[Floats, held_to("items")]
    se: Annotated[Floats, held_to("items", minimum=0)]
    at_bound: Annotated[Bools, held_to("items")]
    log_likelihood: float
    girth_log_likelihood: float
    n_parameters: Count
    penalised: bool
    girth_converged: bool

    @classmethod
    def _lifted(cls, document: dict[str, Any], version: int) -> dict[str, Any]:  # noqa: ARG003 - one earlier schema
        """Read from a finding of schema 1 that the calibration has priors."""
        return document | {"penalised": any(f["code"] == "quality.priors" for f in document["findings"])}

    @property
    def in_se(self) -> Floats:
        """Return girth's estimate minus ours in units of our standard error (N,), NaN where there is none."""
        return np.asarray((self.girth - self.ours) / np.where(self.se > 0, self.se, np.nan))

    @property
    def judged(self) -> Bools:
        """Return the rows (N,) with a standard error and off girth's bounds."""
        return np.asarray(np.isfinite(self.in_se) & ~self.at_bound)

    @property
    def verdict(self) -> Verdict:
        """Return the verdict by the rule of this class."""
        gap = self.log_likelihood - self.girth_log_likelihood
        if -gap > ABOVE and not self.penalised:
            return "girth is higher"
        near = bool((np.abs(self.in_se[self.judged]) <= LIMIT).all()) and self.judged.any()
        if near and abs(gap) <= self.n_parameters * LIMIT**2 / 2:
            return "agrees"
        excused = any(f.code in {"calibration.girth_shares", "quality.priors"} for f in self.findings)
        return "undecided" if excused or not self.girth_converged else "differs"

    def to_frame(self) -> DataFrame:
        """Return one row per parameter: item, family, parameter, ours, girth, difference, se, in_se, verdict."""
        words = np.where(np.abs(self.in_se) <= LIMIT, "agrees", "differs").astype(object)
        words[~np.isfinite(self.in_se)] = "no standard error"
        words[self.at_bound] = "girth at its bound"
        columns = {"item": self.items, "family": self.families, "parameter": self.parameters, "ours": self.ours, "girth": self.girth}
        return frame(**columns, difference=self.girth - self.ours, se=self.se, in_se=self.in_se, verdict=words)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the verdict, the largest difference and the likelihoods."""
        size = np.where(self.judged, np.abs(np.nan_to_num(self.in_se)), -1.0)
        k = int(size.argmax()) if len(size) else 0
        far = int((size > LIMIT).sum())
        say, verdict = result_words("quality", language), code_word("verdict", self.verdict, language)
        most = {"most": max(float(size[k]), 0.0), "item": self.items[k], "parameter": self.parameters[k]}
        return [
            say("check", model=self.model, function=self.function, verdict=verdict),
            say("largest", **most, far=far, n=int(self.judged.sum()), limit=LIMIT),
            say("likelihoods", ours=self.log_likelihood, girth=self.girth_log_likelihood),
            *worth_a_line(self.findings, language=language),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the differences in standard errors, one row per judged parameter, the first on top."""
        say, rows = result_words("quality", language), np.flatnonzero(self.judged)
        names, columns = [f"{self.items[r]} {self.parameters[r]}" for r in rows], {"": self.in_se[rows]}
        return point_chart(names, columns, title=say("differences"), x_label=say("differences_axis"), x_lines=(-LIMIT, 0.0, LIMIT))


@checked(CalibrationError)
def cross_check(
    calibration: Calibration, responses: object, *, bank: ItemBank | None = None, method: Girth | None = None
) -> CrossCheck:
    """Estimate the items of a calibration anew by girth and table the differences.

    A calibration holds no answers of persons: give the responses it was made from. They must reproduce its log-likelihood.
    Raises `CalibrationError` when the responses are others, or girth has no function for the families.

    Parameters
    ----------
    calibration : Of Rasch, 1PL, 2PL, GRM or GPCM items (2PL items may stand beside GRM or GPCM), one competency.
    responses : Responses, data frame, array or path. The responses it was made from.
    bank : Keys, where the responses are raw answers.
    method : Quadrature of girth, and the missing policy of the calibration where it was not the default.
    """
    parameters = calibration.parameters
    if len(parameters.dimensions) > 1:
        raise CalibrationError("calibration.girth_one_competency", dimensions=parameters.dimensions)
    if len(calibration.groups) > 1:
        raise CalibrationError("calibration.girth_one_population", groups=calibration.groups)
    family, chosen = girth_family(parameters.families), method or Girth()
    data = answers_to_tests(responses, bank)
    given = gathered(data.findings, calibration.findings)
    table = data.select(items=parameters.items).effective(chosen.missing)
    if above := [*compress(parameters.items, table[0].max(axis=0, initial=0) >= parameters.n_categories)]:
        raise CalibrationError("quality.scores_above", high=listed(above))
    mine = evidence(*table, parameters, points=calibration.certificate.points)
    if not abs(mine.log_likelihood - calibration.log_likelihood) <= SAME_DATA:
        levels = {"log_likelihood": mine.log_likelihood, "log_likelihood2": calibration.log_likelihood}
        raise CalibrationError("quality.other_responses", **levels)
    opinion = girth_estimates(*table, parameters.n_categories, family, items=parameters.items, method=chosen)
    other = opinion.placed(parameters)
    theirs = evidence(*table, other, points=mine.points)
    priors = calibration.provenance.settings.get("priors", "")
    worded = {lang: setting_word(priors, lang) for lang in LANGUAGES}
    pull = [Template("quality.priors").of(priors=worded)] if calibration.penalised else []
    inputs = {"calibration": calibration.digest, **calibration.provenance.inputs}
    out = CrossCheck(
        model=calibration.model,
        function=opinion.function,
        **_rows(calibration, other, opinion.at_bound),
        log_likelihood=mine.log_likelihood,
        girth_log_likelihood=theirs.log_likelihood,
        n_parameters=calibration.n_parameters,
        penalised=calibration.penalised,
        girth_converged=opinion.settled(theirs),
        findings=gathered(given, opinion.doubts(theirs, parameters.items), pull),
        provenance=provenance("cross_check", inputs, {"method": opinion.described(chosen), "priors": priors}),
    )
    far = np.array(out.items, dtype=object)[out.judged & (np.abs(out.in_se) > LIMIT)]
    if out.verdict != "agrees":  # what the verdict asks to be done
        higher = out.verdict == "girth is higher"
        note = Template("quality.girth_higher").of() if higher else Template(f"quality.{out.verdict}").of(far, limit=LIMIT)
        out = replace(out, findings=(*out.findings, note))
    announce(out.findings, known=given)
    return out


def _rows(calibration: Calibration, other: ItemParameters, at_bound: Bools) -> dict[str, Any]:
    """Return the columns of the comparison, a value a parameter (N,)."""
    ours, frame = calibration.parameters, calibration.to_frame()
    rows: list[tuple[Any, ...]] = []
    for i, (item, family, m) in enumerate(zip(ours.items, ours.families, ours.n_categories, strict=True)):
        both = np.flatnonzero(np.isfinite(ours.difficulties[i]) & np.isfinite(other.difficulties[i]))
        pairs = {"a": (ours.slope[i], other.slope[i])} if FAMILIES[family].slope != "fixed" else {}
        pairs |= {"b" if m == 2 else f"b{k + 1}": (ours.difficulties[i, k], other.difficulties[i, k]) for k in both}
        rows += [(item, family, name, *pair, frame.iloc[i][f"se_{name}"], at_bound[i]) for name, pair in pairs.items()]
    if ours.variance != other.variance:
        se, *_ = *calibration.standard_errors[calibration.table.is_kind("variance")], np.nan
        rows.append(("population", "normal", "variance", ours.variance, other.variance, se, False))
    return dict(zip(("items", "families", "parameters", "ours", "girth", "se", "at_bound"), zip(*rows, strict=True), strict=True))
