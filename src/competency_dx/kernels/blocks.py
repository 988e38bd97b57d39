"""Mapping a function over blocks of persons with BLAS held at one thread; statistics of blocks add up."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # it ships no types

from competency_dx.arrays import Floats, Ints, T, blocks
from competency_dx.errors import ForkError

S = TypeVar("S")
BLOCK = 2048
ROWS = 8
AHEAD = 4  # pieces under way at a time on an executor where what they give is large
FEW, EVEN = 1024, 4096
TOGETHER = 16  # rows at most that go together with those of other threads
STEPS_ASIDE = 16  # some let nobody go on, some a thread that is not about to come

_Waiting = dict[Future[tuple[NDArray[Any], ...]], tuple[object, tuple[NDArray[Any], ...]]]


class _Shared:
    """What threads share: who holds BLAS, what its limits were, whose turn it is, who waits; `torn` by a fork, locks may be held on."""

    def __init__(self, *, torn: bool) -> None:
        self.lock, self.turn, self.torn = threading.Lock(), threading.Lock(), torn
        self.waiting: _Waiting = {}
        self.holders: list[object] = []
        self.limits: list[Any] = []


_shared = [_Shared(torn=False)]


def _forked() -> None:
    """Begin anew in a forked process, which has no thread but its own."""
    _shared[0] = _Shared(torn=_shared[0].torn or bool(_shared[0].holders))
    default_executor.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


_controller = lru_cache(maxsize=1)(ThreadpoolController)


def even_product(rows: Floats, matrix: Floats) -> Floats:
    """Return rows (..., p, Q) @ matrix (..., Q, N), `ROWS` at a time, filled up: a person keeps the digits of BLAS in any company."""
    p = rows.shape[-2]
    if p % ROWS:
        rows = rows[..., np.minimum(np.arange(-(-p // ROWS) * ROWS), p - 1), :]
    out = np.matmul(rows.reshape(*rows.shape[:-2], -1, ROWS, rows.shape[-1]), matrix[..., None, :, :])
    return np.asarray(out.reshape(*rows.shape[:-1], matrix.shape[-1])[..., :p, :])


def at_least_two(persons: Ints) -> Ints:
    """Return persons, one alone twice: with one the axis of persons has no length, and sums over others run in another order."""
    return np.repeat(persons, 2) if len(persons) == 1 else persons


def even_size(n: int) -> int:
    """Return the size of blocks, few and alike, that cut range(n) for cores that end together; small ones wait in Python."""
    return n if n <= FEW else -(-n // (2 * -(-n // (2 * EVEN))))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS at one thread; uses share a limit, which the last lifts. Raises `ForkError` where a fork cut a computation short."""
    me, shared = object(), _shared[0]
    if shared.torn:
        raise ForkError("kernels.forked")
    with shared.lock:
        shared.holders.append(me)
        if len(shared.holders) == 1:
            shared.limits.append(_controller().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with shared.lock:
            shared.holders.remove(me)
            if not shared.holders:
                shared.limits.pop().restore_original_limits()


def worked_out(function: Callable[..., tuple[NDArray[Any], ...]], key: object, *rows: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return the arrays by rows that a function gives of rows, of each the same in any company.

    Few rows are worked out by one thread at a time, together with those that wait meanwhile under an equal key: most of what few
    cost is Python, once for all of them. Faults stay with the rows they come from.
    """
    if len(rows[0]) > FEW:
        return function(*rows)
    shared, mine = _shared[0], Future[tuple[NDArray[Any], ...]]()
    try:
        shared.waiting[mine] = key, rows
        with shared.turn:
            if not mine.done():
                _work_out(function, mine, shared.waiting)
    finally:
        shared.waiting.pop(mine, None)
    return mine.result()


def _work_out(function: Callable[..., tuple[NDArray[Any], ...]], mine: Future[tuple[NDArray[Any], ...]], waiting: _Waiting) -> None:
    for _ in range(STEPS_ASIDE):  # others go on to where they wait; where nobody is under way it takes no time
        time.sleep(0)
    key, rows = waiting[mine]
    others = {f: of for f, (its, of) in waiting.copy().items() if its == key and len(of[0]) <= TOGETHER and not f.done()}
    parts = {mine: rows} | others
    try:
        out = function(*map(np.concatenate, zip(*parts.values(), strict=True)))
    except Exception:  # noqa: BLE001 - of which rows is not known: all by themselves, in their turn
        parts, out = {mine: rows}, function(*rows)
    ends = np.cumsum([len(of[0]) for of in parts.values()])[:-1]
    for part, *arrays in zip(parts, *(np.split(x, ends) for x in out), strict=True):
        part.set_result(tuple(map(np.array, arrays)))  # copies: nobody keeps what is others'


@lru_cache(maxsize=1)
def default_executor() -> ThreadPoolExecutor:
    """Return the thread pool of this process, with the calling thread one worker a core."""
    return ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="competency_dx")


def map_blocks(function: Callable[[slice], T], n: int, *, size: int = BLOCK) -> Iterator[T]:
    """Yield ``function(block)`` for consecutive blocks of ``range(n)`` in order; sums have the same bytes on any number of cores."""
    return map_pieces(function, blocks(n, size))


def map_pieces(function: Callable[[S], T], pieces: Iterable[S], *, executor: Executor | None = None) -> Iterator[T]:
    """Yield ``function(piece)`` in order on any executor, processes and clusters included.

    `function` must then be picklable: a function of a module or a `functools.partial` of one. Workers elsewhere hold their own
    BLAS at one thread.
    """
    todo = list(pieces)
    with one_blas_thread():
        if len(todo) == 1:
            yield function(todo[0])
        elif executor is None or isinstance(executor, ThreadPoolExecutor):
            yield from _shared_out(function, todo, executor or default_executor())
        else:
            yield from executor.map(partial(_alone, function), todo)


def _shared_out(function: Callable[[S], T], todo: list[S], pool: Executor) -> Iterator[T]:
    """Yield ``function(piece)`` in order; this thread takes from the end what none of the pool has begun, and does not only wait."""
    futures, own, last = [pool.submit(function, piece) for piece in todo], dict[int, T](), len(todo) - 1
    try:
        for k, future in enumerate(futures):
            while last >= k and k not in own and not future.done():
                if futures[last].cancel():
                    own[last] = function(todo[last])
                last -= 1
            yield own.pop(k) if k in own else future.result()
    finally:
        for future in futures:
            future.cancel()


def mapped_ahead(function: Callable[[S], T], pieces: Iterable[S], executor: Executor | None) -> Iterator[T]:
    """Yield ``function(piece)`` in order, here or on an executor, with only so many pieces under way that memory does not grow."""
    if executor is None:
        yield from map(function, pieces)
        return
    submitted = (executor.submit(function, piece) for piece in pieces)
    under_way = deque(islice(submitted, AHEAD - 1))
    while under_way:
        under_way.extend(islice(submitted, 1))
        yield under_way.popleft().result()


def taken(persons: Ints | int, size: int, *held: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Yield, of blocks of `size` of some persons, or of all of them, what is held of these persons: arrays by rows, None as it is."""
    for block in blocks(persons if isinstance(persons, int) else len(persons), size):
        at = block if isinstance(persons, int) else persons[block]
        yield tuple(x[at] if isinstance(x, np.ndarray) else x and x.take(at) for x in held)


def summed(parts: Iterator[tuple[Any, ...]]) -> list[Floats]:
    """Return the sums of the numbers and arrays of blocks, in double precision and in the order of the blocks."""
    total = [np.array(x, dtype=np.float64) for x in next(parts)]
    for part in parts:
        for so_far, more in zip(total, part, strict=True):
            np.add(so_far, more, out=so_far)
    return total


def _alone(function: Callable[[S], T], piece: S) -> T:
    with one_blas_thread():
        return function(piece)
