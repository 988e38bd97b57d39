"""Pages in a real browser: nothing wider than a telephone, contrast, names of fields and pictures, the search; axe-core where it is.

Chromium is looked for under its usual names, axe-core at `AXE_CORE` or in ``node_modules`` beside the sources; the tests are
skipped, with the reason, where they are not.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_documents as small

import competency_dx as cdx
from competency_dx.arrays import names
from competency_dx.competencies import CertificationRule
from competency_dx.findings import in_results_only
from competency_dx.result import Result
from competency_dx.routes import load_catalogue

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), "")
AXE = Path(os.environ.get("AXE_CORE", Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"))
QUIET = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--disable-quic --allow-file-access-from-files --virtual-time-budget=8000"
)
CHECKS, SEARCH = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("page_checks.js", "page_search.js"))
BAD = """<!doctype html><html><head></head><body><main><p style="color: #aaa">pale</p><p style="width: 900px">wide</p><input>
<svg><path/></svg><table><tr><td>1</td></tr></table></main></body></html>"""
LONG = "Длинноеназваниемуниципалитетабезпробелов-Северное"
pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")


def run(page: Path, script: str, folder: Path) -> Any:
    """Return what a script reports of a page in a frame as wide as a telephone, its policy and nothing else taken out."""
    return run_each([page.read_text(encoding="utf-8")], script, folder)[0]


def run_each(pages: list[str], script: str, folder: Path, width: int = 360) -> list[Any]:
    """Return what a script reports of each page in a frame of this width, all opened at once."""
    frames = []
    for k, page in enumerate(pages):
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        tell = f"const report = found => parent.postMessage([{k}, found], '*');"
        shown = text.replace("</body>", f"<script>addEventListener('load', () => {{ {tell} {script} }});</script></body>")
        frames.append(f'<iframe srcdoc="{html.escape(shown)}" style="width:{width}px;height:900px;border:0"></iframe>')
    show = "document.getElementById('out').textContent = JSON.stringify(all);"
    hear = f"<script>const all = {{}}; addEventListener('message', m => {{ all[m.data[0]] = m.data[1]; {show} }});</script>"
    whole = f'<!doctype html><meta charset=utf-8>{hear}{"".join(frames)}<p id="out"></p>'
    (folder / "frame.html").write_text(whole, encoding="utf-8")
    command = [BROWSER, *QUIET.split(), f"--user-data-dir={folder / 'profile'}", "--dump-dom", (folder / "frame.html").as_uri()]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    found = re.search(r'<p id="out">(.*?)</p>', out, re.DOTALL)
    assert found, "the browser told nothing"
    told = json.loads(html.unescape(found[1]))
    return [told[str(k)] for k in range(len(pages))]


@pytest.fixture(scope="module")
def pages(profiles: cdx.DeficitProfiles, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("browser")
    places = {"municipality": names(["a"] * 20 + ["b"] * 25 + [LONG] * 15), "school": names([f"s{k % 2}" for k in range(60)])}
    with in_results_only():
        groups = cdx.compare_groups(replace(profiles, background=places), ["municipality", "school"], draws=100)
        parts = cdx.compare_groups(replace(profiles, background=places), "municipality", draws=100, population_sizes={"a": 200})
        other = tuple(replace(c, code=f"X{c.code}", parent=c.parent and f"X{c.parent}") for c in parts.competencies)
        cdx.report([parts, replace(parts, competencies=other)], folder / "categories", language="ru")
        few = profiles.select([str(p) for p in profiles.persons[8:12]])
        rule = CertificationRule(minimum={"MAT": 60.0}, purpose="certification")
        protocol = cdx.report(cdx.certify(few, rule), folder / "protocol.html", language="ru")
        cdx.report(cdx.recommend(few, load_catalogue("synthetic")), folder / "routes", language="ru")
    cohort = cdx.report(profiles.select([str(p) for p in profiles.persons[4:20]]), folder / "cohort", language="ru")
    person = next((folder / "cohort" / "persons").iterdir())
    return {"region": cdx.report(groups, folder / "region.html", language="ru"), "cohort": cohort, "person": person} | {
        "protocol": protocol,
        "categories": folder / "categories" / "index.html",
        "demand": folder / "routes" / "index.html",
        "draft": next((folder / "routes" / "persons").iterdir()),
    }


@pytest.mark.parametrize("name", ["region", "categories", "person", "cohort", "protocol", "demand", "draft"])
def test_pages_fit_a_telephone_and_can_be_read(name: str, pages: dict[str, Path], tmp_path: Path) -> None:
    assert run(pages[name], f"{CHECKS} report(seen);", tmp_path) == []


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return a page of each kind of result that has one, with a long heading, wide numbers and 30 items where that can be."""
    folder, out = tmp_path_factory.mktemp("kinds"), {}
    texts, classes = map(small.read, small.FOLDER.glob("*.json.gz")), small.kinds()
    read = [(classes[head["kind"]], head["schema_version"], text) for text in texts for head in [json.loads(text)]]
    results: list[Any] = [of.from_json(text) for of, version, text in read if version == of.schema_version and issubclass(of, Result)]
    picture = '<svg class="picture" role="img" aria-label="c" viewBox="0 0 7 3"></svg>'  # as wide as any, made in no time
    with in_results_only(), pytest.MonkeyPatch.context() as patched:
        patched.setattr("competency_dx.reports.result_page.chart_svg", lambda *_: picture)
        data = cdx.simulate(cdx.load_bank("mathematics"), 60, rng=np.random.default_rng(1))
        results += [data, cdx.load_bank("mathematics"), cdx.check_items(data), cdx.calibrate(data, model="PCM")]
        for k, result in enumerate(results):
            out[f"{result.kind} {k}"] = cdx.report(result, folder / f"{k}.html").read_text(encoding="utf-8")
    return out


@pytest.mark.parametrize("width", [360, 710])
def test_no_page_of_any_kind_is_wider_than_its_screen_or_sheet(width: int, kinds: dict[str, str], tmp_path: Path) -> None:
    """695 dots are what A4 has between the margins, a scroll bar takes 15; the rules of print hold there."""
    texts = [text.replace("@media print", "@media all" if width == 710 else "@media print") for text in kinds.values()]
    found = dict(zip(kinds, run_each(texts, f"{CHECKS} report(seen);", tmp_path, width), strict=True))
    assert {name: seen for name, seen in found.items() if [x for x in seen if width == 360 or x.startswith("wider")]} == {}


def test_the_checks_see_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(BAD, encoding="utf-8")
    found = run(tmp_path / "bad.html", f"{CHECKS} report(seen);", tmp_path)
    kinds = ("wider", "contrast", "picture without", "field without", "table without", "no language")
    assert [line.startswith(kind) for line, kind in zip(found, kinds, strict=True)] == [True] * 6


def test_the_region_is_searched_without_a_server(pages: dict[str, Path], tmp_path: Path) -> None:
    every, some, level, told = run(pages["region"], SEARCH, tmp_path)
    assert 0 < some < every
    assert 0 < level < every
    assert told == f"{level} / {every}"


@pytest.mark.parametrize("name", ["region", "person", "cohort"])
def test_axe_finds_nothing_serious(name: str, pages: dict[str, Path], tmp_path: Path) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm install axe-core, or AXE_CORE)")
    grave = "r.violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => `${v.id}: ${v.nodes[0].html.slice(0, 90)}`)"
    script = AXE.read_text(encoding="utf-8").replace("</script", "<\\/script")
    assert run(pages[name], f"{script}; axe.run().then(r => report({grave}));", tmp_path) == []
