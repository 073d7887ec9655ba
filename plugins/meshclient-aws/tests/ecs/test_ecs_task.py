"""Tasks out of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from meshclient_aws.ecs.task import Task, newer

if TYPE_CHECKING:
    from ecs.conftest import Ecs


def test_what_a_running_task_tells(ecs: Ecs) -> None:
    task = ecs.task()
    assert task.id == "c13b4cb40f1f4fe4a2971f76ae5a47ad"
    assert (task.region, task.group, task.version) == ("us-east-1", "service:orders", 4)
    assert (task.address, task.zone) == ("10.0.0.139", "us-east-1c")
    assert (task.serves, task.over, task.starting) == (True, False, False)


@pytest.mark.parametrize(
    ("name", "over", "starting", "address"),
    [
        ("provisioning", False, True, ""),
        ("deactivating", True, False, "10.0.0.139"),
        ("stopped", True, False, "10.0.0.139"),
    ],
)
def test_a_life_goes_one_way(ecs: Ecs, name: str, over: bool, starting: bool, address: str) -> None:
    task = ecs.task(name)
    assert (task.serves, task.over, task.starting, task.address) == (False, over, starting, address)


@pytest.mark.parametrize("last", ["DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED", "DELETED", "SOMETHING_NEW"])
def test_whatever_follows_running_is_the_end(ecs: Ecs, last: str) -> None:
    assert ecs.task(last=last).over


def test_a_task_that_is_to_stop_is_over_while_it_still_runs(ecs: Ecs) -> None:
    assert ecs.task(desired="STOPPED").over
    assert not ecs.task(desired="STOPPED", last="PENDING").starting


def test_the_address_may_stand_with_the_interface_alone(ecs: Ecs) -> None:
    detail = ecs.sample("running")["detail"]
    detail["containers"] = [{"networkInterfaces": []}, "odd"]
    assert Task.decode(detail).address == "10.0.0.139"
    detail["attachments"] = []
    assert not Task.decode(detail).address
    detail["containers"] = [{"networkInterfaces": [{"ipv6Address": "fd00::7"}]}]
    assert Task.decode(detail).address == "fd00::7"


def test_the_environment_of_overrides_is_read(ecs: Ecs) -> None:
    detail = ecs.sample("running")["detail"]
    detail["overrides"]["containerOverrides"][0]["environment"] = [{"name": "MESHCLIENT_PORT", "value": "9000"}]
    assert Task.decode(detail).environment == (("MESHCLIENT_PORT", "9000"),)


@pytest.mark.parametrize("missing", ["taskArn", "clusterArn", "desiredStatus", "lastStatus"])
def test_what_is_no_task_is_refused(ecs: Ecs, missing: str) -> None:
    detail = ecs.sample("running")["detail"]
    del detail[missing]
    with pytest.raises(ValueError, match=missing):
        Task.decode(detail)


def test_the_later_state_counts(ecs: Ecs) -> None:
    running, stopped = ecs.task(), ecs.task("stopped")
    assert newer(running, stopped) == stopped
    assert newer(stopped, running) == stopped
    assert newer(running, ecs.task("provisioning")) == running
    assert newer(running, ecs.task(unhealthy=True)).unhealthy
    assert newer(running, ecs.task("stopped", address="", zone="")).address == "10.0.0.139"
