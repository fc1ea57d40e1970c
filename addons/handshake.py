"""The handshake on the wire: the request as the provider gets it, and what a failed one reads like to the client."""

from __future__ import annotations

import json
import re
from typing import Final
from typing import Literal

from mitmproxy import http

from addons.answers import refusal
from addons.tap import DIALS
from providers import KINDS
from providers.base import Account
from providers.base import Ask
from providers.base import Pairs
from providers.base import Upstream
from providers.credentials import Presented
from providers.credentials import answered
from providers.credentials import credentials_of
from providers.headers import passed
from realtime.secrecy import Secret
from realtime.session import Session
from rules.upstream import Provider

HANDSHAKE: Final = ("upgrade", "connection", "sec-websocket-key", "sec-websocket-version")
"""Headers of a client's WebSocket handshake that stay as they are."""
REQUEST: Final = ("accept", "content-type")
"""Headers of any other request that do."""
_WAIT: Final = re.compile(r"\d{1,9}|[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
_LOGGED_BODY: Final = 300
_READ_BODY: Final = 1 << 16
_LIMITS: Final = ("x-ratelimit-", "ratelimit", "retry-after")
_SECRET: Final = re.compile(r"(?i)(bearer\s+\S+|\b(?:sk|ek|vt|xai|pk|key)[-_][\w-]{6,}|AIza[\w-]{10,}|[\w+/=-]{24,})")


def own_way(flow: http.HTTPFlow, account: Account, ask: Ask) -> Upstream:
    """For an intercepted app that keeps its own credential: its own path, on the account's host."""
    provider = KINDS[account.kind]
    base = provider.base(account)
    scheme: Literal["ws", "wss"] = "wss" if base.secure else "ws"
    return Upstream(scheme, base.host, base.port, flow.request.path, provider.dialect(account, ask), provider.family(account, ask))


def send_body(request: http.Request, content_type: str, body: bytes) -> None:
    """Give a request another body, as long as it says."""
    for name in ("transfer-encoding", "content-encoding"):
        request.headers.pop(name, None)
    request.headers["content-type"] = content_type
    request.content = body


def point_at(flow: http.HTTPFlow, upstream: Upstream) -> None:
    """Send the request to another host, which it may dial then. Its path and headers stay, but for the name of the host."""
    request = flow.request
    flow.metadata[DIALS] = (upstream.host, upstream.port)
    request.scheme = "https" if upstream.secure else "http"
    request.data.host, request.data.port, request.data.authority = upstream.host, upstream.port, b""
    request.headers["host"] = upstream.authority


def rewrite(flow: http.HTTPFlow, presented: Presented, config: Provider, upstream: Upstream, keeps: tuple[str, ...] = HANDSHAKE) -> None:
    """Send our own head instead: the provider's path, the headers that may pass, and last the provider's credential."""
    request, sent = flow.request, flow.request.headers
    kept: Pairs = tuple((name, sent[name]) for name in keeps if name in sent)
    more = passed(presented.headers, KINDS[config.kind].passes, config.headers)
    offered: Pairs = (("sec-websocket-protocol", ", ".join(upstream.subprotocols)),) if upstream.subprotocols else ()
    fields = (("host", upstream.authority), *kept, *more, *offered, *upstream.headers)
    point_at(flow, upstream)
    request.path = upstream.path
    request.headers = http.Headers([(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in fields])


def upgraded(response: http.Response, offered: tuple[str, ...], secret: Secret) -> None:
    """Correct the provider's 101 for the client: a subprotocol that it offered, no extensions, and nothing that is not its own."""
    response.reason = "Switching Protocols"
    for name, value in response.headers.items(multi=True):
        if name.lower() == "set-cookie" or secret.within(value.encode(errors="surrogateescape")):
            response.headers.pop(name, None)
    chosen = answered(offered, response.headers.get("sec-websocket-protocol"))
    response.headers.pop("sec-websocket-protocol", None)
    response.headers.pop("sec-websocket-extensions", None)
    if chosen is not None:
        response.headers["sec-websocket-protocol"] = chosen


def refused(session: Session, response: http.Response) -> http.Response:
    """What a refusal upstream reads like here. 429 keeps its meaning and its Retry-After; anything else is a 502."""
    status = response.status_code
    if status == 429:
        wait = response.headers.get("retry-after", "")
        headers = {"retry-after": wait} if _WAIT.fullmatch(wait) else None
        return refusal(429, f"provider {session.provider} limits the rate", code="upstream_rate_limit", headers=headers)
    return refusal(502, f"provider {session.provider} refused the session with status {status}", code="upstream_refused")


def relayed(provider: str, response: http.Response, *secrets: Secret) -> http.Response:
    """What a refused request reads like: the provider's status, its rate limit, and its error object where that is about the request.

    One of our own credential is none of the client's, whose key is good: it becomes a 502, without the provider's words, which like to
    repeat a part of the credential.
    """
    status, headers = response.status_code, rate_limit(response, *secrets)
    if status in (401, 403):
        return refusal(502, f"provider {provider} refused our credential with status {status}", code="upstream_refused", headers=headers)
    status = status if status >= 400 else 502
    told = _error_of(response, secrets) if status < 500 else {}
    message = told.get("message") or f"provider {provider} refused the request with status {response.status_code}"
    return refusal(status, message, code=told.get("code") or "upstream_refused", param=told.get("param"), headers=headers)


def rate_limit(response: http.Response, *secrets: Secret) -> dict[str, str]:
    """The headers of a provider that say how often it may be asked, but for those that repeat a secret."""
    told = {name.lower(): value for name, value in response.headers.items() if name.lower().startswith(_LIMITS)}
    return {name: value for name, value in told.items() if not any(secret.within(value.encode(errors="replace")) for secret in secrets)}


def _error_of(response: http.Response, secrets: tuple[Secret, ...]) -> dict[str, str]:
    """The texts of OpenAI's error object, without secrets and all that looks like one; none for a body of another shape."""
    body = response.raw_content or b""
    for secret in secrets:
        body = secret.blanked(body)
    try:
        error = json.loads(body[:_READ_BODY])["error"]
        return {name: _SECRET.sub("[redacted]", text)[:_LOGGED_BODY] for name, text in error.items() if isinstance(text, str)}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def own_secret(request: http.Request) -> Secret:
    """The credential that a request carries upstream."""
    value = credentials_of(request.headers.items(multi=True), tuple(request.query.items(multi=True))).value
    return Secret((value or "").encode(errors="surrogateescape"))


def text_for_log(text: str) -> str:
    """What a provider said, without all that looks like a secret."""
    return _SECRET.sub("[redacted]", text)


def body_for_log(response: http.Response, *secrets: Secret) -> str:
    """The start of an error body for the operator, in one line of ASCII, without these secrets and all that looks like one."""
    body = response.raw_content or b""
    for secret in secrets:
        body = secret.blanked(body)
    text = text_for_log(body[: 2 * _LOGGED_BODY].decode(errors="replace"))
    return json.dumps(text[:_LOGGED_BODY])
