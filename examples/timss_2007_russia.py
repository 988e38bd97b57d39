"""TIMSS 2007, grade 8, Russia: from the raw answers of 4472 students to deficit profiles in eight content domains.

Run: python examples/timss_2007_russia.py DATA_FOLDER [OUT_FOLDER]

DATA_FOLDER holds items.csv, response_codes.csv, responses_raw.csv.gz and responses_scored.csv.gz of the public TIMSS 2007
data for Russia; the data are not part of this project. The script builds an item bank, scores the raw answers and compares
every cell with the published scores, calibrates mathematics and science by plain maximum likelihood, then the eight domains
together with their correlations, diagnoses these and writes a report.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import competency_dx as cdx
from competency_dx.bank import BankDocument, CompetencyFramework, FrameworkReference, Item, Node, Text
from competency_dx.errors import ConvergenceError

MATHEMATICS = ("Number", "Algebra", "Geometry", "Data and Chance")
SUBJECTS = {"MAT": "Mathematics", "SCI": "Science"}
AS_PUBLISHED = cdx.MissingPolicy(omitted="incorrect", not_reached="incorrect")
LAYOUT = cdx.Layout(person="idstud", missing_codes={"*": {"9": "omitted", "99": "omitted", "6": "not_reached", "96": "not_reached"}})


def build_bank(items: pd.DataFrame) -> cdx.ItemBank:
    """Return a bank whose framework is subject > content domain > topic."""
    nodes, topics = framework_nodes(items)
    header = BankDocument(
        schema_version=1,
        id="timss-2007-g8-russia",
        title=Text(ru="TIMSS 2007, 8 класс, Россия", en="TIMSS 2007, grade 8, Russia"),
        subject="MAT",
        version="1.0.0",
        framework=FrameworkReference(id="timss-2007-g8", version="2007"),
        language="en",
    )
    framework = CompetencyFramework(
        id="timss-2007-g8", version="2007", title=Text(ru="Рамка TIMSS 2007", en="TIMSS 2007 framework"), nodes=nodes
    )
    records = items.to_dict("records")
    return cdx.ItemBank(
        header=header, framework=framework, items=tuple(make_item({str(k): str(v) for k, v in r.items()}, topics) for r in records)
    )


def framework_nodes(items: pd.DataFrame) -> tuple[tuple[Node, ...], dict[tuple[str, str], str]]:
    """Return the nodes of the framework and the code of each (domain, topic)."""
    nodes = [Node(code=c, title=Text(ru=t, en=t), kind="category") for c, t in SUBJECTS.items()]
    topics: dict[tuple[str, str], str] = {}
    for domain, rows in items.groupby("content", sort=False):
        subject = "MAT" if domain in MATHEMATICS else "SCI"
        code = f"{subject}.{str(domain).split()[0].upper()}"
        nodes.append(Node(code=code, title=Text(ru=str(domain), en=str(domain)), kind="domain", parent=subject))
        for k, topic in enumerate(rows["topic"].unique(), start=1):
            topics[str(domain), topic] = f"{code}.{k}"
            nodes.append(Node(code=f"{code}.{k}", title=Text(ru=topic, en=topic), kind="topic", parent=code))
    return tuple(nodes), topics


def make_item(row: dict[str, str], topics: dict[tuple[str, str], str]) -> Item:
    """Return one item: options 1 to 5 with a key, or constructed-response codes with their points."""
    shared = {
        "id": row["item"],
        "title": {"ru": row["item.label"], "en": row["item.label"]},
        "competencies": {topics[row["content"], row["topic"]]: 1.0},
        "cognitive": row["cognitive"].lower(),
        "status": "operational",
    }
    if row["item.type"] == "MC":
        options = {str(k + 1): letter for k, letter in enumerate("ABCDE")}
        return Item.model_validate(shared | {"type": "single", "options": options, "key": str("ABCDE".index(row["key"]) + 1)})
    two = {str(c): 2 for c in range(20, 30)} if row["max.points"] == "2" else {}
    scores = {str(c): 1 for c in range(10, 20)} | two
    zero = [str(c) for c in range(70, 80)]
    return Item.model_validate(shared | {"type": "open", "scoring": {"rule": "map", "scores": scores, "zero": zero}})


def compare_scores(responses: cdx.Responses, published: pd.DataFrame) -> None:
    """Print how many cells agree with the published scores."""
    scores, observed = responses.effective(AS_PUBLISHED)
    ours = np.where(observed, scores, np.nan)
    theirs = published[list(responses.items)].to_numpy()
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    print(f"scored cells equal to the published ones: {same.sum():,} of {same.size:,}")


def varied(responses: cdx.Responses) -> list[str]:
    """Return the items that have at least two observed scores."""
    scores, observed = responses.effective(AS_PUBLISHED)
    return [item for i, item in enumerate(responses.items) if np.unique(scores[observed[:, i], i]).size > 1]


def calibrate_domains(bank: cdx.ItemBank, responses: cdx.Responses) -> cdx.Calibration:
    """Calibrate all items on their domains, which correlate."""
    start = time.perf_counter()
    out = cdx.calibrate(
        responses.select(items=varied(responses)),
        model="GPCM",
        bank=bank,
        dimensions="competencies",
        method=cdx.MarginalML(missing=AS_PUBLISHED),
    )
    print(f"{len(out.population.mean)} domains calibrated together in {time.perf_counter() - start:.2f} s")
    R = out.population.covariance
    print(f"  correlations {R.min():.2f} to {np.where(R < 1, R, 0.0).max():.2f}")
    return out


def calibrate_subject(bank: cdx.ItemBank, responses: cdx.Responses, subject: str) -> cdx.Calibration:
    """Calibrate the items of a subject."""
    chosen = [i for i in varied(responses) if bank.leaves[i].startswith(subject)]
    some, method = responses.select(items=chosen), cdx.MarginalML(missing=AS_PUBLISHED, max_iterations=60)
    start = time.perf_counter()
    try:
        out = cdx.calibrate(some, model="GPCM", priors=None, method=method)
    except ConvergenceError as error:
        print(f"{SUBJECTS[subject]}, plain maximum likelihood: {error}")
        print("  so the weak priors are used instead")
        start = time.perf_counter()
        out = cdx.calibrate(some, model="GPCM", method=method)
    seconds = time.perf_counter() - start
    print(f"{SUBJECTS[subject]}: {len(chosen)} items calibrated with standard errors in {seconds:.2f} s")
    print(f"  log-likelihood {out.log_likelihood:.3f}, {out.n_parameters} parameters, {out.iterations} E-steps")
    return out


def main(data: Path, out: Path) -> None:
    """Run the whole line on the data in a folder."""
    warnings.simplefilter("ignore", cdx.CompetencyDxWarning)
    items = pd.read_csv(data / "items.csv")
    bank = build_bank(items)
    print(bank)
    responses = cdx.load_responses(data / "responses_raw.csv.gz", bank=bank, layout=LAYOUT)
    print(responses)
    compare_scores(responses, pd.read_csv(data / "responses_scored.csv.gz", index_col="idstud"))
    for subject in SUBJECTS:
        calibration = calibrate_subject(bank, responses, subject)
        cdx.report(calibration, out / f"calibration_{subject}.html", language="en")
    bank = bank.with_calibration(calibrate_domains(bank, responses))
    start = time.perf_counter()
    profiles = cdx.diagnose(responses, bank, rule=cdx.DeficitRule(missing=AS_PUBLISHED))
    print(f"{len(profiles)} students diagnosed in {time.perf_counter() - start:.2f} s")
    print(profiles)
    cdx.save_bank(bank, out / "bank")
    cdx.report(profiles, out / "cohort.html", language="en")
    some = responses.select(persons=responses.persons[:25])
    page = cdx.report(cdx.diagnose(some, bank, rule=cdx.DeficitRule(missing=AS_PUBLISHED)), out / "students")
    print(f"open {out / 'cohort.html'} (all students) and {page} (pages of the first 25)")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("Usage: python examples/timss_2007_russia.py DATA_FOLDER [OUT_FOLDER]")
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "timss_2007_russia"))
