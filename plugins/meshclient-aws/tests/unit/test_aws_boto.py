"""Clients of one process share what botocore has read, and differ in what they are for."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from meshclient_aws import boto
from meshclient_aws.boto import make_client
from meshclient_aws.options import AwsOptions

OPTIONS = AwsOptions(region="eu-central-1", endpoint_url="http://127.0.0.1:1")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto, "_workshop", None)


def test_the_data_is_read_once_and_its_folders_do_not_pile_up() -> None:
    make_client("dynamodb", OPTIONS)
    assert boto._workshop is not None
    loader: Any = boto._workshop.loader
    paths = list(loader.search_paths)
    for _ in range(3):
        make_client("servicediscovery", OPTIONS)
    assert loader.search_paths == paths
    assert len(set(paths)) == len(paths)
    assert boto._workshop.loader is loader


def test_each_client_has_its_own_options() -> None:
    other = AwsOptions(region="us-west-2", endpoint_url="https://example.test", timeout=1.5)
    one: Any = make_client("dynamodb", OPTIONS)
    two: Any = make_client("dynamodb", other)
    assert (one.meta.region_name, one.meta.endpoint_url) == ("eu-central-1", "http://127.0.0.1:1")
    assert (two.meta.region_name, two.meta.endpoint_url) == ("us-west-2", "https://example.test")
    assert two.meta.config.read_timeout == 1.5


def test_the_region_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    made: Any = make_client("dynamodb", AwsOptions(endpoint_url="http://127.0.0.1:1"))
    assert made.meta.region_name == "ap-south-1"


# Python 3.12 warns of other threads at a fork; a process of a divided test run has one that listens.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_lock_of_its_parent() -> None:
    make_client("dynamodb", OPTIONS)
    assert boto._workshop is not None
    with boto._workshop.lock:  # as another thread may at the moment of the fork
        child = os.fork()
        if child == 0:
            code = 1
            signal.alarm(20)
            try:
                make_client("dynamodb", OPTIONS)
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
