"""Breakpoints over the control port: set and removed, what they paused looked at, changed, dropped and let go, messages made.

Who asks is told by an address and the name that the asking program gives itself: the port knows no more of people than its token.
"""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Callable
from functools import partial
from typing import Any
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.routing import Route

from addons.breaking import MOST
from addons.breaking import Breaks
from addons.breaking import Gone
from addons.breaking import TooMany
from addons.breakpoint import SIDES
from realtime.frame import Frame
from store.filters import BadFilter
from web.answers import Refused
from web.live import Watch
from web.query import known
from web.sound import Find

TIMEOUTS: Final = (1, 60)
"""Seconds, the least and the most."""
TIMEOUT: Final = 10
_SPARE: Final = 64 << 10
"""Bytes of a body besides the message."""
_ESCAPED: Final = 2
"""Bytes of a body for each byte of a message, at most: base64 takes less, and so does nearly all text."""
_MOST_Q: Final = 1000
_AGENT: Final = 80

Body = dict[str, Any]


class Breakpoints:
    """The routes of breakpoints. `limit` tells the largest message in bytes; `breaks` is None where the port has no live sessions."""

    def __init__(self, breaks: Breaks | None, find: Find, watch: Watch, limit: Callable[[], int]) -> None:
        self._maybe = breaks
        self._find = find
        self._limit = limit
        if breaks is not None:
            breaks.told.append(watch.tell)
            watch.paused = breaks.paused
        self.routes = [
            Route("/api/breakpoints", self.list),
            Route("/api/breakpoints", self.add, methods=["POST"]),
            Route("/api/breakpoints/{id}", self.remove, methods=["DELETE"]),
            Route("/api/paused/{id}", self.one),
            Route("/api/paused/{id}/resume", self.resume, methods=["POST"]),
            Route("/api/paused/{id}/drop", self.drop, methods=["POST"]),
            Route("/api/sessions/{id}/inject", self.inject, methods=["POST"]),
        ]

    @property
    def _breaks(self) -> Breaks:
        """Raises Refused 403."""
        if self._maybe is None or not self._maybe.allowed:
            raise Refused(403, "breakpoints are off: `breakpoints: false` in rules.yaml", code="breakpoints_off")
        return self._maybe

    async def list(self, request: Request) -> Response:
        """`{breakpoints, paused}`."""
        known(request.query_params, ())
        return JSONResponse({"breakpoints": self._breaks.points(), "paused": self._breaks.paused()})

    async def add(self, request: Request) -> Response:
        """The breakpoint that was set; takes `{q, timeout, once}`."""
        breaks = self._breaks
        body = await self._body(request, ("q", "timeout", "once"))
        q, timeout, once = body.get("q", ""), body.get("timeout", TIMEOUT), body.get("once", False)
        if not isinstance(q, str) or len(q) > _MOST_Q:
            raise Refused(400, f"q is conditions in one line of text, at most {_MOST_Q} characters", param="q")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not TIMEOUTS[0] <= timeout <= TIMEOUTS[1]:
            raise Refused(400, f"timeout is {TIMEOUTS[0]} to {TIMEOUTS[1]} seconds, not {_shown(timeout)}", param="timeout")
        if not isinstance(once, bool):
            raise Refused(400, f"once is true or false, not {_shown(once)}", param="once")
        try:
            made = breaks.add(q, timeout=float(timeout), once=once, by=_who(request))
        except BadFilter as error:
            raise Refused(400, f"{error}; {error.hint}", param="q") from None
        except TooMany:
            raise Refused(409, f"there are {MOST} breakpoints; remove one", code="too_many_breakpoints") from None
        return JSONResponse(made, 201)

    async def remove(self, request: Request) -> Response:
        """`{id, removed}`; what it paused goes on."""
        name = request.path_params["id"]
        try:
            self._breaks.remove(name, _who(request))
        except KeyError:
            raise Refused(404, f"there is no breakpoint {name[:80]!r}", code="unknown_breakpoint") from None
        return JSONResponse({"id": name, "removed": True})

    async def one(self, request: Request) -> Response:
        """A paused message with its `payload`, or `data` in base64 where it is no UTF-8."""
        known(request.query_params, ())
        return JSONResponse(_paused(request, self._breaks.show))

    async def resume(self, request: Request) -> Response:
        """`{id, reason, outcome}`; takes `{}`, `{payload}` or `{data}`."""
        breaks = self._breaks
        body = await self._body(request, ("payload", "data"))
        stop = _paused(request, breaks.stop)
        if body:
            payload = self._message(body)
            _check(Frame(stop.frame.from_client, payload, text=stop.frame.text), like=stop.frame)
            outcome = _paused(request, partial(breaks.edit, payload=payload, by=_who(request)))
            reason = "edited" if payload != stop.frame.payload else "resumed"
        else:
            reason, outcome = "resumed", _paused(request, partial(breaks.resume, by=_who(request)))
        return JSONResponse({"id": stop.id, "reason": reason, "outcome": outcome})

    async def drop(self, request: Request) -> Response:
        """`{id, reason, outcome}`."""
        breaks = self._breaks
        await self._body(request, ())
        _paused(request, partial(breaks.drop, by=_who(request)))
        return JSONResponse({"id": request.path_params["id"], "reason": "dropped", "outcome": "dropped"})

    async def inject(self, request: Request) -> Response:
        """`{session, from, type, size, waits}`; takes `{from, payload}` or `{from, data}`, which makes a binary message."""
        breaks = self._breaks
        body = await self._body(request, ("from", "payload", "data"))
        side = body.pop("from", None)
        if side not in SIDES:
            raise Refused(400, f"from is {' or '.join(SIDES)}, not {_shown(side)}", param="from")
        payload, text = self._message(body), "payload" in body
        if text:
            _check(Frame(SIDES[side], payload, text=True))
        found = await self._find(request.path_params["id"])
        try:
            made = breaks.inject(found["id"], from_client=SIDES[side], payload=payload, text=text, by=_who(request))
        except Gone as error:
            raise Refused(409, str(error), code="session_closed") from None
        return JSONResponse(made, 202)

    def _message(self, body: Body) -> bytes:
        """The message in a body. Raises Refused 400."""
        if len(body) != 1:
            raise Refused(400, f"write payload or data, one of them, not {', '.join(body) or 'none'}", param="payload")
        ((name, value),) = body.items()
        if not isinstance(value, str):
            raise Refused(400, f"{name} is text, not {_shown(value)}", param=name)
        try:
            payload = b64decode(value, validate=True) if name == "data" else value.encode()
        except (BadBase64, ValueError) as error:
            raise Refused(400, f"{name} cannot be read: {error}", param=name) from None
        if len(payload) > self._limit():
            raise Refused(400, f"the message has {len(payload)} bytes, limits.message allows {self._limit()}", code="message_too_big")
        return payload

    async def _body(self, request: Request, names: tuple[str, ...]) -> Body:
        """The JSON object that was sent, empty where nothing was. Raises Refused 400, 413."""
        known(request.query_params, ())
        most = _ESCAPED * self._limit() + _SPARE
        read = bytearray()
        async for chunk in request.stream():
            read += chunk
            if len(read) > most:
                raise Refused(413, f"the request has more than {most} bytes", code="body_too_large")
        try:
            body = json.loads(bytes(read)) if read else {}
        except (ValueError, RecursionError):
            raise Refused(400, "the request is not JSON", code="invalid_body") from None
        if not isinstance(body, dict):
            raise Refused(400, f"the request is a JSON object, not {_shown(body)}", code="invalid_body")
        for name in body:
            if name not in names:
                raise Refused(
                    400, f"unknown member {name[:40]!r}; known: {', '.join(names) or 'none'}", code="invalid_body", param=name[:40]
                )
        return body


def _paused[Answer](request: Request, call: Callable[[str], Answer]) -> Answer:
    """What is said of the paused message of the path. Raises Refused 404, 409."""
    name = request.path_params["id"]
    try:
        return call(name)
    except KeyError:
        raise Refused(404, f"no message is paused as {name[:80]!r}", code="unknown_message") from None
    except Gone as error:
        raise Refused(409, f"it is not paused any more: {error}", code="not_paused") from None


def _check(made: Frame, like: Frame | None = None) -> None:
    """A message is a JSON object, as all in these protocols are; in the place of another thing it may be any. Raises Refused 400."""
    if like is not None and like.event is None:
        return
    if made.event is None or made.flaw is not None:
        raise Refused(400, f"the message has to be one JSON object, each name once: {made.flaw}", code="bad_message", param="payload")


def _who(request: Request) -> str:
    """Who asks, as far as that is known."""
    host = request.client.host if request.client is not None else "?"
    return f"{host} {request.headers.get('user-agent', '')[:_AGENT]}".strip()


def _shown(value: object) -> str:
    return repr(value)[:40]
