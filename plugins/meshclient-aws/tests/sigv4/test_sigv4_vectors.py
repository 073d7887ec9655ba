"""Requests and signatures that AWS has published: its test suite, and an example of its documentation."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import TYPE_CHECKING

import httpx
import pytest

from meshclient_aws.sigv4 import SigV4Auth

if TYPE_CHECKING:
    from collections.abc import Mapping

ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "https://example.amazonaws.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
UTF8_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


class Session:
    """A boto3 session with credentials that never change."""

    region_name = "us-east-1"

    def get_credentials(self) -> Session:
        return self

    def get_frozen_credentials(self) -> SimpleNamespace:
        return SimpleNamespace(access_key=ID, secret_key=SECRET, token=None)


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = dt.datetime(2015, 8, 30, 12, 36, tzinfo=dt.UTC).replace(tzinfo=None)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: moment)


def signed(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    token: str | None = None,
    service: str = "service",
) -> httpx.Request:
    request = httpx.Request(method, url, headers=dict(headers), content=body or None)
    return next(SigV4Auth(service, session=Session()).sync_auth_flow(request))


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "signature"),
    [
        ("GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            {},
            b"",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            {},
            b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("GET", "/?ሴ=bar", {}, b"", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        ("POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("POST", "/", FORM, b"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        (
            "POST",
            "/",
            {"Content-Type": "application/x-www-form-urlencoded; charset=utf8"},
            b"Param1=value1",
            "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
        ),
    ],
)
def test_the_published_requests_have_the_published_signatures(
    method: str, target: str, headers: Mapping[str, str], body: bytes, signature: str
) -> None:
    request = signed(method, HOST + target, headers, body)
    names = "content-type;host;x-amz-date" if headers else "host;x-amz-date"
    assert request.headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={ID}/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )
    assert request.headers["X-Amz-Date"] == "20150830T123600Z"


def test_the_example_of_the_documentation() -> None:
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    request = signed("GET", url, UTF8_FORM, b"", service="iam")
    assert request.headers["Authorization"].endswith(
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
