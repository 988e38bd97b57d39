"""Pieces of work shared out between threads: in order, each once, by whoever is free."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from competency_dx.kernels.blocks import map_pieces


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
