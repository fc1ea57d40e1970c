"""Where a client may show its key, which place wins, and that nothing of it is left anywhere afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.base import Pairs
from providers.credentials import HEADERS
from providers.credentials import QUERY
from providers.credentials import SUBPROTOCOLS
from providers.credentials import Presented
from providers.credentials import answered
from providers.credentials import credentials_of

KEY = "vt-canary-0123456789"
PROTOCOL = "Sec-WebSocket-Protocol"


@pytest.mark.parametrize(
    ("headers", "query", "source"),
    [
        ((("Authorization", f"Bearer {KEY}"),), (), "authorization"),
        ((("authorization", f"bEaReR   {KEY} "),), (), "authorization"),
        ((("X-Voicetap-Key", KEY),), (), "x-voicetap-key"),
        ((("api-key", KEY),), (), "api-key"),
        ((("X-Api-Key", KEY),), (), "x-api-key"),
        ((("x-goog-api-key", KEY),), (), "x-goog-api-key"),
        ((("xi-api-key", KEY),), (), "xi-api-key"),
        (((PROTOCOL, f"realtime, openai-insecure-api-key.{KEY}"),), (), "subprotocol"),
        (((PROTOCOL, "realtime"), (PROTOCOL.lower(), f"xai-client-secret.{KEY}")), (), "subprotocol"),
        ((), (("key", KEY),), "query:key"),
        ((), (("access_token", KEY),), "query:access_token"),
        ((), (("api-key", KEY),), "query:api-key"),
        ((), (("token", KEY),), "query:token"),
        ((), (("Authorization", f"Bearer {KEY}"),), "query:authorization"),
        ((("Authorization", ""), ("api-key", KEY)), (), "api-key"),
        ((("Authorization", "Bearer"), ("api-key", KEY)), (), "api-key"),
        ((("Authorization", "Bearer  "), ("api-key", KEY)), (), "api-key"),
        ((("Authorization", "Basic abc"), ("api-key", KEY)), (), "api-key"),
        ((("Authorization", " "), ("Authorization", f"Bearer {KEY}")), (), "authorization"),
        ((("api-key", "other"), ("x-voicetap-key", KEY)), (("key", "other"),), "x-voicetap-key"),
        (((PROTOCOL, f"openai-insecure-api-key.{KEY}"),), (("key", "other"),), "subprotocol"),
        (((PROTOCOL, "realtime, openai-insecure-api-key."),), (("key", KEY),), "query:key"),
    ],
)
def test_the_first_place_wins(headers: Pairs, query: Pairs, source: str) -> None:
    found = credentials_of(headers, query)
    assert (found.value, found.source) == (KEY, source)
    assert KEY not in repr(found)
    assert_clean(found)


@pytest.mark.parametrize("headers", [(), (("Authorization", ""),), (("Authorization", "Basic eA=="),), (("api-key", " "),)])
def test_no_credential(headers: Pairs) -> None:
    found = credentials_of(headers, (("model", "m"), ("key", "  ")))
    assert (found.value, found.source, found.query) == (None, None, (("model", "m"),))


def test_what_remains_keeps_its_order_and_all_else() -> None:
    headers = (("X-A", "1"), ("Authorization", "Bearer k"), (PROTOCOL, "realtime, openai-insecure-api-key.k, x"), ("x-a", "2"))
    found = credentials_of(headers, (("b", ""), ("KEY", "k"), ("a", "1"), ("b", "2"), ("conversation_signature", "s")))
    assert found.headers == (("X-A", "1"), ("x-a", "2"))
    assert found.subprotocols == ("realtime", "x")
    assert found.query == (("b", ""), ("a", "1"), ("b", "2"))


@given(
    st.lists(st.tuples(st.sampled_from([*HEADERS, "Proxy-Authorization"]), st.sampled_from([KEY, f"Bearer {KEY}", f"Basic {KEY}"]))),
    st.lists(st.tuples(st.sampled_from(QUERY).map(str.title), st.sampled_from([KEY, f"Bearer {KEY}"]))),
    st.lists(st.sampled_from(SUBPROTOCOLS).map(lambda prefix: f"{prefix.title()}{KEY}")),
)
def test_no_place_keeps_a_key(headers: list[tuple[str, str]], query: list[tuple[str, str]], offered: list[str]) -> None:
    found = credentials_of([*headers, (PROTOCOL, ",".join(offered))], query)
    assert_clean(found)


def assert_clean(found: Presented) -> None:
    assert KEY not in repr((found.headers, found.query, found.subprotocols))


@pytest.mark.parametrize(
    ("offered", "upstream", "answer"),
    [
        (("realtime", "x"), None, "realtime"),
        (("realtime", "x"), "x", "x"),
        (("realtime",), "never-offered", "realtime"),
        (("convai",), "convai", "convai"),
        (("x",), None, None),
        ((), None, None),
        ((), "realtime", None),
        ((f"openai-insecure-api-key.{KEY}",), f"openai-insecure-api-key.{KEY}", None),
        (("realtime", f"openai-insecure-api-key.{KEY}"), f"openai-insecure-api-key.{KEY}", "realtime"),
    ],
)
def test_the_answered_subprotocol_was_offered_and_bears_no_key(offered: tuple[str, ...], upstream: str | None, answer: str | None) -> None:
    assert answered(offered, upstream) == answer
