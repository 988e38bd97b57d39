"""The parameters file of a bank, one row per item in the (a, b) metric with standard errors, and the population they refer to."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from competency_dx.bank.document import Document, parse
from competency_dx.errors import BankError, phrase, repeated
from competency_dx.storage import limits_in_force

Correlation = Annotated[float, Field(ge=0, le=0.99)]
Difficulty = Annotated[float, Field(ge=-1e3, le=1e3)]
Error = Annotated[float, Field(ge=0, le=1e3)]
"""Beyond a thousand logits nothing can be told of anybody, and squares of what is far beyond them are no numbers of a computer."""
OF_EVERY_SCHEMA = ("mean", "variance")


class ParameterRecord(Document):
    """Parameters of one item: dichotomous logit = a(θ - b); steps logit(k against k-1) = a(θ - b_k), one `b` per step.

    At `a` = 100 an item is a step: all below b fail it and all above pass. `c` is the lower asymptote of a 3PL, `c` and `u` are of
    a 4PL, c below u. `se_a` is None where the model fixes the slope. `status` is provisional where parameters rest on judgement: their
    standard errors are carried into every score.
    """

    item: str = Field(min_length=1)
    model: Literal["Rasch", "1PL", "2PL", "3PL", "4PL", "PCM", "RSM", "GPCM", "GRM"]
    a: float = Field(ge=-100, le=100)
    b: tuple[Difficulty, ...] = Field(min_length=1)
    c: float | None = Field(default=None, ge=0, lt=1)
    u: float | None = Field(default=None, gt=0, le=1)
    se_a: Error | None = None
    se_c: Error | None = None
    se_u: Error | None = None
    se_b: tuple[Error | None, ...] = Field(default=(), json_schema_extra={"axes": ["b?"]})
    status: Literal["provisional", "pilot", "calibrated"] = "provisional"
    calibration: str = ""
    n: int = Field(default=0, ge=0)
    date: str = Field(default="", pattern=r"^(\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?$")

    def has_numbers_of(self, other: "ParameterRecord") -> bool:
        """Return whether both have the same slope, difficulties and asymptotes, to the last digits of a change of form."""
        mine, theirs = ([r.a, *r.b, r.c or 0.0, 1.0 if r.u is None else r.u] for r in (self, other))
        return len(mine) == len(theirs) and all(map(partial(math.isclose, rel_tol=1e-9, abs_tol=1e-9), mine, theirs))


def read_parameters(text: str, source: str) -> tuple[ParameterRecord, ...]:
    """Read the CSV text of a parameters file.

    Raises `BankError` when a column is missing or there twice, a row has another number of cells, a number cannot be read (the
    row and column are named), a step is missing or an item repeats.
    """
    text = re.sub(r"\A\ufeff?(?:sep=.\r?\n)?", "", text)
    head = text.partition("\n")[0]  # a Russian spreadsheet program writes semicolons and decimal commas
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=head.count))
    names = [name.strip() for name in next(reader, [])]
    if missing := {"item", "model", "a", "status"} - set(names):
        raise BankError("bank.parameters_columns", source=source, missing=sorted(missing))
    if twice := repeated(name for name in names if name):
        raise BankError("bank.parameters_headings", source=source, twice=twice)
    records, limits = list[ParameterRecord](), limits_in_force()
    rows = list(islice(((k, row) for k, row in enumerate(reader, start=2) if any(map(str.strip, row))), limits.items + 1))
    limits.check(source, columns=len(names), items=len(rows))
    for number, cells in rows:
        where = phrase("bank.row", source=source, number=number)
        if len(cells) != len(names):
            raise BankError("bank.parameters_cells", where=where, cells=len(cells), names=len(names))
        records.append(_record(dict(zip(names, cells, strict=True)), where))
    if twice := repeated(r.item for r in records):
        raise BankError("bank.parameters_twice", source=source, twice=twice[0])
    return tuple(records)


def _record(row: dict[str, str], where: Mapping[str, str]) -> ParameterRecord:
    def number(name: str) -> float | None:
        if not (text := (row.get(name) or "").strip()):
            return None
        try:
            out = float(text.replace("\N{MINUS SIGN}", "-").replace(",", "."))
        except ValueError:
            raise BankError("bank.not_a_number", where=where, name=name, words=text) from None
        if not math.isfinite(out):
            raise BankError("bank.not_finite", where=where, name=name, words=text)
        return out

    filled = [name for name in row if re.fullmatch(r"b\d*", name) and number(name) is not None]
    steps = ["b"] if "b" in filled else [f"b{k + 1}" for k in range(len(filled))]
    if not filled or set(steps) != set(filled):
        raise BankError("bank.parameters_difficulties", where=where, filled=filled)
    errors = [name for name in row if re.fullmatch(r"se_b\d*", name) and number(name) is not None]
    if not {name.removeprefix("se_") for name in errors} <= set(filled):
        raise BankError("bank.parameters_error_columns", where=where, errors=errors, filled=filled)
    n = number("n") or 0.0
    if n != int(n):
        raise BankError("bank.not_a_number", where=where, name="n", words=row["n"])
    data: dict[str, Any] = {name: row[name] for name in ("item", "model", "status")}
    data |= {name: row.get(name) or "" for name in ("calibration", "date")}
    data |= {name: number(name) for name in ("a", "c", "u", "se_a", "se_c", "se_u")}
    data |= {"b": [number(b) for b in steps], "se_b": [number(f"se_{b}") for b in steps], "n": int(n)}
    return parse(ParameterRecord, data, where)


def number_columns(records: Sequence[ParameterRecord]) -> list[str]:
    """Return the columns of what is estimated, as many as the steps of the records need, with their standard errors."""
    steps = [f"b{k + 1}" for k in range(max((len(r.b) for r in records if len(r.b) > 1), default=0))]
    loose = [f"se_{x}" for x in ("c", "u") if any(getattr(r, f"se_{x}") is not None for r in records)]
    return ["a", "b", *steps, "c", "u", "se_a", "se_b", *(f"se_{step}" for step in steps), *loose]


def write_parameters(records: Sequence[ParameterRecord]) -> str:
    """Write the CSV text of a parameters file; reading it again gives the same records."""
    out, columns = io.StringIO(), ["item", "model", *number_columns(records), "status", "calibration", "n", "date"]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(parameter_row, records))
    return out.getvalue()


def parameter_row(record: ParameterRecord) -> dict[str, Any]:
    """Return a record as one flat row with the columns of the parameters file."""
    row = record.model_dump(exclude={"b", "se_b"} | {n for n in ("se_c", "se_u") if getattr(record, n) is None})
    for name, values in (("b", record.b), ("se_b", record.se_b)):
        row |= {name: values[0]} if len(values) == 1 else {f"{name}{k + 1}": v for k, v in enumerate(values)}
    return row


class Correlations(Document):
    """Correlations of the leaves: one within a cluster, one between clusters, with standard errors of Fisher's z.

    The default is what studies of teachers and of students report between domains of one subject, .6 to .9: TEDS-M
    (Blömeke, Houang & Suhl 2011), COACTIV (Krauss et al. 2008, doi:10.1037/0022-0663.100.3.716) and PISA (OECD 2014, Annex A).
    """

    within: Correlation = 0.8
    between: Correlation = 0.75
    within_se: float = Field(default=0.25, ge=0, le=10)
    between_se: float = Field(default=0.25, ge=0, le=10)


class CorrelationMatrix(Document):
    """Correlations of named leaves (lower triangle, row by row from the second leaf), with standard errors of Fisher's z."""

    leaves: tuple[str, ...] = Field(min_length=1)
    values: tuple[Annotated[float, Field(gt=-1, lt=1)], ...]
    se: tuple[Annotated[float, Field(ge=0, le=10)], ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        D = len(self.leaves)
        pairs = D * (D - 1) // 2
        if len(self.values) != pairs or len(self.se) not in {0, pairs} or len(set(self.leaves)) != D:
            raise BankError("bank.correlations", d=D, pairs=pairs)
        return self


class LeafPopulation(Document):
    """Mean and SD of θ on one leaf."""

    mean: float = Field(default=0.0, ge=-100, le=100)
    sd: float = Field(default=1.0, ge=1e-3, le=100)


class BankPopulation(Document):
    """Normal population that the parameters refer to.

    `mean` and `variance` are of θ on every leaf that `leaves` does not name, and where all items are taken as measuring one competency;
    `correlations` are a pattern of two levels or every pair. `mean_se` is the standard error of the mean of each leaf, `sd_se` the
    relative one of the SD, common to all leaves. `status` tells what persons stand behind: nothing, mean and variance but no
    correlation, or all of it; `group`, `date`, `source` and `n` whose population it is, when, from where and of how many persons.
    """

    mean: float = Field(default=0.0, ge=-100, le=100)
    variance: float = Field(default=1.0, ge=1e-6, le=1e4)
    leaves: dict[str, LeafPopulation] = Field(default_factory=dict)
    correlations: Correlations | CorrelationMatrix = Correlations()
    mean_se: float = Field(default=0.1, ge=0, le=10)
    sd_se: float = Field(default=0.1, ge=0, le=1)
    status: Literal["provisional", "scale", "estimated"] = "provisional"
    group: str = ""
    n: int = Field(default=0, ge=0)
    date: str = ""
    source: str = ""

    @model_serializer(mode="wrap")
    def _without_defaults(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what schema 1 did not have where it says nothing new: such banks keep their digest."""
        return {name: v for name, v in written(self).items() if name in OF_EVERY_SCHEMA or name in self.model_fields_set}


class Scaled(Protocol):
    """What a bank takes of a calibration."""

    def bank_records(self) -> tuple[ParameterRecord, ...]:
        """Return a record of each item."""

    def bank_dimensions(self) -> Mapping[str, str]:
        """Return the competency of each item, empty where there is one for all."""

    def bank_population(self) -> BankPopulation:
        """Return the population for the header of a bank."""
