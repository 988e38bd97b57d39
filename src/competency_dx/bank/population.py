"""The population a bank knows: mean, SD and correlations of the competencies its items measure, each with its uncertainty."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from competency_dx.bank.document import Document
from competency_dx.errors import BankError

Correlation = Annotated[float, Field(ge=0, le=0.99)]
OF_EVERY_SCHEMA = ("mean", "variance")


class Correlations(Document):
    """Correlations of the leaves: one within a cluster, one between clusters, with standard errors of Fisher's z.

    The default is what studies of teachers and of students report between domains of one subject, .6 to .9: TEDS-M
    (Blömeke, Houang & Suhl 2011), COACTIV (Krauss et al. 2008, doi:10.1037/0022-0663.100.3.716) and PISA (OECD 2014, Annex A).
    """

    within: Correlation = 0.8
    between: Correlation = 0.75
    within_se: float = Field(default=0.25, ge=0)
    between_se: float = Field(default=0.25, ge=0)


class CorrelationMatrix(Document):
    """Correlations of named leaves (lower triangle, row by row from the second leaf), with standard errors of Fisher's z."""

    leaves: tuple[str, ...] = Field(min_length=1)
    values: tuple[Annotated[float, Field(gt=-1, lt=1)], ...]
    se: tuple[Annotated[float, Field(ge=0)], ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        D = len(self.leaves)
        pairs = D * (D - 1) // 2
        if len(self.values) != pairs or len(self.se) not in {0, pairs} or len(set(self.leaves)) != D:
            raise BankError("bank.correlations", d=D, pairs=pairs)
        return self


class LeafPopulation(Document):
    """Mean and SD of θ on one leaf."""

    mean: float = 0.0
    sd: float = Field(default=1.0, gt=0)


class BankPopulation(Document):
    """Normal population that the parameters refer to.

    Attributes
    ----------
    mean, variance : float
        Of θ, on every leaf that `leaves` does not name and where all items are taken as measuring one competency.
    leaves : dict of str to LeafPopulation
        Mean and SD of single leaves, by code.
    correlations : Correlations or CorrelationMatrix
        A pattern of two levels, or every pair.
    mean_se : float
        Standard error of the mean of each leaf.
    sd_se : float
        Relative standard error of the SD, common to all leaves.
    status : {"provisional", "scale", "estimated"}
        What persons stand behind: nothing, mean and variance but no correlation, or all of it.
    group, date, source : str
        Whose population, when, and from where.
    n : int
        Persons it was estimated from.
    """

    mean: float = 0.0
    variance: float = Field(default=1.0, gt=0)
    leaves: dict[str, LeafPopulation] = Field(default_factory=dict)
    correlations: Correlations | CorrelationMatrix = Correlations()
    mean_se: float = Field(default=0.1, ge=0)
    sd_se: float = Field(default=0.1, ge=0)
    status: Literal["provisional", "scale", "estimated"] = "provisional"
    group: str = ""
    n: int = Field(default=0, ge=0)
    date: str = ""
    source: str = ""

    @model_serializer(mode="wrap")
    def _without_defaults(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what schema 1 did not have where it says nothing new: such banks keep their digest."""
        out: dict[str, Any] = written(self)
        fresh = self.model_fields_set
        return {name: v for name, v in out.items() if name in OF_EVERY_SCHEMA or name in fresh}
