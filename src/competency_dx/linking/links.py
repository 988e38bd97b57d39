"""What links two scales, and what each common item says of it; points of one form in points of another, methods beside each other."""

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Z95, Bools, Count, Floats, Ids, Ints, held_to, value
from competency_dx.bank import BankPopulation, ParameterRecord, parse
from competency_dx.calibration import bank_records
from competency_dx.display import Chart, Series, interval_chart, point_chart, result_words
from competency_dx.findings import worth_a_line
from competency_dx.models import ItemParameters
from competency_dx.result import DataFrame, Outcome, Provenance, Result, digest_arrays, frame

NUMBERS = ("slope", "se_slope", "intercept", "se_intercept", "mean", "se_mean", "apart")


@value
class Link(Outcome):
    """θ on the old scale = `slope` θ on the new one + `intercept`, from common items, I in all S steps of a chain together.

    Attributes
    ----------
    step, used : (I,) Which step of the chain an item is common to, from 0, and whether it is linked by.
    covariance : (2, 2) Of slope and intercept.
    constants : (S, 2) Slope and intercept of each step.
    drift, drift_se, robust_z : (I,) Mean difficulty on the older side of the step less the linked one of the newer; the standard error
        of how far this is from where the items that did not move put it; and this distance in units of the error and of what items
        scatter beyond errors. NaN for what is not the same item on both sides.
    slope_drift, p : (I,) Slope on the older side less the linked one of the newer; p of difficulty and slope together.
    effect, effect_percent : (I,) Linked mean of the new population without the item less that with it, in θ of the old scale, and what
        this is in expected percent of the points of the old form; NaN where two items are left.
    parameters : All items of the new calibration on the old scale.
    """

    schema_version: ClassVar[int] = 4
    pictures: ClassVar[tuple[str, ...]] = ("drift",)
    method: str
    items: Annotated[tuple[str, ...], held_to(uniqueWith=("step",))]
    slope: float
    intercept: float
    covariance: Annotated[Floats, held_to(2, 2, type="number", covariance=True)]
    constants: Annotated[Floats, held_to("S", 2)]
    step: Annotated[Ints, held_to("items", minimum=0)]
    used: Annotated[Bools, held_to("items")]
    drift: Annotated[Floats, held_to("items")]
    drift_se: Annotated[Floats, held_to("items")]
    robust_z: Annotated[Floats, held_to("items")]
    slope_drift: Annotated[Floats, held_to("items")]
    p: Annotated[Floats, held_to("items", minimum=0, maximum=1)]
    effect: Annotated[Floats, held_to("items")]
    effect_percent: Annotated[Floats, held_to("items")]
    parameters: ItemParameters

    @classmethod
    def _lifted(cls, document: dict[str, Any], version: int) -> dict[str, Any]:
        items = len(document.get("items", ()))
        one = {"constants": [[document.get("slope"), document.get("intercept")]], "step": [0] * items, "used": [True] * items}
        absent = ("slope_drift", "p", *(("drift_se",) if version < 3 else ()), *(("effect_percent",) if version < 2 else ()))
        return document | dict.fromkeys(absent, [None] * items) | (one if version < 2 else {})

    @property
    def error(self) -> float:
        """Return the standard error of the linked mean of the new population: the `linking_error` of `measure_growth`."""
        at = np.array([(self.parameters.mean - self.intercept) / self.slope, 1.0])
        return float(np.sqrt(at @ self.covariance @ at))

    def theta(self, new: ArrayLike) -> Floats:
        """Return θ of the new scale on the old one."""
        return self.slope * np.asarray(new, dtype=np.float64) + self.intercept

    @property
    def linked_by(self) -> Mapping[str, tuple[str, ...]]:
        """Return the items on the old scale that the last step rests on, by the digest of the old bank or calibration."""
        last = self.used & (self.step == self.step.max())
        return {self.provenance.inputs.get("old", ""): tuple(compress(self.items, last))}

    def bank_records(self) -> tuple[ParameterRecord, ...]:
        """Return the items of the new calibration as records of a bank on the old scale; the error of the link is not in theirs."""
        p = self.parameters
        return bank_records(p, f"link-{digest_arrays(p.beta)[7:19]}", np.zeros(len(p.items), dtype=np.int64))

    def bank_population(self) -> BankPopulation:
        """Return the new population on the old scale; `error` is that of its mean."""
        stated = {"mean": self.parameters.mean, "variance": self.parameters.variance, "mean_se": self.error, "status": "scale"}
        return parse(BankPopulation, stated, self.kind)

    def bank_dimensions(self) -> Mapping[str, str]:
        """Return nothing: all items measure one competency."""
        return {}

    def to_frame(self) -> DataFrame:
        """Return one row per common item and step, with what each says of the link."""
        columns = ("step", "used", "drift", "drift_se", "robust_z", "slope_drift", "p", "effect", "effect_percent")
        return frame(item=self.items, **{name: getattr(self, name) for name in columns})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the constants with their errors, and the item that moved most."""
        say, se = result_words("linking", language), np.sqrt(np.diag(self.covariance))
        k = int(np.argmin(np.where(self.used, np.nan_to_num(self.p, nan=1.0), 2.0)))
        gone = tuple(i for i, used in zip(self.items, self.used, strict=True) if not used)
        most = {name: float(getattr(self, name)[k]) for name in ("drift", "slope_drift", "p", "effect")}
        return [
            say("head", items=int(self.used.sum()), method=say(self.method))
            + (say("chain", scales=len(self.constants) + 1) if len(self.constants) > 1 else ""),
            say("constants", slope=self.slope, se_slope=se[0], intercept=self.intercept, se_intercept=se[1], error=self.error),
            say("largest", item=self.items[k], **most),
            *([say("without", items=gone)] if gone else []),
            *worth_a_line(self.findings, language=language),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the drift of every common item."""
        say = result_words("linking", language)
        return point_chart(self.items, {"": self.drift}, title=say("title"), x_label=say("axis"), x_lines=(0.0,))


@value
class Equivalents(Result):
    """Points 0 … S of a new form in points of an old one, of which there are at most `highest`.

    `equivalent` and `se` (S + 1,) are these points and their standard errors, by ``true`` or ``observed`` `scores`.
    """

    pictures: ClassVar[tuple[str, ...]] = ("points",)
    scores: Literal["true", "observed"]
    method: str
    highest: Count
    equivalent: Annotated[Floats, held_to("S")]
    se: Annotated[Floats, held_to("S")]
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return one row for each number of points on the new form: points, percent, equivalent, se, percent_equivalent."""
        points = np.arange(len(self.equivalent))
        percent, there = 100 * points / max(points[-1], 1), 100 * self.equivalent / max(self.highest, 1)
        return frame(points=points, percent=percent, equivalent=self.equivalent, se=self.se, percent_equivalent=there)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the forms and the scores, and where the same percent would be farthest from the equivalent one."""
        say, table = result_words("linking", language), self.to_frame()
        k = int((table["percent_equivalent"] - table["percent"]).abs().to_numpy().argmax())
        at = {str(name): float(x.iloc[k]) for name, x in table.drop(columns="points").items()}
        head = say("equivalents", most=len(table) - 1, highest=self.highest, scores=say(self.scores), method=say(self.method))
        return [head, say("farthest", points=k, **at)]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return percents of the old form by percents of the new one with 95 % limits, beside equal percents."""
        say, table, unit = result_words("linking", language), self.to_frame(), 100 / max(self.highest, 1)
        x, y = (table[name].to_numpy() for name in ("percent", "percent_equivalent"))
        thin = [Series(name="", mark="thin", x=x, y=end) for end in (y - Z95 * unit * self.se, y + Z95 * unit * self.se)]
        lines = (*thin, Series(name=say("equal"), mark="line", x=x, y=x), Series(name=say("equivalent"), mark="line", x=x, y=y))
        return Chart(title=say("title_points"), x_label=say("new_axis"), y_label=say("old_axis"), series=lines)


@value
class LinkMethods(Result):
    """The constants of a link by M `methods`: `numbers` (M, 7), as `to_frame` has them; the first method is what others are beside."""

    pictures: ClassVar[tuple[str, ...]] = ("means",)
    methods: Ids
    numbers: Annotated[Floats, held_to("methods", len(NUMBERS))]
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return one row per method: method, slope, intercept and mean, each with se_, and apart."""
        return frame(method=self.methods, **dict(zip(NUMBERS, self.numbers.T, strict=True)))

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the linked means, and which method is farthest from the first."""
        say, (mean, se, apart) = result_words("linking", language), self.numbers[:, 4:].T
        k, ends = int(apart.argmax()), {"low": float(mean.min()), "high": float(mean.max()), "error": float(se[0])}
        return [say("methods", n=len(mean), **ends), say("apart", method=say(self.methods[k]), apart=float(apart[k]))]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the linked mean by each method with its 95 % interval, the first method on top."""
        say, (mean, se) = result_words("linking", language), self.numbers[::-1, 4:6].T
        at = np.stack([mean, mean - Z95 * se, mean + Z95 * se])
        labels = [say("by_method", method=say(name)) for name in self.methods[::-1]]
        return interval_chart(labels, at, title=say("title_methods"), x_label=say("mean_axis"), x_lines=(float(mean[-1]),))
