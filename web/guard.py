"""Who may use the control port: the right Host (no DNS rebinding), no foreign Origin, the right token. Checked in this order.

A browser that opens a link with the token gets a cookie for it, and the address without.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qs
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp
from starlette.types import Message
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from addons.floods import Refused
from web.answers import refused
from web.entry import Entry
from web.rendering import readable
from web.rendering import wants_page

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN: Final = frozenset({"/healthz", "/call"})
_OPEN_BELOW: Final = ("/call/", "/assets/")
"""The call page and the files of pages hold no secret; what that page does, it does with the key that its reader gives it."""
_HEADERS: Final = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


Note = Callable[[Refused], None]
"""Takes what is to be known of a request that was refused."""


End = Callable[[], Awaitable[None]]


class Guard:
    """ASGI middleware in front of everything; a request it refuses reaches nothing behind it."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: Collection[str], note: Note, close: End | None = None) -> None:
        self.app = app
        self._note = note
        self._token = token.encode()
        self._entry = Entry(token)
        self._close = close
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def close(self) -> None:
        """End what goes on without an end: answers that last as long as their readers like, processes that read."""
        if self._close is not None:
            await self._close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                refusal = self._refusal(scope)
                if refusal is not None:
                    self._note(_noted(scope, refusal))
                    answer: ASGIApp = readable(Headers(scope=scope), refusal)
                else:
                    answer = self._entered(scope) or self.app
                await answer(scope, receive, _with_headers(send))
            case "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": "no WebSocket is served here"})
            case _:
                await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _hostname(hosts[0]) not in self._hosts:
            return refused(421, "this host name is not served here; use a loopback address", code="misdirected_request")
        for origin in headers.getlist("origin"):
            if urlsplit(origin).netloc.lower() != hosts[0].lower():
                return refused(403, "requests from other origins are not allowed", code="foreign_origin")
        if _is_open(scope["path"]) or self._knows_token(scope, headers) or self._entry.is_in(scope["method"], headers):
            return None
        return refused(
            401, "send the token of the ready line as `Authorization: Bearer …` or ?token=…", headers={"www-authenticate": "Bearer"}
        )

    def _knows_token(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        return self._is_token(shown if scheme.lower() == "bearer" else _queried(scope))

    def _is_token(self, shown: str) -> bool:
        return hmac.compare_digest(shown.strip().encode(), self._token)

    def _entered(self, scope: Scope) -> Response | None:
        """What a link with the token opens: a page at an address without it."""
        headers = Headers(scope=scope)
        if scope["method"] == "GET" and wants_page(headers) and self._is_token(_queried(scope)):
            return self._entry.opened(scope, headers)
        return None


def _queried(scope: Scope) -> str:
    return str(parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1])


def _noted(scope: Scope, refusal: Response) -> Refused:
    """A refusal with what its request says of itself; its query, which may hold a token, is left out."""
    headers, error = Headers(scope=scope), json.loads(bytes(refusal.body))["error"]
    return Refused(
        door="control",
        status=refusal.status_code,
        code=error["code"],
        reason=error["message"],
        path=scope["path"],
        address=scope["client"][0] if scope.get("client") else None,
        origin=headers.get("origin"),
        agent=headers.get("user-agent"),
    )


def _is_open(path: str) -> bool:
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _hostname(host: str) -> str | None:
    """The name of a Host header without its port, or None where it is not one."""
    try:
        return urlsplit(f"//{host}").hostname if "@" not in host else None
    except ValueError:
        return None


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sender
