"""How a configured base URL is read and completed, including what is refused; nothing crashes and nothing leaks."""

from __future__ import annotations

from urllib.parse import parse_qsl
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import KINDS
from providers.address import read_base
from providers.base import Account
from providers.base import Ask
from providers.base import Endpoint
from providers.base import ProviderError
from providers.openai_style import root_of
from providers.paths import gateway_path


def session(kind: str, url: str, path: str = "/v1/realtime", model: str = "m") -> str:
    endpoint = gateway_path(path)
    assert endpoint is not None
    return KINDS[kind].websocket(Account("a", kind, url=url), Ask(endpoint, model=model)).url


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://h", "wss://h/v1/realtime?model=m"),
        ("wss://h", "wss://h/v1/realtime?model=m"),
        ("http://h", "ws://h/v1/realtime?model=m"),
        ("ws://h", "ws://h/v1/realtime?model=m"),
        ("  HTTPS://H/  ", "wss://h/v1/realtime?model=m"),
        ("https://h/v1", "wss://h/v1/realtime?model=m"),
        ("https://h/v1/", "wss://h/v1/realtime?model=m"),
        ("https://h//v1//", "wss://h/v1/realtime?model=m"),
        ("https://h/v1/realtime", "wss://h/v1/realtime?model=m"),
        ("https://h/realtime", "wss://h/realtime?model=m"),
        ("https://h/gate/way", "wss://h/gate/way/v1/realtime?model=m"),
        ("https://h/api/v3", "wss://h/api/v3/realtime?model=m"),
        ("https://h:443/v1", "wss://h/v1/realtime?model=m"),
        ("https://h:80/v1", "wss://h:80/v1/realtime?model=m"),
        ("http://h:80/v1", "ws://h/v1/realtime?model=m"),
        ("http://h:8080", "ws://h:8080/v1/realtime?model=m"),
        ("http://[::1]", "ws://[::1]/v1/realtime?model=m"),
        ("http://[2001:DB8::0:1]:81/v1", "ws://[2001:db8::1]:81/v1/realtime?model=m"),
        ("https://h/über/v1", "wss://h/%C3%BCber/v1/realtime?model=m"),
    ],
)
def test_base_is_completed(base: str, url: str) -> None:
    assert session("compatible", base) == url
    assert session("openai", base) == url


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("api.openai.com", "must begin with"),
        ("https://", "must begin with"),
        ("https:///v1", "must begin with"),
        ("https://:443", "must name a host"),
        ("ftp://h", "must begin with"),
        ("javascript:alert(1)", "must begin with"),
        ("https://user:hunter2@h", "user or password"),
        ("https://h?key=hunter2", "query or fragment"),
        ("https://h/#hunter2", "query or fragment"),
        ("https://h:99999", "port"),
        ("https://h:0", "port 0"),
        ("https://h:x", "port"),
        ("https://[::1", "cannot be read"),
        ("https://[fe80::1%25eth0]", "IPv6"),
        ("https://h\n.example", "white space"),
        ("https://h\\@evil", "backslash"),
        ("https://münchen.example", "plain ASCII"),
        ("https://a..b", "plain ASCII"),
    ],
)
def test_base_is_refused(base: str, told: str) -> None:
    with pytest.raises(ProviderError, match=told) as refused:
        read_base(base, "mine")
    assert (refused.value.status, refused.value.code) == (500, "bad_url")
    assert "hunter2" not in str(refused.value) and "'mine'" in refused.value.message


@pytest.mark.parametrize(
    "path",
    ["", "/", "/openai", "/openai/", "/openai/v1", "/openai/v1/realtime", "/openai/deployments/gpt-4o", "/OpenAI/V1/", "/openai/realtime"],
)
def test_azure_cuts_what_it_adds_itself(path: str) -> None:
    assert session("azure", f"https://r.openai.azure.com{path}") == "wss://r.openai.azure.com/openai/v1/realtime?model=m"
    assert session("azure", f"https://gw.corp/az{path}") == "wss://gw.corp/az/openai/v1/realtime?model=m"


@pytest.mark.parametrize("path", ["", "/compatible-mode/v1", "/api/coding/paas/v4", "/api-ws/v1/realtime", "/x//y/"])
def test_bailian_and_zai_pin_their_path(path: str) -> None:
    assert session("bailian", f"https://h{path}") == "wss://h/api-ws/v1/realtime?model=m"
    assert session("zai", f"https://h{path}") == "wss://h/api/paas/v4/realtime?model=m"


def test_root_adds_a_version_only_where_none_ends_the_path() -> None:
    assert [root_of(path) for path in ("", "/v1", "/v1beta", "/v", "/voice", "/x/v1/realtime/translations", "/v1/live/sessions")] == [
        "/v1",
        "/v1",
        "/v1beta",
        "/v/v1",
        "/voice/v1",
        "/x/v1",
        "/v1",
    ]


@given(st.text())
def test_any_text_is_a_base_or_a_clear_error(text: str) -> None:
    try:
        base = read_base(text, "mine")
    except ProviderError as refused:
        assert refused.code == "bad_url"
    else:
        assert base.host and 1 <= base.port <= 65535


SEGMENTS = st.lists(st.text(alphabet="abv1/%._-é ?#", max_size=8), max_size=5).map("/".join)


@given(
    st.sampled_from(sorted(KINDS)),
    st.sampled_from(["http", "https", "ws", "wss"]),
    st.sampled_from(["h", "h.example:81", "[::1]:9", "10.0.0.1"]),
    SEGMENTS,
    st.text(min_size=1).filter(str.strip),
)
def test_urls_never_double_a_slash_and_always_escape_the_model(kind: str, scheme: str, host: str, path: str, model: str) -> None:
    known = KINDS[kind]
    endpoint = known.endpoint(known.session_path)
    assert isinstance(endpoint, Endpoint)
    try:
        upstream = known.websocket(Account("a", kind, url=f"{scheme}://{host}/{path}"), Ask(endpoint, model=model))
    except ProviderError as refused:
        assert refused.code == "bad_url"
        return
    assert upstream.scheme == {"http": "ws", "https": "wss"}.get(scheme, scheme)
    target, _, query = upstream.path.partition("?")
    assert target.startswith("/") and "//" not in target and upstream.path.isascii()
    assert not set(upstream.path) & set(' "<>#\\')
    if known.capabilities.model_in_url:
        assert parse_qsl(query, keep_blank_values=True) == [("model", model.encode(errors="replace").decode())]
    assert urlsplit(upstream.url).path == target
