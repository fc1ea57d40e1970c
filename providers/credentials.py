"""The client's credential: found in the first of its known places, and taken out of all of them.

Whatever is forwarded or logged afterwards is built from the cleaned parts, so a client's key cannot travel further.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import field
from typing import Final

from providers.base import Pairs

HEADERS: Final = ("authorization", "x-voicetap-key", "api-key", "x-api-key", "x-goog-api-key", "xi-api-key")
"""Headers that carry a credential, in the order in which they count."""

SUBPROTOCOLS: Final = ("openai-insecure-api-key.", "xai-client-secret.")
"""Prefixes of subprotocols that carry one: browsers cannot set headers on a WebSocket."""

QUERY: Final = ("key", "access_token", "api-key", "token", "authorization")
"""Query parameters that carry one: Google's two, the old Azure one, ElevenLabs' single-use token, and Z.ai's `Bearer …`."""

SECRET_QUERY: Final = frozenset({*QUERY, "conversation_signature"})
"""Query parameters that are never forwarded; the last is the proof in an ElevenLabs signed URL, for which our credential stands."""

SECRET_HEADERS: Final = frozenset({*HEADERS, "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Presented:
    """What the client showed. `source` is a header name, `subprotocol` or `query:<name>`; the rest is what remains without it.

    `headers` hold no Sec-WebSocket-Protocol: `subprotocols` stand for it.
    """

    value: str | None = field(repr=False)
    source: str | None
    headers: Pairs = field(repr=False)
    query: Pairs = field(repr=False)
    subprotocols: tuple[str, ...] = field(repr=False)


def credentials_of(headers: Iterable[tuple[str, str]], query: Iterable[tuple[str, str]] = ()) -> Presented:
    """The first credential present, and everything cleaned of all of them. Blank ones count as absent. Header names in any case."""
    sent = tuple(headers)
    asked = tuple(query)
    offered = subprotocols_of(sent)
    value, source = _first(sent, offered, asked)
    return Presented(
        value,
        source,
        tuple((name, text) for name, text in sent if name.lower() not in SECRET_HEADERS and name.lower() != "sec-websocket-protocol"),
        without_secrets(asked),
        tuple(token for token in offered if not token.lower().startswith(SUBPROTOCOLS)),
    )


def without_secrets(query: Iterable[tuple[str, str]]) -> Pairs:
    """The query parameters that carry no credential; names in any case."""
    return tuple((name, value) for name, value in query if name.lower() not in SECRET_QUERY)


def subprotocols_of(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The offered subprotocols in order, over all Sec-WebSocket-Protocol headers (RFC 6455, 4.1). Key-bearing ones included."""
    lists = (value for name, value in headers if name.lower() == "sec-websocket-protocol")
    return tuple(token for value in lists for token in (part.strip() for part in value.split(",")) if token)


def answered(offered: tuple[str, ...], upstream: str | None) -> str | None:
    """The subprotocol to answer: the upstream's choice or `realtime`, but only one that was offered and bears no key."""
    safe = [token for token in offered if not token.lower().startswith(SUBPROTOCOLS)]
    return next((token for token in (upstream, "realtime") if token is not None and token in safe), None)


def _first(headers: Pairs, offered: tuple[str, ...], query: Pairs) -> tuple[str, str] | tuple[None, None]:
    for wanted in HEADERS:
        for name, text in headers:
            if name.lower() == wanted and (value := _value(wanted, text)):
                return value, wanted
    for prefix in SUBPROTOCOLS:
        for token in offered:
            if token.lower().startswith(prefix) and (value := token[len(prefix) :].strip()):
                return value, "subprotocol"
    for wanted in QUERY:
        for name, text in query:
            if name.lower() == wanted and (value := _value(wanted, text)):
                return value, f"query:{wanted}"
    return None, None


def _value(name: str, text: str) -> str:
    """The credential in a value, or "". `Authorization` counts only with the Bearer scheme, in any case."""
    if name != "authorization":
        return text.strip()
    scheme, _, value = text.strip().partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""
