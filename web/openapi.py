"""What the control port answers, as an OpenAPI document: one table, which a test holds against the routes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import get_args

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.responses import Response

from rules.explaining import DOORS
from store.export.native import Action
from store.export.native import Kind
from store.export.native import Mode
from store.export.native import Severity
from store.frames import Direction
from store.query import Order
from store.query import Status
from web.query import MAX_LIMIT
from web.query import TURN_STATUSES
from web.reports import PERIODS

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_TIME: Final[Schema] = {"type": "string", "description": "ISO 8601 with a zone, or seconds since 1970"}


def name_of(parameter: str) -> str:
    """What a parameter is called in an address; one name means different things in different places."""
    return {"turn status": "status", "period": "since"}.get(parameter, parameter)


def _one_of(values: tuple[str, ...]) -> Schema:
    return {"type": "string", "enum": list(values)}


PARAMETERS: Final[dict[str, Schema]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
    "offset": {"type": "integer", "minimum": 0, "default": 0},
    "order": _one_of(get_args(Order)),
    "q": {"type": "string", "description": "conditions as for `sessions` and `tail`: key=kiosk* since=2h, and words to look for"},
    "since": _TIME,
    "until": _TIME,
    "session_id": _TEXT,
    "parent_request_id": {"type": "string", "description": "the grouping id of the caller; wins over session_id"},
    "key": _TEXT,
    "provider": _TEXT,
    "model": _TEXT,
    "route": _TEXT,
    "text": {"type": "string", "description": "looked for, in any case, in all that is kept"},
    "status": _one_of(get_args(Status)),
    "turn status": _one_of(TURN_STATUSES),
    "kind": _one_of(get_args(Kind)),
    "policy": _TEXT,
    "action": _one_of(get_args(Action)),
    "mode": _one_of(get_args(Mode)),
    "severity": _one_of(get_args(Severity)),
    "from": _one_of(get_args(Direction)),
    "period": _one_of(PERIODS),
    "path": {"type": "string", "description": "of a request, with or without a query"},
    "header": {"type": "string", "description": "name=value, one a line"},
    "door": _one_of(DOORS),
    "host": _TEXT,
    "session": {"type": "string", "description": "the id of one: whose request is explained, whose breakpoints are listed"},
    "event": {"type": "integer", "minimum": 1, "description": "the number of a recorded message of that session"},
    "fold": {"type": "string", "enum": ["yes", "no"], "default": "yes"},
    "type": {"type": "string", "description": "a glob of the event type"},
}

_PAGED: Final = ("limit", "offset", "order")
_SESSIONS: Final = ("session_id", "parent_request_id", "key", "provider", "model", "status", "since", "until", "text", *_PAGED)
_LOGS: Final = tuple("turn status" if name == "status" else name for name in _SESSIONS)
_FINDINGS: Final = (
    *("session_id", "key", "provider", "model", "route", "kind", "policy", "action", "mode", "severity", "since", "until"),
    *_PAGED,
)
_EXPLAINED: Final = ("path", "model", "key", "header", "door", "host", "session", "event")
JSON: Final = "application/json"
HTML: Final = "text/html"
EVENTS: Final = "text/event-stream"
WAV: Final = "audio/wav"
JSONL: Final = "application/jsonl"


@dataclass(frozen=True, slots=True)
class Operation:
    """One address: what it is for, the parameters it takes, and what it answers with."""

    path: str
    summary: str
    answer: str = JSON
    query: tuple[str, ...] = ()
    method: str = "get"
    status: int = 200
    open: bool = False
    """Needs no token."""


OPERATIONS: Final = (
    Operation("/healthz", "Whether the port answers", open=True),
    Operation("/metrics", "Figures for Prometheus", "text/plain"),
    Operation("/api/openapi.json", "This document"),
    Operation("/api/sessions", "Sessions live and past", query=_SESSIONS),
    Operation("/api/sessions/{id}", "The record of a session"),
    Operation("/api/sessions/{id}/kill", "End a live session", method="post", status=202),
    Operation("/api/sessions/{id}/audio.wav", "Its sound in stereo, the user on the left; ranges are served", WAV),
    Operation("/api/sessions/{id}/audio/{turn}/{side}.wav", "The sound of one turn and side, user or model", WAV),
    Operation("/api/sessions/{id}/peaks.json", "Its sound for drawing, and where each turn is in it"),
    Operation("/api/sessions/{id}/events", "Its recorded messages", query=("from", "type", *_PAGED)),
    Operation("/api/sessions/{id}/report.html", "A report of it in one file, to keep", HTML),
    Operation("/api/sessions/{id}/messages.har", "Its recorded messages as an HTTP archive for DevTools"),
    Operation("/api/sessions/{id}/records.jsonl", "All its records as JSON lines", JSONL),
    Operation("/api/keys/{id}/kill", "End all live sessions of a key", method="post", status=202),
    Operation("/api/logs", "Turns of all sessions", query=_LOGS),
    Operation("/api/logs/sessions/{id}/summary", "What its turns add up to"),
    Operation("/api/logs/sessions/{id}", "The turns of a session", query=("turn status", "since", "until", "text", *_PAGED)),
    Operation("/api/findings", "What was found", query=_FINDINGS),
    Operation("/api/breakpoints", "Breakpoints, and the messages that they paused"),
    Operation("/api/breakpoints", "Set a breakpoint: {q, timeout, once}", method="post", status=201),
    Operation("/api/breakpoints/{id}", "Remove it; what it paused goes on", method="delete"),
    Operation("/api/paused/{id}", "A paused message with what is in it"),
    Operation("/api/paused/{id}/resume", "Let it go on, or another in its place: {}, {payload} or {data}", method="post"),
    Operation("/api/paused/{id}/drop", "Send nothing of it", method="post"),
    Operation("/api/sessions/{id}/inject", "Make a message of a side: {from, payload} or {from, data}", method="post", status=202),
    Operation("/api/live", "Events session, turn, finding, paused and resumed with their records, as they happen", EVENTS, ("session_id",)),
    Operation("/api/top", "Running sessions first, then the newest others, with the figures of the day", query=("q", "limit")),
    Operation("/", "Sessions live and past, as a page", HTML, ("q", *_PAGED)),
    Operation("/sessions", "The same", HTML, ("q", *_PAGED)),
    Operation("/sessions.json", "The same as JSON", query=("q", *_PAGED)),
    Operation("/sessions/{id}", "A session, as a page", HTML),
    Operation("/sessions/{id}.json", "The session with its turns and findings"),
    Operation("/sessions/{id}/timeline.json", "The session as lanes over its time, in seconds since it began"),
    Operation("/sessions/{id}/turns", "A part of its turns, as a part of the page", HTML, ("limit", "offset")),
    Operation("/sessions/{id}/messages.json", "Its recorded messages as rows, pieces of one thing in one unless fold=no", query=("fold",)),
    Operation("/sessions/{id}/messages/{n}.json", "One of its recorded messages"),
    Operation("/findings", "What was found, with counts, as a page", HTML, ("q", "limit", "offset")),
    Operation("/findings.json", "The same as JSON", query=("q", "limit", "offset")),
    Operation("/usage", "What was used, what it cost, how long people waited, as a page", HTML, ("period",)),
    Operation("/usage.json", "The same as JSON", query=("period",)),
    Operation("/rules", "The active rules with the hits of their policies, as a page", HTML),
    Operation("/rules.json", "The same as JSON, without hashes of keys"),
    Operation("/rules/explain", "Where a request goes and why, as a page", HTML, _EXPLAINED),
    Operation("/rules/explain.json", "The same as JSON", query=_EXPLAINED),
    Operation("/health", "The numbers of the moment, as a page", HTML),
    Operation("/health.json", "The same as JSON"),
    Operation("/breakpoints", "Breakpoints and what they paused, as a page", HTML, ("session",)),
    Operation("/breakpoints.json", "The same as JSON", query=("session",)),
    Operation("/live/paused", "Events standing, paused and resumed, which every stream of a page has", EVENTS),
    Operation("/live/sessions", "Rows of the list of sessions, as they change", EVENTS, ("q",)),
    Operation("/live/findings", "Rows of the list of findings, as they come", EVENTS, ("q",)),
    Operation("/live/usage", "Events session with nothing in them, whenever figures may have changed", EVENTS),
    Operation("/live/sessions/{id}", "Parts of the page of a session, as they change", EVENTS),
    Operation("/call", "A page that calls from the browser", HTML, open=True),
    Operation("/call/gateway.json", "Where that page calls", open=True),
    Operation("/call/{file}", "The files of that page", "*/*", open=True),
    Operation("/assets/{file}", "The files of the other pages", "*/*", open=True),
)


def document() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "voicetap control port", "version": "1"},
        "security": [{"token": []}, {"link": []}, {"page": []}],
        "paths": paths,
        "components": {"securitySchemes": _SCHEMES, "schemas": {"Error": _ERROR}},
    }


async def openapi(request: Request) -> Response:
    """`GET /api/openapi.json`."""
    return JSONResponse(document())


def _described(operation: Operation) -> dict[str, Any]:
    made: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": list(_parameters(operation)),
        "responses": {
            str(operation.status): {"description": operation.summary, "content": {operation.answer: {}}},
            "default": {"description": "refused", "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}},
        },
    }
    return {**made, "security": []} if operation.open else made


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for part in operation.path.split("{")[1:]:
        yield {"name": part.partition("}")[0], "in": "path", "required": True, "schema": _TEXT}
    for name in operation.query:
        yield {"name": name_of(name), "in": "query", "schema": PARAMETERS[name]}


_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer"},
    "link": {"type": "apiKey", "in": "query", "name": "token"},
    "page": {"type": "apiKey", "in": "cookie", "name": "voicetap-PORT"},
}
_ERROR: Final[Schema] = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "param"],
            "properties": {"message": _TEXT, "type": _TEXT, "code": {"type": ["string", "null"]}, "param": {"type": ["string", "null"]}},
        }
    },
}
