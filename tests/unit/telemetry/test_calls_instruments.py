"""When OpenTelemetry is told of calls: as soon as there is a provider, and by nobody's error."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.metrics import _internal as metrics_api
from opentelemetry.trace import NoOpTracerProvider

from meshclient.model.outcome import classify_status
from meshclient.telemetry import call_instruments
from meshclient.telemetry.calls import CallMeter
from meshclient.telemetry.course import Course
from meshclient.telemetry.distribution import SECONDS
from meshclient.telemetry.providers import meter_provider, tracer_provider
from meshclient.telemetry.series import MOST
from meshclient.telemetry.spans import AttemptSpans
from telemetered import Metrics, metered, traced

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metrics]:
    with metered(monkeypatch) as found:
        yield found


PLAIN = {
    "http.request.method": "GET",
    "http.response.status_code": 200,
    "network.protocol.version": "1.1",
    "server.address": "orders",
    "server.port": 80,
}


def test_buckets_are_those_of_the_conventions(metrics: Metrics) -> None:
    CallMeter("orders").called("GET", 200, 0.03)
    bounds = {name: getattr(point, "explicit_bounds", None) for name, _, point in metrics.points()}
    assert bounds["http.client.request.duration"] == SECONDS
    assert bounds["meshclient.client.call.duration"] == SECONDS
    assert SECONDS == (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


def test_it_is_told_of_no_more_series_than_there_are(metrics: Metrics) -> None:
    meter = CallMeter("orders")
    for number in range(MOST + 10):
        meter.attempted("GET", classify_status(503), 0.01, 1024 + number)
    told = [labels for name, labels, _ in metrics.points() if name == "http.client.request.duration"]
    assert len(told) == MOST + 1


def test_units_are_those_of_the_conventions(metrics: Metrics) -> None:
    CallMeter("orders").called("GET", 200, 0.03)
    data = metrics.reader.get_metrics_data()
    assert data is not None
    units = {
        metric.name: metric.unit
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert units["http.client.request.duration"] == "s"
    assert units["meshclient.client.call.attempts"] == "{attempt}"


def test_a_meter_that_tells_nobody(metrics: Metrics) -> None:
    CallMeter("orders", tell=False).called("GET", 200, 0.03)
    assert metrics.points() == []


def test_a_provider_that_is_set_after_the_first_call() -> None:
    program = (
        "from meshclient.telemetry.calls import CallMeter\n"
        "from meshclient.telemetry.spans import AttemptSpans\n"
        "meter, spans = CallMeter('orders'), AttemptSpans('orders')\n"
        "meter.called('GET', 200, 0.01); assert not spans.active\n"
        "from opentelemetry import metrics, trace\n"
        "meter.called('GET', 200, 0.01); assert not spans.active\n"
        "from opentelemetry.sdk.metrics import MeterProvider\n"
        "from opentelemetry.sdk.metrics.export import InMemoryMetricReader\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "reader = InMemoryMetricReader()\n"
        "metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))\n"
        "trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))\n"
        "meter.called('GET', 200, 0.01); assert spans.active\n"
        "data = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics\n"
        "print({metric.name: metric.data.data_points[0].count for metric in data\n"
        "       if metric.name == 'http.client.request.duration'})\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("{'http.client.request.duration': 1}\n", "")


@pytest.mark.parametrize("variable", ["OTEL_SDK_DISABLED", "OTEL_PYTHON_METER_PROVIDER"])
def test_what_the_environment_says(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "true" if variable == "OTEL_SDK_DISABLED" else "sdk_meter_provider")
    program = (
        "from meshclient.telemetry.calls import CallMeter\n"
        "from meshclient.telemetry.spans import AttemptSpans\n"
        "from opentelemetry import metrics, trace\n"
        "import os\n"
        "if 'OTEL_SDK_DISABLED' in os.environ:\n"
        "    from opentelemetry.sdk.metrics import MeterProvider\n"
        "    from opentelemetry.sdk.trace import TracerProvider\n"
        "    metrics.set_meter_provider(MeterProvider(shutdown_on_exit=False))\n"
        "    trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))\n"
        "CallMeter('orders').called('GET', 200, 0.01)\n"
        "assert not AttemptSpans('orders').active\n"
        "from meshclient.telemetry import call_instruments\n"
        "print(call_instruments._current[1] is None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"{variable == 'OTEL_SDK_DISABLED'}\n", done.stderr


def test_providers_that_do_nothing_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert meter_provider() is None
    assert tracer_provider() is None
    monkeypatch.setattr(metrics_api, "_METER_PROVIDER", NoOpMeterProvider())
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", NoOpTracerProvider())
    assert meter_provider() is None
    assert tracer_provider() is None
    assert not AttemptSpans("orders").active


def test_should_the_api_keep_its_provider_elsewhere_it_is_asked(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(metrics_api, "_METER_PROVIDER")
    monkeypatch.setattr(metrics_api, "get_meter_provider", lambda: metrics.provider)
    assert meter_provider() is metrics.provider
    monkeypatch.setattr(metrics_api, "get_meter_provider", lambda: metrics_api._PROXY_METER_PROVIDER)
    assert meter_provider() is None


def test_an_error_of_the_providers_is_logged_once_and_reaches_no_call(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    meter = CallMeter("orders")
    meter.called("GET", 200, 0.01)
    found = call_instruments._current[1]
    assert found is not None

    def fail(*_: object) -> None:
        raise RuntimeError("the provider's bug")

    for name in ("_request", "_call", "_retries"):
        monkeypatch.setattr(getattr(found, name), "record", fail)
    with caplog.at_level(logging.ERROR, "meshclient.telemetry"):
        meter.ended("GET", classify_status(200), None, 0.1, Course(2, 1, 0.1))
        meter.called("GET", 200, 0.01)
        meter.called("GET", 200, 0.01)
    assert [record.message for record in caplog.records] == [
        "OpenTelemetry failed; it is told nothing more of calls"
    ] * len(caplog.records)
    assert len(caplog.records) == 1
    assert "the provider's bug" in caplog.text
    # What is counted here goes on.
    assert meter.read().tried.count == 4


def test_a_provider_that_makes_no_meters(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with metered(monkeypatch) as metrics, caplog.at_level(logging.ERROR, "meshclient.telemetry"):

        def fail(*_: object) -> None:
            raise RuntimeError("the provider's bug")

        monkeypatch.setattr(metrics.provider, "get_meter", fail)
        meter = CallMeter("orders")
        meter.called("GET", 200, 0.01)
        meter.called("GET", 200, 0.01)
    assert [record.message for record in caplog.records] == ["OpenTelemetry failed; it is told nothing of calls"]


def test_a_provider_that_makes_no_tracers(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with traced(monkeypatch) as found, caplog.at_level(logging.ERROR, "meshclient.telemetry"):

        def fail(*_: object) -> None:
            raise RuntimeError("the provider's bug")

        monkeypatch.setattr(found.provider, "get_tracer", fail)
        spans = AttemptSpans("orders")
        assert not spans.active
        assert not spans.active
        assert spans.call("GET") is None
    assert [record.message for record in caplog.records] == [
        "OpenTelemetry failed; spans of calls to 'orders' may be missing"
    ]


def test_one_set_of_instruments_for_all_services(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    """The SDK warns of a second one."""
    for name in ("orders", "users"):
        CallMeter(name).called("GET", 200, 0.01)
    assert len(metrics.counted("http.client.request.duration")) == 2
    assert metrics.counted("http.client.request.duration")[tuple(sorted(PLAIN.items()))] == 1
    assert caplog.records == []
