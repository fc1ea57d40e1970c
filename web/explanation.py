"""What the active rules make of a request: one that is described in a form, the one a session began with, or a recorded message of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Final
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rules import explaining
from rules.explaining import BLANK
from rules.explaining import DOORS
from rules.explaining import BadRequest
from rules.model import Rules
from store.explaining import Message
from store.explaining import explained
from store.reader import LogReader
from store.rejudging import NoSuchMessage
from web.answers import Refused
from web.events import why_not
from web.query import known
from web.reading import Work
from web.rendering import as_json
from web.rendering import encoded
from web.rendering import page
from web.rendering import render
from web.rendering import whole
from web.sound import Find
from web.state import Active

Record = dict[str, Any]

FIELDS: Final = ("path", "model", "key", "header", "door", "host")
"""What a request is described with, as `./run.sh explain` takes it; a header a line."""
_MOST_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be explained: a request, and where a session sent it its record, and one of its messages by number."""

    request: explaining.Request
    form: Mapping[str, str | None]
    session: Record | None = None
    event: int | None = None


class Missing(NamedTuple):
    """Why a message cannot be explained."""

    code: str
    message: str


class Explanation:
    """`find` gives the record of a session; `active` the rules, called on the event loop."""

    def __init__(self, find: Find, active: Active, work: Work) -> None:
        self._work = work
        self._find = find
        self._active = active
        self.routes = [Route("/rules/explain", self.page), Route("/rules/explain.json", self.json)]

    async def page(self, request: Request) -> Response:
        """A form with its answer; what cannot be understood is shown with what is wrong about it."""
        known(request.query_params, (*FIELDS, "session", "event"))
        try:
            asked = await self._asked(request)
        except BadRequest as error:
            wrong = {"message": str(error), "hint": error.hint}
            return page("explain.html", status=400, wrong=wrong, form={**BLANK, **_given(request)}, doors=DOORS)
        return whole(_there(await self._work(explained_page, self._active(), asked)))

    async def json(self, request: Request) -> Response:
        """As `./run.sh explain --json`: `{request, route, steps, target}` or `refused`, and of a message `event`."""
        known(request.query_params, (*FIELDS, "session", "event"))
        try:
            asked = await self._asked(request)
        except BadRequest as error:
            raise Refused(400, f"{error}; {error.hint}") from None
        return as_json(_there(await self._work(explained_twin, self._active(), asked)))

    async def _asked(self, request: Request) -> Asked:
        """Raises BadRequest, Refused 400 and 404."""
        given, named = _given(request), request.query_params
        if "session" not in named:
            if "event" in named:
                raise Refused(400, "event needs session, which says whose message", param="event")
            filled = {**BLANK, **given}
            headers = [line.strip() for line in filled.get("header", "").splitlines() if line.strip()]
            described = explaining.described(
                filled["path"], filled.get("model"), filled.get("key"), headers, filled["door"], filled.get("host")
            )
            return Asked(described, filled)
        if given:
            raise Refused(400, f"a session says itself what it asked for; leave out {', '.join(given)}", param="session")
        found = await self._find(named["session"])
        begun = explaining.recorded(found)
        form = {"path": begun.path, "model": found["model"], "key": begun.key, "door": begun.door, "host": begun.host}
        return Asked(begun, form, found, _number(named["event"]) if "event" in named else None)


def _there[T](found: T | Missing) -> T:
    """Raises Refused 404."""
    if isinstance(found, Missing):
        raise Refused(404, found.message, code=found.code)
    return found


def _given(request: Request) -> dict[str, str]:
    """The fields that are filled in."""
    filled = {name: "\n".join(request.query_params.getlist(name)).strip() for name in FIELDS}
    return {name: value for name, value in filled.items() if value}


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < _MOST_DIGITS):
        raise Refused(400, f"event is the number of a message, not {text[:40]!r}", param="event")
    return int(text)


def explained_page(log: LogReader, rules: Rules, asked: Asked) -> str | Missing:
    """The answer as a page."""
    message = _message(log, rules, asked)
    if isinstance(message, Missing):
        return message
    found = explaining.explain(rules, asked.request)
    return render("explain.html", wrong=None, form=asked.form, doors=DOORS, session=asked.session, found=found, message=message)


def explained_twin(log: LogReader, rules: Rules, asked: Asked) -> bytes | Missing:
    """The same as JSON."""
    message = _message(log, rules, asked)
    if isinstance(message, Missing):
        return message
    report = explaining.explain(rules, asked.request).report()
    return encoded(report if message is None else {**report, "event": message.report()})


def _message(log: LogReader, rules: Rules, asked: Asked) -> Message | Missing | None:
    if asked.session is None or asked.event is None:
        return None
    frames = log.frames(asked.session["id"])
    if frames is None or not frames.readable:
        return Missing("no_events", f"session {asked.session['id']}: {why_not(frames)}")
    try:
        return explained(frames, asked.session, asked.event, rules)
    except NoSuchMessage as error:
        return Missing("unknown_message", f"{error}; there are {error.count}")
