"""Scoring from a Parquet file into a Parquet file in blocks of rows: memory does not grow with the number of persons."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np

from competency_dx.arrays import Count, Floats, Ids, Ints, held_to, names, value
from competency_dx.bank import ItemBank
from competency_dx.display import Chart, Series, code_word, result_words
from competency_dx.errors import CompetencyDxError, ScoringError, checked, needing
from competency_dx.findings import Finding, of_blocks, worth_a_line
from competency_dx.persons import DEFAULT_METHOD, PERSON, Method, parameters_of, plain_points
from competency_dx.responses import Layout, Responses, load_responses, settle_layout
from competency_dx.result import DataFrame, Outcome, crossed, digest_document, encode_fields, provenance
from competency_dx.scoring.api import STATUSES, score, status_line
from competency_dx.storage import whole_file

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

BLOCK = 50_000
BUFFER = 1 << 20  # bytes of a column read at once: without it a row group is held whole
SETTLED = 10_000  # rows from which the layout is found out
COLUMNS = ("person", "dimension", "theta", "se", "ci_low", "ci_high", "n_items", "status")
TEXTS = ("person", "dimension", "competency", "title", "state", "level", "reported_at", "status", "leans_on")


@value
class FileScores(Outcome):
    """What became of a file that was scored; the estimates themselves are in the file `target`.

    Attributes
    ----------
    target : Path of the Parquet file written (a document has its name only), columns and rows as those of ``Scores.to_frame()``.
    method : str
    persons, blocks : Number of persons, and of blocks they were read in.
    dimensions : D names.
    statuses : (D, 4) Persons with the status ok, extreme_low, extreme_high, no_responses.
    theta_mean, theta_sd, mean_se : (D,) Over all persons.
    findings : Of every kind the first one that occurred; its ids are those of one block.
    """

    schema_version: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("status",)
    target: str
    method: str
    persons: Count
    blocks: Count
    dimensions: Ids
    statuses: Annotated[Ints, held_to("dimensions", 4, minimum=0)]
    theta_mean: Annotated[Floats, held_to("dimensions")]
    theta_sd: Annotated[Floats, held_to("dimensions", minimum=0)]
    mean_se: Annotated[Floats, held_to("dimensions", minimum=0)]

    @classmethod
    def _lifted(cls, document: dict[str, Any], version: int) -> dict[str, Any]:  # noqa: ARG003 - one earlier schema
        """Make lists of what schema 1 says of its one competency."""
        return document | {k: [document[k]] for k in ("statuses", "theta_mean", "theta_sd", "mean_se")} | {"dimensions": ["theta"]}

    @property
    def path(self) -> Path:
        """Return the path of the file written."""
        return Path(self.target)

    def _document(self) -> dict[str, Any]:
        return encode_fields(self) | {"target": self.path.name}

    def to_frame(self) -> DataFrame:
        """Return one row per dimension and status with the number of persons; read `path` for the estimates."""
        return crossed({"dimension": self.dimensions}, {"status": STATUSES}, {"persons": self.statuses})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return where the scores are, how many there are and how they are spread."""
        say = result_words("scoring", language)
        return [
            say("file", method=self.method, persons=self.persons, blocks=self.blocks, path=self.path.name),
            *(
                say("file_moments", name=code_word("dimension", name, language), mean=float(m), sd=float(sd), se=float(se))
                for name, m, sd, se in zip(self.dimensions, self.theta_mean, self.theta_sd, self.mean_se, strict=True)
            ),
            status_line(self.statuses.sum(axis=0), language),
            *worth_a_line(self.findings, language=language),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the number of persons by status."""
        at, rows = np.arange(len(STATUSES), dtype=float), zip(self.dimensions, self.statuses.astype(float), strict=True)
        marks = tuple(Series(name=name if len(self.dimensions) > 1 else "", mark="point", x=n, y=at) for name, n in rows)
        say, names = result_words("scoring", language), tuple(code_word("status", s, language) for s in STATUSES)
        return Chart(title=say("by_status"), x_label=say("persons_axis"), y_label="", series=marks, y_names=names)


@checked(ScoringError)
def score_file(
    source: str | Path,
    target: str | Path,
    parameters: "ItemBank | Calibration",
    *,
    method: Method = DEFAULT_METHOD,
    block: int = BLOCK,
    person: str | None = None,
    layout: Layout | None = None,
) -> FileScores:
    """Score a Parquet file of answers into a Parquet file of estimates, in blocks of rows.

    The estimates have the bytes that `score` gives in memory. How the file is laid out is found out from the first 10,000
    rows (or said by `layout`) and holds for all of it: one row per person. Ids must be unique in the file; they are
    compared within each block only. The target appears when it is complete.
    Raises `MissingDependencyError` when pyarrow is not installed. Raises `ScoringError` when the file is not there, is no Parquet or
    has no rows, or no item matches.

    Parameters
    ----------
    source, target : Parquet files; an existing target is replaced.
    parameters : With a bank raw answers are scored by its keys; with a calibration the columns named by its items hold points.
    method : EAP, MAP, ML, WLE or SumScore, default EAP()
    block : Rows held in memory at a time; it does not change the estimates.
    person : Column of ids; without it a column of a usual name, or else row numbers from 1.
    layout : What else is to be known about the table.
    """
    if block < 1:
        raise ScoringError("scoring.block", block=block)
    plan = layout or Layout()
    plan = plan if person is None else replace(plan, person=person)
    digests, findings = list[str](), list[Finding]()
    statuses, sums = np.zeros((1, len(STATUSES)), dtype=np.int64), np.zeros((3, 1))
    with complete_file(Path(source), Path(target)) as unfinished, parquet_writer(unfinished, COLUMNS) as write:
        for data in answer_blocks(Path(source), parameters, block, plan):
            part = score(data, parameters, method=method)
            write(part.to_frame())
            statuses = statuses + (part.status[:, :, None] == np.arange(len(STATUSES))).sum(axis=0)
            sums = sums + np.stack([x.sum(axis=0) for x in (part.theta, part.theta**2, part.se)])
            digests.append(part.provenance.inputs["responses"])
            findings += part.findings
    inputs = {"responses": digest_document(digests), "parameters": parameters.digest}
    settings = {"method": type(method).__name__, "item_uncertainty": method.item_uncertainty, "block": str(block)}
    settings["missing"] = method.missing.describe("en")
    persons = int(statuses[0].sum())
    mean, square, error = sums / persons
    return FileScores(
        target=str(target),
        method=type(method).__name__,
        persons=persons,
        blocks=len(digests),
        dimensions=part.dimensions,
        statuses=statuses,
        theta_mean=mean,
        theta_sd=np.sqrt(np.maximum(square - mean**2, 0.0)),
        mean_se=error,
        findings=of_blocks(findings),
        provenance=provenance("score_file", inputs, settings),
    )


@contextmanager
def complete_file(source: Path, target: Path) -> Iterator[Path]:
    """Hand out a path that takes the target's place when all is written; raises `ScoringError` for the source, else `StorageError`."""
    if realpath(source) == realpath(target):
        raise ScoringError("scoring.same_file", source=source.name)
    with whole_file(target) as unfinished:
        yield unfinished


def answer_blocks(source: Path, parameters: "ItemBank | Calibration", block: int, layout: Layout) -> Iterator[Responses]:
    """Yield the answers in a Parquet file by blocks, under its ids; raises `ScoringError` without file, rows or items that match."""
    bank = parameters if isinstance(parameters, ItemBank) else None
    plan, first = None, 1
    for table in _frames(source, block):
        if plan is None:
            if layout.items is None and bank is None:  # items are the columns with parameters
                known, columns = parameters_of(parameters).items, [str(c) for c in table.columns]
                if not (items := tuple(name for name in columns if name in set(known))):
                    raise ScoringError("scoring.no_common_columns", source=source.name, columns=columns, known=known)
                layout = replace(layout, items=items)
            plan = settle_layout(_table(table.head(SETTLED)), bank=bank, layout=layout)
        data = _responses(table, bank, plan)
        yield data if plan.person is not None else replace(data, persons=names(range(first, first + len(data.persons))))
        first += len(data.persons)
    if plan is None:
        raise ScoringError("scoring.no_rows", source=source.name)


def _responses(frame: DataFrame, bank: ItemBank | None, plan: Layout) -> Responses:
    """Return the answers of a block, read by the settled layout."""
    items, points = list(plan.items or ()), None
    if bank is None and not (plan.missing_tokens or plan.missing_codes) and set(items) <= set(frame.columns):
        chosen = [*([plan.person] if plan.person in frame.columns else []), *items]
        points = plain_points(frame[chosen].rename(columns={plan.person: PERSON}), frozenset(items))
    return load_responses(_table(frame), bank=bank, layout=plan) if points is None else points


def _table(frame: DataFrame) -> object:
    """Return a frame as it is where somebody gave labels to its rows, else its columns by name."""
    import pandas as pd

    labelled = frame.index.name is not None or not isinstance(frame.index, pd.RangeIndex)
    return frame if labelled else {str(name): frame[name] for name in frame.columns}


def _frames(source: Path, block: int) -> Iterator[DataFrame]:
    """Yield blocks of rows."""
    pa, parquet = pyarrow_for(source.name)
    if not source.exists():
        raise ScoringError("scoring.no_parquet_file", source=source)
    try:
        with parquet.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER) as file:
            for batch in file.iter_batches(batch_size=block):
                yield pa.Table.from_batches([batch]).to_pandas()
    except CompetencyDxError:
        raise
    except (pa.ArrowException, OSError) as fault:
        raise ScoringError("scoring.not_parquet", source=source.name, fault=fault) from fault


@contextmanager
def parquet_writer(target: Path, columns: Iterable[str]) -> Iterator[Callable[[DataFrame], object]]:
    """Hand out what writes frames of these columns to a Parquet file."""
    pa, parquet = pyarrow_for(target.name)
    kinds = {name: pa.string() for name in TEXTS} | {"n_items": pa.int64()}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])
    with parquet.ParquetWriter(target, schema) as file:
        yield lambda frame: file.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))


def pyarrow_for(purpose: str) -> tuple[Any, Any]:
    """Return pyarrow and its Parquet module; raises `MissingDependencyError` saying what for."""
    with needing("pyarrow", "io", purpose):
        import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
        from pyarrow import parquet
    return pa, parquet
