"""Diagnosis from a Parquet file into a Parquet file or lines of JSON, in blocks of rows: memory does not grow with persons."""

from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np

from competency_dx.arrays import Count, Floats, Ids, Ints, Probability, held_to, value
from competency_dx.bank import ItemBank
from competency_dx.competencies.api import DEFAULT_RULE, DEFAULT_STANDARDS, diagnose
from competency_dx.competencies.conclusion import STATES, DeficitRule, Standards, deficit_chart, state_lines
from competency_dx.competencies.plan import plan
from competency_dx.competencies.population import Cohort, Stated
from competency_dx.display import Chart, result_words
from competency_dx.errors import DiagnosisError, checked
from competency_dx.findings import Finding, of_blocks, worth_a_line
from competency_dx.kernels.blocks import mapped_ahead
from competency_dx.responses import Layout, Responses
from competency_dx.result import MAX_LINES, DataFrame, Outcome, digest_document, encode_fields, frame, provenance
from competency_dx.scoring import answer_blocks, complete_file, parquet_writer

BLOCK = 10_000


@value
class FileProfiles(Outcome):
    """What became of a file of answers that was diagnosed; the conclusions themselves are in the file `target`.

    Attributes
    ----------
    target : Path of the file written (a document has its name only), columns and rows as those of ``DeficitProfiles.to_frame()``.
    persons, blocks : Number of persons, and of blocks they were read in.
    competencies : C codes.
    states : (C, 5) Persons in each of `STATES`.
    percent_mean : ndarray, shape (C,)
    expected_false_share : Of the confirmed deficits, NaN where there is none.
    findings : Of every kind the first one that occurred; its ids are those of one block.
    """

    pictures: ClassVar[tuple[str, ...]] = ("states",)
    target: str
    persons: Count
    blocks: Count
    competencies: Ids
    states: Annotated[Ints, held_to("competencies", 5, minimum=0)]
    percent_mean: Annotated[Floats, held_to("competencies", minimum=0, maximum=100)]
    expected_false_share: Probability

    @property
    def path(self) -> Path:
        """Return the path of the file written."""
        return Path(self.target)

    def _document(self) -> dict[str, Any]:
        return encode_fields(self) | {"target": self.path.name}

    def to_frame(self) -> DataFrame:
        """Return one row per competency: its mean percent and the number of persons in each state."""
        return frame(competency=self.competencies, percent=self.percent_mean, **dict(zip(STATES, self.states.T, strict=True)))

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return where the profiles are and how many persons are in each state."""
        say = result_words("competencies", language)
        lines = [
            say("file", persons=self.persons, blocks=self.blocks, path=self.path.name),
            say("false_share", share=self.expected_false_share),
            *worth_a_line(self.findings, language=language),
        ]
        return [*lines, *state_lines(self.competencies, self.states, MAX_LINES - len(lines), language)]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the share of persons with a confirmed or likely deficit in each competency."""
        return deficit_chart(self.competencies, 100 * self.states[:, :2].sum(axis=1) / self.persons, language)


@checked(DiagnosisError)
def diagnose_file(
    source: str | Path,
    target: str | Path,
    bank: ItemBank,
    *,
    standards: Standards = DEFAULT_STANDARDS,
    rule: DeficitRule = DEFAULT_RULE,
    population: Cohort | Stated = None,
    executor: Executor | None = None,
) -> FileProfiles:
    """Diagnose a Parquet file of answers into a Parquet file of conclusions or a file of profiles, in blocks of rows.

    The numbers are those that `diagnose` gives in memory. How the file is laid out is found out from its first rows and holds for all
    of it: one row per person. Ids must be unique in the file; they are compared within each block only. The target appears when it is
    complete. Raises `MissingDependencyError` when pyarrow is not installed. Raises `ScoringError` or `DiagnosisError` when the file is
    not there, is no Parquet or has no rows, or bank and answers do not fit together.

    Parameters
    ----------
    source, target : Parquet files; an existing target is replaced. A target that ends in ``.jsonl`` gets one document of a `Profile` a
        line.
    bank : ItemBank
    standards, rule : Standards, DeficitRule. As for `diagnose`.
    population : BankPopulation, NormalPopulation, LeafPopulations or None. As for `diagnose`; `Cohort()` is for persons in memory: take
        ``diagnose(sample, …, population=Cohort()).population``.
    executor : Where blocks are diagnosed (processes, a cluster's ``get_executor()``); None is here, one after the other.
    """
    if isinstance(population, Cohort):
        raise DiagnosisError("competencies.cohort_of_a_stream")
    as_lines = Path(target).suffix.lower() == ".jsonl"
    one = partial(_diagnosed, bank=bank, standards=standards, rule=rule, population=population, as_lines=as_lines)
    digests, findings, sums = list[str](), list[Finding](), list[Any]([0, 0, 0, 0])
    with complete_file(Path(source), Path(target)) as unfinished, ExitStack() as stack:
        for rows, counted, found, made in mapped_ahead(one, answer_blocks(Path(source), bank, BLOCK, Layout()), executor):
            if not digests:
                lines = stack.enter_context(unfinished.open("w", encoding="utf-8", newline="\n")) if as_lines else None
                write = lines.write if lines else stack.enter_context(parquet_writer(unfinished, rows.columns))
            write(rows)
            sums = [x + y for x, y in zip(sums, counted, strict=True)]
            digests.append(made.inputs["responses"])
            findings += found
    persons, states, percent, (n, false) = sums
    return FileProfiles(
        target=str(target),
        persons=persons,
        blocks=len(digests),
        competencies=tuple(c.code for c in plan(bank, standards, population).units.competencies),
        states=states,
        percent_mean=percent / persons,
        expected_false_share=float(false / n) if n else float("nan"),
        findings=of_blocks(findings),
        provenance=provenance("diagnose_file", {**made.inputs, "responses": digest_document(digests)}, dict(made.settings)),
    )


def _diagnosed(data: Responses, *, as_lines: bool, **choices: Any) -> tuple[Any, ...]:  # noqa: ANN401 - those of `diagnose`
    """Return of a block of persons the rows to write, what adds up over blocks, findings and provenance."""
    profiles = diagnose(data, **choices)
    confirmed = profiles.state == 0
    sums = (
        len(profiles),
        (profiles.state[:, :, None] == np.arange(len(STATES))).sum(axis=0),
        profiles.percent.sum(axis=0),
        np.array([confirmed.sum(), (1 - profiles.p_deficit)[confirmed].sum()]),
    )
    rows = "".join(f"{profile.to_json()}\n" for profile in profiles) if as_lines else profiles.to_frame()
    return rows, sums, profiles.findings, profiles.provenance
