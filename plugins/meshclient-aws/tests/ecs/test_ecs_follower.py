"""What one event leads to."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from meshclient_aws.ecs.follower import LOOKS, Follower, Outcome
from meshclient_aws.ecs.services import EcsServices
from meshclient_aws.errors import AwsError, AwsThrottled

if TYPE_CHECKING:
    from ecs.conftest import Ecs, Recorder, Story

    from meshclient_aws.ecs.task import Task


def follow(recorder: Recorder, story: Story, event: Task, services: str = "") -> Outcome:
    return asyncio.run(Follower(story, recorder, EcsServices.parse(services), ttl=60.0).follow(event))


def test_a_running_task_is_listed_with_its_place(ecs: Ecs) -> None:
    recorder, task = ecs.recorder(), ecs.task()
    assert follow(recorder, ecs.story(task), task) is Outcome.REGISTERED
    (registration,) = recorder.listed.values()
    assert registration.service.value == "orders"
    assert registration.ttl == 60.0
    endpoint = registration.endpoint
    assert (endpoint.host, endpoint.port, endpoint.id) == ("10.0.0.139", 8080, task.id)
    assert endpoint.zone == "us-east-1c"
    assert endpoint.metadata == {"ecs_cluster": "shop", "ecs_task_definition": "orders:7"}


@pytest.mark.parametrize("name", ["deactivating", "stopped"])
def test_a_task_on_its_way_out_is_taken_out_without_asking(ecs: Ecs, name: str) -> None:
    recorder, story = ecs.recorder(), ecs.story(ecs.task())
    follow(recorder, story, ecs.task())
    story.looks = 0
    assert follow(recorder, story, ecs.task(name)) is Outcome.DEREGISTERED
    assert recorder.listed == {}
    assert story.looks == 0


def test_a_task_that_never_had_an_address_can_leave(ecs: Ecs) -> None:
    recorder = ecs.recorder()
    assert follow(recorder, ecs.story(ecs.task()), ecs.task("stopped", address="")) is Outcome.DEREGISTERED
    assert recorder.calls == [("deregister", "orders")]


def test_an_old_event_of_a_stopped_task_lists_nothing(ecs: Ecs) -> None:
    recorder = ecs.recorder()
    assert follow(recorder, ecs.story(ecs.task("stopped")), ecs.task()) is Outcome.DEREGISTERED
    assert recorder.calls == [("deregister", "orders")]


def test_a_task_that_stops_while_it_is_listed_is_taken_out_again(ecs: Ecs) -> None:
    recorder = ecs.recorder()
    story = ecs.story(ecs.task(), later=[ecs.task("deactivating")])
    assert follow(recorder, story, ecs.task()) is Outcome.DEREGISTERED
    assert recorder.calls == [("register", "orders"), ("deregister", "orders")]


def test_what_never_keeps_still_is_left_to_another_event(ecs: Ecs) -> None:
    sick, well = ecs.task(unhealthy=True), ecs.task()
    with pytest.raises(AwsError, match=f"changed at each of {LOOKS} looks"):
        follow(ecs.recorder(), ecs.story(well, later=[sick, well] * LOOKS), well)


@pytest.mark.parametrize(("group", "services"), [("family:x", ""), ("service:orders", "cart")])
def test_tasks_of_others_are_left_alone(ecs: Ecs, group: str, services: str) -> None:
    recorder, story = ecs.recorder(), ecs.story(ecs.task())
    assert follow(recorder, story, ecs.task(group=group), services) is Outcome.IGNORED
    assert (recorder.calls, story.looks) == ([], 0)


def test_a_starting_task_waits(ecs: Ecs) -> None:
    recorder = ecs.recorder()
    assert follow(recorder, ecs.story(ecs.task("provisioning")), ecs.task("provisioning")) is Outcome.IGNORED
    assert recorder.calls == []


def test_a_task_without_an_address_is_logged(ecs: Ecs, caplog: pytest.LogCaptureFixture) -> None:
    recorder, task = ecs.recorder(), ecs.task(address="")
    with caplog.at_level(logging.WARNING, "meshclient.registration"):
        assert follow(recorder, ecs.story(task), task) is Outcome.IGNORED
    assert "use the network mode awsvpc" in caplog.text


def test_every_service_of_a_task_is_tried_and_the_failure_told(ecs: Ecs) -> None:
    recorder, task = ecs.recorder(), ecs.task()
    recorder.fail = [AwsThrottled("slow down")]
    with pytest.raises(AwsThrottled, match="slow down"):
        follow(recorder, ecs.story(task), task, "orders=a:80, orders=b:81")
    assert list(recorder.listed) == [("b", task.id)]
    recorder.fail = [AwsThrottled("one"), AwsThrottled("two")]
    with pytest.raises(ExceptionGroup, match="2 of 2 services of task"):
        follow(recorder, ecs.story(task), task, "orders=a:80, orders=b:81")
    assert follow(recorder, ecs.story(task), task, "orders=a:80, orders=b:81") is Outcome.REGISTERED
    assert len(recorder.listed) == 2


def test_where_the_port_comes_from(ecs: Ecs) -> None:
    task = ecs.task()
    overridden = ecs.task(environment=(("MESHCLIENT_PORT", "9000"),))

    def port(event: Task, services: str = "") -> int:
        recorder = ecs.recorder()
        follow(recorder, ecs.story(event), event, services)
        return next(iter(recorder.listed.values())).endpoint.port

    assert [port(task), port(overridden), port(overridden, "orders:7000")] == [8080, 9000, 7000]
    with pytest.raises(AwsError, match="MESHCLIENT_PORT is overridden, and 'x' is no port"):
        port(ecs.task(environment=(("MESHCLIENT_PORT", "x"),)))
    with pytest.raises(AwsError, match=r"orders:7 does not tell the port of service 'orders'.*orders=orders:8080"):
        follow(ecs.recorder(), ecs.story(task, ports=0), task)
