"""What must hold for every provider in the registry; a new one is held to it by being listed."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from providers import KINDS
from providers import recognise
from providers.base import Account
from providers.base import Ask
from providers.base import Endpoint
from providers.base import Pairs
from providers.base import ProviderError
from providers.base import Upstream
from providers.credentials import QUERY
from providers.credentials import SECRET_QUERY
from providers.paths import gateway_path
from providers.provider import Provider
from providers.refusals import INSTEAD

CANARY = "canary-secret-42"
EVERY = pytest.mark.parametrize("known", KINDS.values(), ids=KINDS)
AGENT: Pairs = (("agent_id", "a"),)


def account(known: Provider, credential: str | None = CANARY) -> Account:
    return Account("mine", known.kind, url="https://upstream.example/", credential=credential)


def plain(known: Provider) -> Endpoint:
    found = known.endpoint(known.session_path)
    assert found is not None
    return found


def ways_in(known: Provider) -> list[Endpoint]:
    """A plain session and every native shape of one, as the patterns read when taken for paths."""
    shapes = [Endpoint(shape.native.endpoint, "/x", native=shape.native, family=shape.native.family) for shape in known.shapes]
    return [plain(known), *(endpoint for endpoint in shapes if endpoint.endpoint not in INSTEAD)]


def dial(known: Provider, endpoint: Endpoint, credential: str | None = CANARY, query: Pairs = ()) -> Upstream:
    extra = (("api-version", "2025-04-01-preview"), *AGENT, *query)
    return known.websocket(account(known, credential), Ask(endpoint, extra, model="m"))


@EVERY
def test_registered_under_its_own_kind_with_a_name(known: Provider) -> None:
    assert KINDS[known.kind] is known and known.title


@EVERY
def test_its_plain_path_is_known_to_the_gateway_door(known: Provider) -> None:
    found = gateway_path(known.session_path)
    assert found is not None and found.dialect in known.capabilities.dialects


@EVERY
def test_its_hosts_are_recognised_as_its_own(known: Provider) -> None:
    for rule in known.hosts:
        found = recognise(rule.replace("*", "some1"), known.session_path)
        assert found is not None and found.default_kind == known.kind


@EVERY
def test_the_address_it_dials_by_itself_is_one_it_recognises(known: Provider) -> None:
    if known.hosts and known.home:
        upstream = known.websocket(Account("mine", known.kind), Ask(plain(known), model="m"))
        assert recognise(upstream.authority, upstream.path.partition("?")[0]) is not None


@EVERY
def test_the_credential_goes_out_in_one_header_and_nowhere_else(known: Provider) -> None:
    for endpoint in ways_in(known):
        upstream = dial(known, endpoint)
        assert [CANARY in value for _, value in upstream.headers].count(True) == 1
        assert CANARY not in upstream.url + repr(upstream.subprotocols)
        assert CANARY not in repr(upstream) + str(upstream) + repr(account(known))


@EVERY
@pytest.mark.parametrize("credential", [None, "", "  ", "\n"])
def test_without_a_credential_there_is_no_auth_header(known: Provider, credential: str | None) -> None:
    for endpoint in ways_in(known):
        assert dial(known, endpoint, credential).headers == ()


@EVERY
@pytest.mark.parametrize("name", sorted(SECRET_QUERY | {name.upper() for name in QUERY}))
def test_a_clients_query_credential_never_goes_upstream(known: Provider, name: str) -> None:
    for endpoint in ways_in(known):
        assert CANARY not in dial(known, endpoint, None, ((name, CANARY),)).path


@EVERY
def test_a_key_bearing_subprotocol_is_never_offered(known: Provider) -> None:
    offered = ("realtime", f"openai-insecure-api-key.{CANARY}", f"xai-client-secret.{CANARY}")
    upstream = known.websocket(account(known, None), Ask(plain(known), AGENT, model="m", subprotocols=offered))
    assert CANARY not in repr((upstream.subprotocols, upstream.headers))


@EVERY
def test_the_client_cannot_choose_the_host(known: Provider) -> None:
    query = (("host", "evil.example"), ("url", "https://evil.example"), ("region", "evil"))
    for endpoint in ways_in(known):
        upstream = dial(known, endpoint, query=query)
        assert (upstream.host, upstream.port, upstream.scheme) == ("upstream.example", 443, "wss")


@EVERY
def test_a_bad_credential_is_refused_without_showing_it(known: Provider) -> None:
    broken = account(known, f"{CANARY}\r\nX-Evil: 1")
    for action in (lambda: known.check(broken), lambda: known.websocket(broken, Ask(plain(known), AGENT, model="m"))):
        with pytest.raises(ProviderError) as refused:
            action()
        assert CANARY not in "".join(traceback.format_exception(refused.value))


@EVERY
def test_every_refusal_says_something(known: Provider) -> None:
    foreign = gateway_path("/v1/realtime/calls")
    assert foreign is not None
    with pytest.raises(ProviderError, match="not the path of a WebSocket session") as refused:
        known.websocket(account(known), Ask(foreign, model="m"))
    assert refused.value.status == 400


@EVERY
def test_one_of_the_three_names_the_session(known: Provider) -> None:
    """Servers by base URL may want model and intent together; all others get one of model, call_id and intent at most."""
    for ask in (
        Ask(plain(known), AGENT, model="m"),
        Ask(plain(known), AGENT, model="m", call_id="c"),
        Ask(plain(known), AGENT, model="m", intent="transcription"),
    ):
        try:
            path = known.websocket(account(known), ask).path
        except ProviderError as refused:
            assert refused.code == "unsupported_session"
            continue
        named = [name for name in ("model=", "call_id=", "intent=") if name in path]
        assert len(named) <= 1 or (known.kind == "compatible" and ask.transcribes)


@EVERY
def test_it_is_documented(known: Provider) -> None:
    text = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
    assert f"`{known.kind}`" in text and known.session_path in text
    for rule in known.hosts:
        assert rule in text
    for header in known.passes:
        assert header in text


@EVERY
def test_what_was_pasted_or_sent_is_in_no_repr(known: Provider) -> None:
    pasted = Account("mine", known.kind, url=f"https://user:{CANARY}@h", credential=CANARY)
    sent = Ask(plain(known), (("key", CANARY),), subprotocols=(f"openai-insecure-api-key.{CANARY}",))
    assert CANARY not in repr(pasted) + repr(sent)
    with pytest.raises(ProviderError) as refused:
        known.check(pasted)
    assert CANARY not in "".join(traceback.format_exception(refused.value))
