"""Diagnosis from a Parquet file into a Parquet file or lines of JSON, in blocks of rows: memory does not grow with persons."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints, value
from competency_dx.bank import ItemBank
from competency_dx.competencies.api import DEFAULT_RULE, DEFAULT_STANDARDS, diagnose
from competency_dx.competencies.cohort_population import Cohort
from competency_dx.competencies.conclusion import STATES, deficits_chart, state_lines
from competency_dx.competencies.population import Stated
from competency_dx.competencies.rule import DeficitRule
from competency_dx.competencies.standards import Standards
from competency_dx.display import Chart, result_words
from competency_dx.documents import encode_fields
from competency_dx.errors import DiagnosisError
from competency_dx.findings import Finding, worth_a_line
from competency_dx.provenance import Provenance, digest_document, provenance
from competency_dx.responses import Layout, Responses
from competency_dx.result import MAX_LINES, DataFrame, Result, frame
from competency_dx.schemas import Count, Ids, Probability, held_to
from competency_dx.scoring import answer_blocks, complete_file, pyarrow_for

BLOCK = 10_000
AHEAD = 4  # blocks under way at a time on an executor
TEXTS = ("person", "competency", "title", "state", "level", "reported_at", "status", "leans_on")


@value
class FileProfiles(Result):
    """What became of a file of answers that was diagnosed; the conclusions themselves are in the file `target`.

    Attributes
    ----------
    target : str
        Path of the file written (a document has its name only), columns and rows as those of
        ``DeficitProfiles.to_frame()``.
    persons, blocks : int
        Number of persons, and of blocks they were read in.
    competencies : tuple of str
        C codes.
    states : ndarray of int, shape (C, 5)
        Persons in each of `STATES`.
    percent_mean : ndarray, shape (C,)
    expected_false_share : float
        Of the confirmed deficits, NaN where there is none.
    findings : tuple of Finding
        Of every kind the first one that occurred; its ids are those of one block.
    """

    kind: ClassVar[str] = "file_profiles"
    pictures: ClassVar[tuple[str, ...]] = ("states",)

    target: str
    persons: Count
    blocks: Count
    competencies: Ids
    states: Annotated[Ints, held_to("competencies", 5, minimum=0)]
    percent_mean: Annotated[Floats, held_to("competencies", minimum=0, maximum=100)]
    expected_false_share: Probability
    findings: tuple[Finding, ...]
    provenance: Provenance

    @property
    def path(self) -> Path:
        """Return the path of the file written."""
        return Path(self.target)

    def _document(self) -> dict[str, Any]:
        return encode_fields(self) | {"target": self.path.name}

    def to_frame(self) -> DataFrame:
        """Return one row per competency: its mean percent and the number of persons in each state."""
        counts = dict(zip(STATES, self.states.T, strict=True))
        return frame(competency=self.competencies, percent=self.percent_mean, **counts)

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
        return deficits_chart(self.competencies, 100 * self.states[:, :2].sum(axis=1) / self.persons, language)


class _Block(NamedTuple):
    """What a block of persons leaves: rows to write, as a table or as lines of JSON, and what is counted."""

    rows: DataFrame | str
    persons: int
    competencies: tuple[str, ...]
    states: Ints
    percent: Floats
    confirmed: Floats
    findings: tuple[Finding, ...]
    digest: str


def diagnose_file(
    source: str | Path,
    target: str | Path,
    bank: ItemBank,
    *,
    standards: Standards = DEFAULT_STANDARDS,
    rule: DeficitRule = DEFAULT_RULE,
    population: Stated = None,
    executor: Executor | None = None,
) -> FileProfiles:
    """Diagnose a Parquet file of answers into a Parquet file of conclusions or a file of profiles, in blocks of rows.

    The numbers are those that `diagnose` gives in memory. How the file is laid out is found out from its first rows and holds
    for all of it: one row per person. Ids must be unique in the file; they are compared within each block only. The target
    appears when it is complete.

    Parameters
    ----------
    source, target : path
        Parquet files; an existing target is replaced. A target that ends in ``.jsonl`` gets one document of a `Profile` a line.
    bank : ItemBank
    standards, rule : Standards, DeficitRule
        As for `diagnose`.
    population : BankPopulation, NormalPopulation, LeafPopulations or None
        As for `diagnose`; `Cohort()` is for persons in memory: take ``diagnose(sample, …, population=Cohort()).population``.
    executor : concurrent.futures.Executor or None
        Where blocks are diagnosed (processes, a cluster's ``get_executor()``); None is here, one after the other.

    Raises
    ------
    MissingDependencyError
        When pyarrow is not installed.
    ScoringError, DiagnosisError
        When the file is not there, is no Parquet or has no rows, or bank and answers do not fit together.
    """
    if isinstance(population, Cohort):
        raise DiagnosisError("competencies.cohort_of_a_stream")
    as_lines = Path(target).suffix.lower() == ".jsonl"
    one = partial(_diagnosed, bank=bank, standards=standards, rule=rule, population=population, as_lines=as_lines)
    blocks = answer_blocks(Path(source), bank, BLOCK, Layout())
    with complete_file(Path(source), Path(target)) as unfinished:
        counted, made = _write(unfinished, _mapped(one, blocks, executor))
    return FileProfiles(target=str(target), provenance=made, **counted)


def _diagnosed(
    data: Responses, *, bank: ItemBank, standards: Standards, rule: DeficitRule, population: Stated, as_lines: bool
) -> tuple[_Block, Provenance]:
    profiles = diagnose(data, bank, standards=standards, rule=rule, population=population)
    return _Block(
        rows="".join(f"{profile.to_json()}\n" for profile in profiles) if as_lines else profiles.to_frame(),
        persons=len(profiles),
        competencies=tuple(c.code for c in profiles.competencies),
        states=(profiles.state[:, :, None] == np.arange(len(STATES))).sum(axis=0),
        percent=profiles.percent.sum(axis=0),
        confirmed=np.array([(profiles.state == 0).sum(), (1 - profiles.p_deficit)[profiles.state == 0].sum()]),
        findings=profiles.findings,
        digest=profiles.provenance.inputs["responses"],
    ), profiles.provenance


def _mapped(function: Any, blocks: Iterator[Any], executor: Executor | None) -> Iterator[Any]:  # noqa: ANN401 - as given
    """Yield the function of each block in order, with few of them under way."""
    if executor is None:
        yield from map(function, blocks)
        return
    under_way: deque[Any] = deque()
    for block in blocks:
        under_way.append(executor.submit(function, block))
        if len(under_way) == AHEAD:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _write(target: Path, blocks: Iterator[tuple[_Block, Provenance]]) -> tuple[dict[str, Any], Provenance]:
    """Write the conclusions block by block; return the fields of the result and the provenance."""
    digests: list[str] = []
    findings: dict[str, Finding] = {}
    sums: list[Any] = [0, 0, 0, 0]
    with ExitStack() as stack:
        for part, made in blocks:
            if not digests:
                write, first = stack.enter_context(_writer(target, part.rows)), (part, made)
            write(part.rows)
            sums = [x + y for x, y in zip(sums, (part.persons, part.states, part.percent, part.confirmed), strict=True)]
            digests.append(part.digest)
            findings = {f.code: f for f in part.findings} | findings
    (persons, states, percent, (n, false)), (part, made) = sums, first
    inputs = {**made.inputs, "responses": digest_document(digests)}
    return {
        "persons": persons,
        "blocks": len(digests),
        "competencies": part.competencies,
        "states": states,
        "percent_mean": percent / persons,
        "expected_false_share": float(false / n) if n else float("nan"),
        "findings": tuple(findings.values()),
    }, provenance("diagnose_file", inputs, dict(made.settings))


@contextmanager
def _writer(target: Path, rows: DataFrame | str) -> Iterator[Callable[[Any], object]]:
    """Hand out what writes blocks like this one to a file."""
    if isinstance(rows, str):
        with target.open("w", encoding="utf-8", newline="\n") as lines:
            yield lines.write
        return
    pa, parquet = pyarrow_for(target.name)
    kinds = {name: pa.string() for name in TEXTS} | {"n_items": pa.int64()}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in rows.columns])
    with parquet.ParquetWriter(target, schema) as file:
        yield lambda frame: file.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
