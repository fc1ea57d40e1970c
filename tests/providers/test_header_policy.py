"""Which client headers travel upstream, and what is read from headers: upgrade, beta, grouping id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import KINDS
from providers.base import Pairs
from providers.headers import NEVER
from providers.headers import asks_beta
from providers.headers import asks_websocket
from providers.headers import grouping
from providers.headers import own
from providers.headers import passed
from providers.headers import traceparent

SENT: Pairs = (
    ("Host", "gateway"),
    ("Authorization", "Bearer secret"),
    ("api-key", "secret"),
    ("x-goog-api-key", "secret"),
    ("Proxy-Authorization", "Basic secret"),
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "nonce"),
    ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.secret"),
    ("OpenAI-Beta", "realtime=v1"),
    ("Cookie", "session=secret"),
    ("Origin", "http://localhost:3000"),
    ("traceparent", "00-1"),
    ("baggage", "session-id=1"),
    ("x-stainless-os", "Linux"),
    ("User-Agent", "app/1"),
    ("X-OpenAI-Agents-SDK", "py"),
    ("OpenAI-Organization", "org"),
    ("OPENAI-PROJECT", "proj"),
    ("OpenAI-Safety-Identifier", "user"),
    ("X-DashScope-WorkSpace", "ws"),
    ("x-goog-user-project", "billing"),
    ("X-Tenant", "t"),
)
COMMON = ["User-Agent", "X-OpenAI-Agents-SDK", "OpenAI-Organization", "OPENAI-PROJECT", "OpenAI-Safety-Identifier"]


def names(headers: Pairs) -> list[str]:
    return [name for name, _ in headers]


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"00-{TRACE}-01", f"00-{TRACE}-01"),
        (f" 00-{TRACE}-00 ", f"00-{TRACE}-00"),
        (f"01-{TRACE}-01-what is to come", f"00-{TRACE}-01"),
        (f"cc-{TRACE}-01", f"00-{TRACE}-01"),
        ("", None),
        (f"ff-{TRACE}-01", None),
        (f"00-{TRACE}-01-more", None),
        (f"01-{TRACE}-01.more", None),
        (f"00-{TRACE}-1", None),
        (f"00-{TRACE}", None),
        (f"00-{TRACE.upper()}-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01", None),
        (f"00-{TRACE}-01, 00-{TRACE}-01", None),
        (f"00-{TRACE}-0\u0661", None),
    ],
)
def test_which_span_a_request_belongs_to(text: str, expected: str | None) -> None:
    assert traceparent(text) == expected


def test_only_the_listed_headers_pass() -> None:
    assert names(passed(SENT)) == COMMON


def test_a_provider_adds_its_own() -> None:
    assert names(passed(SENT, KINDS["bailian"].passes)) == [*COMMON, "X-DashScope-WorkSpace"]
    assert names(passed(SENT, KINDS["gemini"].passes)) == [*COMMON, "x-goog-user-project"]


def test_the_operator_may_add_more_but_no_credential_and_no_hop_by_hop_header() -> None:
    assert names(passed(SENT, (), ["X-Tenant", "traceparent"])) == ["traceparent", *COMMON, "X-Tenant"]
    everything = names(passed(SENT, ["*"]))
    assert "X-Tenant" in everything
    assert not {name.lower() for name in everything} & NEVER
    assert not [name for name in everything if name.lower().startswith("sec-websocket-")]


@given(st.lists(st.tuples(st.sampled_from(sorted(NEVER)).map(str.title), st.text())))
def test_nothing_of_the_never_list_passes(headers: list[tuple[str, str]]) -> None:
    assert passed(headers, ["*"], NEVER) == ()


def test_an_intercepted_app_keeps_its_headers_but_the_extensions() -> None:
    assert own(SENT) == tuple(pair for pair in SENT if pair[0] != "Sec-WebSocket-Extensions")


@pytest.mark.parametrize(
    ("headers", "is_upgrade"),
    [
        ((("Upgrade", "websocket"), ("Connection", "Upgrade")), True),
        ((("upgrade", " WebSocket "), ("connection", "keep-alive, UPGRADE")), True),
        ((("Upgrade", "websocket"), ("Connection", "keep-alive"), ("Connection", "upgrade")), True),
        ((("Upgrade", "websocket"),), False),
        ((("Connection", "Upgrade"),), False),
        ((("Upgrade", "h2c, websocket"), ("Connection", "upgrade")), False),
        ((("Upgrade", "websocket"), ("Connection", "no-upgrade")), False),
        ((), False),
    ],
)
def test_upgrade(headers: Pairs, is_upgrade: bool) -> None:
    assert asks_websocket(headers) is is_upgrade


@pytest.mark.parametrize(
    ("headers", "subprotocols", "beta"),
    [
        ((("OpenAI-Beta", "realtime=v1"),), (), True),
        ((("openai-beta", "assistants=v2, Realtime=V1"),), (), True),
        ((("OpenAI-Beta", "assistants=v2"),), (), False),
        ((), ("realtime", "openai-beta.realtime-v1"), True),
        ((), ("realtime",), False),
    ],
)
def test_beta(headers: Pairs, subprotocols: tuple[str, ...], beta: bool) -> None:
    assert asks_beta(headers, subprotocols) is beta


@pytest.mark.parametrize(
    ("baggage", "found"),
    [
        ("session-id=abc", "abc"),
        ("a=1, Session-ID = abc ;ttl=5;x, b=2", "abc"),
        ("session-id=a=b", "a=b"),
        ("session-id=a%2Cb", "a%2Cb"),
        ("session-id=, session-id=second", "second"),
        ("session-id=first,session-id=second", "first"),
        (f"session-id={'x' * 255}", "x" * 255),
        (f"session-id={'x' * 256}", None),
        ("session-id", None),
        ("session-id=;p=1", None),
        ("my-session-id=1", None),
        ("", None),
    ],
)
def test_grouping(baggage: str, found: str | None) -> None:
    assert grouping(baggage) == found


@given(st.text())
def test_grouping_never_crashes(baggage: str) -> None:
    found = grouping(baggage)
    assert found is None or 1 <= len(found) <= 255
