"""The demo of a region: linked forms, volunteers, what changes in a year, and one small region from end to end."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import competency_dx_demo as demo
from competency_dx.__main__ import main
from competency_dx.arrays import Ints
from competency_dx.bank import load_bank
from competency_dx.cli.steps import ONE_SCALE
from competency_dx.cli.terminal import Terminal
from competency_dx.routes import Effect
from competency_dx_demo import whole_region
from competency_dx_demo.region import asked_items, draw_truth
from competency_dx_demo.whole_region import BLOCKS, GAIN, Teachers, after_programmes, draw_teachers, drifted, linked_forms

COMMON = linked_forms(asked_items(load_bank("common")))
TEACHERS = draw_teachers(1000, 3, np.random.default_rng(1))


def test_forms_leave_out_one_block_each_and_share_the_others() -> None:
    every = {item.id for item in COMMON.items}
    left = [every - {*form.items} for form in COMMON.forms]
    assert len(left) == BLOCKS
    assert set.union(*left) == every
    assert sum(map(len, left)) == len(every)


def test_volunteers_are_few_and_abler_than_those_who_stayed_away() -> None:
    t = TEACHERS
    assert t.assessed.sum() == 1000
    share = np.bincount(t.municipality, t.assessed) / np.bincount(t.municipality)
    assert [int(m) for m in np.flatnonzero(share < 0.5)] == t.volunteers.tolist()
    gap = [t.general[(t.municipality == m) & t.assessed].mean() - t.general[t.municipality == m].mean() for m in range(len(share))]
    assert min(gap[m] for m in t.volunteers) > 0.4
    assert abs(np.mean([g for m, g in enumerate(gap) if m not in t.volunteers])) < 0.05


def test_a_programme_raises_its_domains_alone_and_a_drifted_item_is_easier_for_all() -> None:
    truth = draw_truth(COMMON, np.zeros(40), np.random.default_rng(2))
    effects = (Effect(competency="GEN.P.01", gain=5),)
    later = after_programmes(COMMON, truth, [effects if p == 7 else () for p in range(40)], np.random.default_rng(3))
    change = later.theta - truth.theta
    np.testing.assert_allclose(change[0], change[0, 0], atol=1e-12)
    at = [d == "GEN.P.01" for d in truth.domains]
    np.testing.assert_allclose(change[7] - change[7, ~np.array(at)].mean(), GAIN * np.array(at), atol=1e-12)
    seen, name = drifted(COMMON, truth)
    more, item = seen.expected - truth.expected, [i.id for i in COMMON.items].index(name)
    assert (more[:, item] > 0).all()
    assert np.abs(np.delete(more, item, axis=1)).max() == 0


def test_fewer_persons_than_fill_a_region_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    least = whole_region.FEWEST
    assert main(["demo", str(tmp_path / "r"), "--region", "--persons", str(least - 1), "--language", "en"]) == 2
    assert f"give {least} or more" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "r").exists()


def test_a_small_region_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = patch.multiple(whole_region, shipped_banks=lambda: ("common", "heads"), FEWEST=0)
    unwritten = (patch.object(module, "report") for module in (whole_region, demo))  # reports have tests of their own
    quick = patch.object(whole_region, "BY_COMPETENCY", ONE_SCALE)
    with few, quick, next(unwritten), next(unwritten):
        teachers, subjects = whole_region.run_region(tmp_path / "r", persons=560, seed=2, terminal=Terminal(language="en"), processes=1)
    assert capsys.readouterr().out.strip() == str(tmp_path / "r" / "index.html")
    faults = [fault for subject in subjects for fault in subject.faults]
    assert {f.kind for f in faults} == {"key", "volunteers", "drift", "expert"}
    assert all({*f.planted} <= {*f.named} for f in faults)
    assert [len(s.cohort.persons) for s in subjects] == [560, 560]
    assert {"GEN-", "HED-"} == {one.id[:4] for s in subjects for one in s.routes.programmes}
    page = (tmp_path / "r" / "index.html").read_text("utf-8")
    assert all(name in page for f in faults for name in f.planted)
    assert teachers.volunteers.size == 2
    again = pickle.loads(pickle.dumps(subjects[0]))
    assert again.study.profiles.to_json() == subjects[0].study.profiles.to_json()


def short_work(name: str, teachers: Teachers, rows: Ints, into: tuple[Path, Terminal], rng: np.random.Generator) -> tuple[Any, str]:
    return (name, len(rows), rng.random()), f"{name} is done"


def test_tests_of_two_processes_come_in_order_and_are_heard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names, into = ["heads", "primary", "common"], (tmp_path, Terminal(language="en"))
    threads = patch.object(whole_region, "ProcessPoolExecutor", lambda n, **_: ThreadPoolExecutor(n))
    with patch.object(whole_region, "_heard_subject", short_work), threads:
        done: list[Any] = [*whole_region.side_by_side(names, TEACHERS, into, 5, 2)]
    assert [name for name, _, _ in done] == names
    assert [n for _, n, _ in done] == [*np.bincount(TEACHERS.category[TEACHERS.assessed])[:2], TEACHERS.assessed.sum()]
    assert [drawn for _, _, drawn in done] == [np.random.default_rng([5, k]).random() for k in range(3)]
    assert capsys.readouterr().err.splitlines() == [f"{name} is done" for name in names]
