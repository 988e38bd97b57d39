"""Blocks of persons on any executor: threads, processes, a Dask cluster; the bytes are those of one core."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import competency_dx as cdx

PERSONS = 20_000  # three tasks of 8,192


@pytest.fixture(scope="module")
def bank() -> cdx.ItemBank:
    return cdx.load_bank("physics")


@pytest.fixture(scope="module")
def data(bank: cdx.ItemBank) -> cdx.Responses:
    return cdx.simulate(bank, PERSONS, rng=np.random.default_rng(4))


@pytest.fixture(scope="module")
def expected(data: cdx.Responses, bank: cdx.ItemBank) -> str:
    return cdx.score(data, bank).to_json()


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_threads(workers: int, data: cdx.Responses, bank: cdx.ItemBank, expected: str) -> None:
    with ThreadPoolExecutor(workers) as executor:
        assert cdx.score(data, bank, method=cdx.EAP(executor=executor)).to_json() == expected


@pytest.fixture
def quiet_network() -> Iterator[None]:
    """Let the cluster's own warnings pass (its sockets are closed by the collector)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_processes(data: cdx.Responses, bank: cdx.ItemBank, expected: str) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert cdx.score(data, bank, method=cdx.EAP(executor=executor)).to_json() == expected


@pytest.mark.parametrize("processes", [False, True])
def test_a_dask_cluster(processes: bool, quiet_network: None, data: cdx.Responses, bank: cdx.ItemBank, expected: str) -> None:
    distributed = pytest.importorskip("distributed", reason="the package distributed (Dask) is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        found = cdx.score(data, bank, method=cdx.EAP(executor=executor))
    assert found.to_json() == expected


def test_a_dask_cluster_calibrates_to_the_same_bytes(quiet_network: None, data: cdx.Responses) -> None:
    distributed = pytest.importorskip("distributed", reason="the package distributed (Dask) is not installed")
    some = data.select(items=data.items[:8], persons=data.persons[:5000])
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = cdx.calibrate(some, model="GPCM", method=cdx.MarginalML(executor=client.get_executor()))
    assert found.to_json() == cdx.calibrate(some, model="GPCM").to_json()
