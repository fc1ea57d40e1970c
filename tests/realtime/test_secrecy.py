"""A secret is found wherever an honest program may repeat it, and words of every day are left alone."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from base64 import urlsafe_b64encode
from urllib.parse import quote

import pytest

from realtime.secrecy import REDACTED
from realtime.secrecy import Secret
from realtime.secrecy import Secrets

VALUE = b"sk-proj_AZ09/+=.~tail"


@pytest.mark.parametrize(
    "echo",
    [
        VALUE,
        b"Bearer " + VALUE + b"\r\n",
        json.dumps({"message": VALUE.decode()}).encode(),
        json.dumps({"message": VALUE.decode()}).replace("/", "\\/").encode(),
        json.dumps({"message": VALUE.decode()}).replace("+", "\\u002B").encode(),
        json.dumps({"message": VALUE.decode()}).replace("/", "\\/").replace("+", "\\u002B").replace("=", "\\u003d").encode(),
        "".join(f"\\u{byte:04X}" for byte in VALUE).encode(),
        quote(VALUE, safe="").encode(),
    ],
)
def test_it_is_blanked_as_text_and_nothing_else_is(echo: bytes) -> None:
    blanked = Secret(VALUE).blanked(b"<" + echo + b">")
    assert REDACTED in blanked
    assert b"sk-proj" not in blanked
    assert blanked.startswith(b"<") and blanked.endswith(b">")


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(4))
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_it_is_found_in_base64_with_anything_around_it(before: int, after: int, encode: object) -> None:
    assert callable(encode)
    for length in range(20, 24):
        value = os.urandom(length).hex().encode()[:length]
        hidden = encode(os.urandom(before) + value + os.urandom(after))
        assert Secret(value).within(hidden)
        assert not Secret(value).within(encode(os.urandom(60)))


def test_what_has_no_secret_in_it_stays_the_same_object() -> None:
    data = b'{"type":"response.done"}'
    assert Secret(VALUE).blanked(data) is data
    assert Secret().blanked(data) is data


@pytest.mark.parametrize("value", [b"", b"none", b"dummy", b"EMPTY"])
def test_a_stopgap_is_no_secret(value: bytes) -> None:
    assert not Secret(value).within(b"dummy none EMPTY")


@pytest.mark.parametrize("sign", ["\udcff", "\ud800", "\ud800 \udcff \udfff"])
def test_text_that_is_no_unicode_survives(sign: str) -> None:
    assert Secret(VALUE).blanked_text(f"{sign} {VALUE.decode()}") == f"{sign} {REDACTED.decode()}"


def test_no_secret_is_in_a_representation() -> None:
    assert "proj" not in repr(Secrets(Secret(VALUE), Secret(VALUE)))
