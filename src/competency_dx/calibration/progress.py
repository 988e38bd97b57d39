"""Telling of progress: a callback of the caller, or a bar of tqdm where it is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from competency_dx.calibration.strategies import MarginalML, Progress
from competency_dx.errors import CalibrationError


@contextmanager
def telling(method: MarginalML) -> Iterator[Progress]:
    """Give the function to call after each E-step with its number, log-likelihood and the change of the objective.

    Raises
    ------
    CalibrationError
        When a bar is asked for and tqdm is not installed.
    """
    if method.progress != "bar":
        yield method.progress or _silent
        return
    if importlib.util.find_spec("tqdm") is None:
        raise CalibrationError(
            'progress="bar" needs the package tqdm: pip install tqdm, or give a function of your own'
        )
    bar = import_module("tqdm").tqdm(total=method.max_iterations, unit="E-step", leave=False)

    def tell(iteration: int, log_likelihood: float, change: float) -> None:
        bar.n = iteration
        bar.set_postfix_str(f"log-likelihood {log_likelihood:.3f}, change {change:.1e}")

    try:
        yield tell
    finally:
        bar.close()


def _silent(iteration: int, log_likelihood: float, change: float) -> None:
    """Say nothing."""
