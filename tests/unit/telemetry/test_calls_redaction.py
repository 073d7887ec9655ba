"""What of a URL is told to others."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshclient.telemetry.redaction import redacted


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://orders/v1?a=1&b=2#c", "http://orders/v1?a=1&b=2#c"),
        ("https://user:word@orders:8443/v1", "https://REDACTED:REDACTED@orders:8443/v1"),
        ("http://user@orders/", "http://REDACTED@orders/"),
        ("http://a@b@orders/", "http://REDACTED@orders/"),
        ("http://orders/mail@example", "http://orders/mail@example"),
        ("http://orders/?q=a@b", "http://orders/?q=a@b"),
        ("http://orders/?AWSAccessKeyId=x&Signature=y&sig=z&X-Goog-Signature=w", None),
        ("http://orders/?X-Amz-Security-Token=x&x-amz-signature=y", None),
        ("http://orders/?access_token=x;token=y", None),
        ("http://orders/?signature=", "http://orders/?signature=REDACTED"),
        ("http://orders/?design=x&tokens=y", "http://orders/?design=x&tokens=y"),
        ("mesh://orders/v1?sig=x#sig=y", "mesh://orders/v1?sig=REDACTED#sig=y"),
    ],
)
def test_what_is_left(url: str, told: str | None) -> None:
    found = redacted(url)
    if told is not None:
        assert found == told
    else:
        assert not {part.split("=")[1] for part in found.split("?")[1].replace(";", "&").split("&")} - {"REDACTED"}


@given(
    st.text("abc%:@", min_size=1, max_size=8),
    st.text("abc@:/?&=%", max_size=12),
    st.sampled_from(["sig", "Signature", "AWSACCESSKEYID", "password", "api-key"]),
)
def test_no_secret_is_left_whatever_stands_around_it(user: str, path: str, key: str) -> None:
    url = f"http://{user.replace('/', '')}:geheim@orders/{path}?a=b&{key}=geheim&c=d"
    assert "geheim" not in redacted(url)


@given(st.text(max_size=40))
def test_anything_may_be_asked(text: str) -> None:
    redacted(text)


def test_it_is_still_a_url() -> None:
    url = httpx.URL(redacted("https://user:word@orders:8443/v1?sig=x&a=%20b"))
    assert (url.host, url.port, url.path, url.params["a"]) == ("orders", 8443, "/v1", " b")
