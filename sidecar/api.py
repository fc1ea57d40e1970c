"""The control API of a worker: JSON over HTTP/1.1 on a unix socket that only its owner can open, with a token besides."""

from __future__ import annotations

import hmac
import json
from typing import Any
from typing import Final
from typing import get_args

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp
from starlette.types import Receive
from starlette.types import Scope as ASGIScope
from starlette.types import Send

from sidecar.addresses import Scope
from sidecar.bridge import Tickets
from sidecar.call import Ask
from sidecar.calls import Calls
from sidecar.calls import SoundOrder
from sidecar.delayline import State
from sidecar.limits import BODY_BYTES
from sidecar.limits import Refused
from sidecar.news import News

RETRY_SECONDS: Final = 1


def make_api(calls: Calls, news: News, token: str) -> ASGIApp:
    """The API as an ASGI application."""
    api = _Api(calls, news)
    app = Starlette(
        routes=[
            Route("/calls", api.offer, methods=["POST"]),
            Route("/calls", api.calls),
            Route("/calls/{id}", api.drop, methods=["DELETE"]),
            Route("/calls/{id}", api.call),
            Route("/calls/{id}/answer", api.answer, methods=["POST"]),
            Route("/calls/{id}/sound", api.sound, methods=["POST"]),
            Route("/healthz", api.health),
            Route("/metrics", api.metrics),
            Route("/events", api.events),
        ],
        exception_handlers={Refused: _refused, HTTPException: _http_error, Exception: _failed},
    )
    return _Guard(app, token)


class _Guard:
    """Nothing is answered without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        scheme, _, shown = Headers(scope=scope).get("authorization", "").partition(" ")
        known = scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), self._token)
        target = self._app if known else _answer(Refused(401, "wrong_token", "send the worker's token as `Authorization: Bearer …`"))
        await target(scope, receive, send)


class _Api:
    def __init__(self, calls: Calls, news: News) -> None:
        self._calls = calls
        self._news = news

    async def offer(self, request: Request) -> Response:
        return JSONResponse({"offer": await self._calls.offer(_ask(await _body(request)))}, 201)

    async def answer(self, request: Request) -> Response:
        answer = _text(await _body(request), "answer")
        return JSONResponse({"answer": self._calls.answer(request.path_params["id"], answer)})

    async def sound(self, request: Request) -> Response:
        self._calls.sound(request.path_params["id"], _order(await _body(request)))
        return Response(status_code=204)

    async def drop(self, request: Request) -> Response:
        self._calls.drop(request.path_params["id"], request.query_params.get("reason", "ended"))
        return Response(status_code=204)

    async def calls(self, request: Request) -> Response:
        return JSONResponse({"calls": self._calls.records()})

    async def call(self, request: Request) -> Response:
        return JSONResponse(self._calls.find(request.path_params["id"]).record())

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "calls": self._calls.states().total()})

    async def metrics(self, request: Request) -> Response:
        return JSONResponse(self._calls.metrics())

    async def events(self, request: Request) -> Response:
        return StreamingResponse(self._news.listen().lines(), media_type="application/x-ndjson")


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request. Raises Refused."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > BODY_BYTES:
            raise Refused(413, "too_large", f"the request has over {BODY_BYTES} bytes")
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "bad_request", "the body is not a JSON object")
    return body


def _ask(body: dict[str, Any]) -> Ask:
    return Ask(
        id=_text(body, "id"),
        offer=_text(body, "offer"),
        tickets=Tickets(_text(body, "ticket"), _text(body, "upstream_ticket")),
        client_scope=_scope(body, "client_scope"),
        upstream_scope=_scope(body, "upstream_scope"),
        record=_record(body.get("record")),
        hold=body.get("hold") is True,
    )


def _order(body: dict[str, Any]) -> SoundOrder:
    state: Any = body.get("state")
    until = body.get("until")
    if state not in get_args(State) or not (until is None or isinstance(until, float)):
        raise Refused(400, "bad_request", f"state is one of {', '.join(get_args(State))}, until a number of seconds or null")
    return SoundOrder(state, until, drop=body.get("drop") is True, reset=body.get("reset") is True)


def _record(given: Any) -> tuple[str, int] | None:
    """Where sound goes, and how many bytes of it."""
    match given:
        case None:
            return None
        case {"folder": str(folder), "limit": int(limit)}:
            return folder, limit
    raise Refused(400, "bad_request", "record has to be null, or an object with a folder and a limit in bytes")


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, "bad_request", f"{name} has to be text")
    return value


def _scope(body: dict[str, Any], name: str) -> Scope:
    value: Any = _text(body, name)
    if value not in get_args(Scope):
        raise Refused(400, "bad_request", f"{name} is one of {', '.join(get_args(Scope))}, not {value[:40]!r}")
    scope: Scope = value
    return scope


def _answer(refusal: Refused) -> Response:
    headers = {"retry-after": str(RETRY_SECONDS)} if refusal.status == 503 else None
    return JSONResponse({"error": {"code": refusal.code, "message": refusal.message}}, refusal.status, headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _answer(error)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(Refused(error.status_code, "bad_request", error.detail))


async def _failed(request: Request, error: Exception) -> Response:
    return _answer(Refused(500, "sidecar_failed", "the media worker failed; its log says why"))
