"""Pieces of work shared out between threads: in order, each once, by whoever is free."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from competency_dx.arrays import Ints
from competency_dx.kernels.blocks import _shared, map_pieces, worked_out


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_pieces_are_done_once_each_and_come_in_order(n: int, workers: int) -> None:
    done: list[int] = []

    def one(k: int) -> int:
        done.append(k)
        return k

    with ThreadPoolExecutor(workers) as pool:
        assert list(map_pieces(one, range(n), executor=pool)) == list(range(n))
    assert sorted(done) == list(range(n))


def test_a_thread_that_waits_does_what_nobody_has_begun() -> None:
    """A pool that is kept busy, or that asks for pieces of its own, holds nobody up."""
    free = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(free.wait)
        who = list(map_pieces(lambda _: threading.get_ident(), range(5), executor=pool))
        assert who == [threading.get_ident()] * 5
        free.set()
        assert list(map_pieces(lambda k: sum(map_pieces(abs, range(k), executor=pool)), range(6), executor=pool)) == [0, 0, 1, 3, 6, 10]


def test_after_a_fault_nothing_more_is_begun() -> None:
    free, begun = threading.Event(), list[int]()

    def one(k: int) -> int:
        begun.append(k)
        if k == 9:
            raise ValueError(k)
        return k

    with ThreadPoolExecutor(1) as pool:
        pool.submit(free.wait)
        with pytest.raises(ValueError, match="9"):
            list(map_pieces(one, range(10), executor=pool))
        free.set()
    assert begun == [9]


def test_rows_that_wait_are_worked_out_together_and_faults_stay_with_their_own() -> None:
    """While one thread works, rows of three kinds come to wait: each kind is one call, but for a bad row, which fails alone."""
    begun, go_on, calls = threading.Event(), threading.Event(), list[tuple[str, int]]()

    def twice(key: str, rows: Ints) -> tuple[Ints, Ints]:
        calls.append((key, len(rows)))
        begun.set()
        assert go_on.wait(30)
        if (rows < 0).any():
            raise ValueError(key)
        return rows * 2, rows[:, None] + np.arange(3)

    def asked(key: str, *values: int) -> Future[tuple[Ints, ...]]:
        return pool.submit(worked_out, partial(twice, key), key, np.array(values))

    with ThreadPoolExecutor(64) as pool:
        first = asked("a", 1)
        assert begun.wait(30)
        waiting = {(key, k): asked(key, k, k + 1) for k in range(20) for key in "abc"}
        bad = asked("c", -1)
        while len(_shared[0].waiting) < 62:
            time.sleep(0.001)
        go_on.set()
        for (_, k), found in waiting.items():
            np.testing.assert_array_equal(found.result()[0], [2 * k, 2 * k + 2])
            np.testing.assert_array_equal(found.result()[1], np.array([[k], [k + 1]]) + np.arange(3))
        with pytest.raises(ValueError, match="c"):
            bad.result()
        np.testing.assert_array_equal(first.result()[0], [2])
    assert [n for key, n in calls if key == "a"] == [1, 40]
    assert [n for key, n in calls if key == "b"] == [40]
    assert not _shared[0].waiting


def test_an_interrupted_thread_leaves_the_others_their_results() -> None:
    held = threading.Lock()

    def all_of_them(rows: Ints) -> tuple[Ints]:
        if held.acquire(blocking=False):  # the first that works, whoever waits with it
            time.sleep(0.05)
            raise KeyboardInterrupt
        return (rows + 1,)

    def one(k: int) -> int | None:
        try:
            return int(worked_out(all_of_them, "key", np.array([k]))[0][0])
        except KeyboardInterrupt:
            return None

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(one, range(40)))
    assert found.count(None) == 1
    assert all(n in {None, k + 1} for k, n in enumerate(found))
    assert not _shared[0].waiting
