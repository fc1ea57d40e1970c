"""Which of the client's headers travel upstream: a short list that passes, everything else stays here.

Tracing headers and `baggage` are dropped too: ids of the caller's own systems are no business of a model provider.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from providers.base import Pairs
from providers.credentials import SECRET_HEADERS

PASSED: Final = (
    "x-openai-agents-sdk",
    "openai-organization",
    "openai-project",
    "openai-safety-identifier",
    "user-agent",
)
"""Pass to every provider. A provider adds its own (`Provider.passes`), the operator more; `name*` is a prefix."""

CONSENT: Final = ("x-recording-consent", "recording_consent", "yes")
"""A header, a query parameter, and what either says where the people who speak agreed to being recorded. Neither travels upstream."""

_HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_TRACE: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
NEVER: Final = SECRET_HEADERS | _HOP_BY_HOP | {"host", "content-length", "openai-beta"}
"""Never pass, not even when the operator lists them. `OpenAI-Beta` is set again by the provider where the session is a beta one."""


def consents(headers: Iterable[tuple[str, str]], query: Iterable[tuple[str, str]]) -> bool:
    """Whether the client says that its session may be recorded."""
    header, parameter, value = CONSENT
    named = [text for name, text in headers if name.lower() == header] + [text for name, text in query if name == parameter]
    return bool(named) and all(text.strip().lower() == value for text in named)


def malformed(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a header has a control character in it: a lone line break is the end of a line to some servers, and not to others."""
    return any(_CONTROL.search(text) for header in headers for text in header)


def passed(headers: Iterable[tuple[str, str]], *more: Iterable[str]) -> Pairs:
    """The client's headers for the upstream, in order: those of `PASSED` and of the lists in `more`, never those of `NEVER`."""
    allowed = [name.lower() for name in PASSED] + [name.lower() for names in more for name in names]
    return tuple((name, value) for name, value in headers if _may_pass(name.lower(), allowed))


def _may_pass(name: str, allowed: list[str]) -> bool:
    if name in NEVER or name.startswith("sec-websocket-"):
        return False
    return any(name.startswith(rule[:-1]) if rule.endswith("*") else name == rule for rule in allowed)


def own(headers: Iterable[tuple[str, str]]) -> Pairs:
    """The headers of an intercepted app that keeps its own credential: all of them, without the offer of WebSocket extensions."""
    return tuple((name, value) for name, value in headers if name.lower() != "sec-websocket-extensions")


def asks_websocket(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether this is an upgrade: `Upgrade` equals websocket and `Connection` lists upgrade, both in any case."""
    sent = [(name.lower(), value.strip().lower()) for name, value in headers]
    tokens = {token.strip() for name, value in sent if name == "connection" for token in value.split(",")}
    return "upgrade" in tokens and any(name == "upgrade" and value == "websocket" for name, value in sent)


def asks_beta(headers: Iterable[tuple[str, str]], subprotocols: Iterable[str]) -> bool:
    """Whether the client speaks the beta names: `OpenAI-Beta: realtime=v1`, or the browsers' subprotocol of that meaning."""
    if any(token.lower() == "openai-beta.realtime-v1" for token in subprotocols):
        return True
    features = (part for name, value in headers if name.lower() == "openai-beta" for part in value.split(","))
    return any(part.strip().lower() == "realtime=v1" for part in features)


def traceparent(text: str) -> str | None:
    """The span that the client's request belongs to, as `00-<trace>-<span>-<flags>`; None for what is no such header.

    Source: https://www.w3.org/TR/trace-context/#versioning-of-traceparent: later versions may say more behind what the first one says.
    """
    found = _TRACE.fullmatch(text.strip())
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5] is not None):
        return None
    return None if not (found[2].strip("0") and found[3].strip("0")) else f"00-{found[2]}-{found[3]}-{found[4]}"


def grouping(baggage: str) -> str | None:
    """The caller's grouping id: member `session-id` (any case) of a W3C baggage header, as sent.

    Properties after `;` are dropped and white space is trimmed; only 1 to 255 characters count, the first such member wins.
    """
    for member in baggage.split(","):
        name, _, rest = member.partition("=")
        value = rest.partition(";")[0].strip()
        if name.strip().lower() == "session-id" and 1 <= len(value) <= 255:
            return value
    return None
