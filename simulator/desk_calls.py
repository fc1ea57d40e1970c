"""WebRTC calls by SDP offer, and what is done to calls by their ids.

The ways in are those of OpenAI (GA, translation, legacy), Azure (preview), Bailian and OpenAI Live; they differ in a row of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from typing import Final

from websockets.http11 import Response

from simulator.calls import FULL
from simulator.calls import new_call_id
from simulator.config import Config
from simulator.door import WRONG_KEY
from simulator.door import Dialect
from simulator.door import Wish
from simulator.door import model_of
from simulator.door import wants_beta
from simulator.house import House
from simulator.listening import Listening
from simulator.live import LiveSession
from simulator.machine import Machine
from simulator.misbehaviour import Misbehaviour
from simulator.misbehaviour import chosen
from simulator.offers import read_object
from simulator.offers import read_offer
from simulator.record import Asked
from simulator.refusal import Refusal
from simulator.refusal import answer
from simulator.refusal import refused
from simulator.schema import OBJECT
from simulator.schema import TEXT
from simulator.schema import Fields
from simulator.schema import Refused
from simulator.schema import check
from simulator.schema import missing
from simulator.schema import one_of
from simulator.session import RealtimeSession
from simulator.settings import checked
from simulator.settings import checked_beta
from simulator.settings import checked_translation
from simulator.translation import TranslationSession
from simulator.webcall import WebCall

_SDP: Final = "application/sdp"
_LIVE: Final = Fields(
    {"session": OBJECT, "transport": Fields({"type": one_of("webrtc"), "sdp": TEXT}, ("type", "sdp"))}, ("session", "transport")
)


@dataclass(frozen=True, slots=True)
class Way:
    """One way in. `end` is the end of its path, before which `Location` begins to differ; None has no `Location`."""

    end: str
    kind: type[Machine] = RealtimeSession
    status: HTTPStatus = HTTPStatus.CREATED
    beta: bool = False
    """Knows beta names alone."""
    located: bool = True


WAYS: Final = (
    Way("/realtime/translations/calls", TranslationSession),
    Way("/realtime/calls"),
    Way("/webrtc/realtime", status=HTTPStatus.OK, beta=True, located=False),
    Way("/realtimertc", beta=True),
    Way("/realtime", beta=True),
)


async def call(house: House, asked: Asked, way: Way) -> Response:
    """An offer by multipart or as it is; the answer is SDP."""
    offer = read_offer(asked)
    found = _wish(house, asked, way, offer.session)
    if isinstance(found, Refusal):
        return found.response(asked.headers)
    if house.calls.full:
        return FULL.response(asked.headers)
    made, sdp = await _opened(house, asked, found, offer.sdp)
    located = {"Location": _location(house, asked, way, made.id)} if way.located else {}
    return answer(way.status, sdp.encode(), {"Content-Type": _SDP, **located})


async def live(house: House, asked: Asked) -> Response:
    """`POST …/live/sessions`: JSON both ways, and the session is started by it."""
    body = read_object(asked.body)
    check(_LIVE, body, "")
    if not isinstance(body["session"], dict) or not isinstance(body["session"].get("model"), str):
        raise missing("session.model")
    row = _row(house, asked, body["session"]["model"])
    if row.refusal is not None:
        return row.refusal.response(asked.headers)
    if house.calls.full:
        return FULL.response(asked.headers)
    wish = Wish(LiveSession, body["session"]["model"], "ga", row)
    made, sdp = await _opened(house, asked, wish, body["transport"]["sdp"])
    made.machine.receive({"type": "session.start", "session": body["session"]}, made.pump.now())
    return answer(HTTPStatus.CREATED, {"session": {"id": made.id}, "transport": {"type": "webrtc", "sdp": sdp}})


def _wish(house: House, asked: Asked, way: Way, session: Any) -> Wish | Refusal:
    secret = house.guard.secret(asked)
    kind, config = _settings(way, session) if session is not None else (way.kind, {})
    if secret is not None:
        if issubclass(secret.kind, Listening) != issubclass(kind, Listening):
            return refused(WRONG_KEY, HTTPStatus.UNAUTHORIZED)
        kind, config = (secret.kind, secret.session) if session is None else (kind, {**secret.session, **config})
    model = model_of(config, asked.query)
    row = _row(house, asked, model)
    if row.refusal is not None:
        return row.refusal
    if kind is RealtimeSession and not model:
        raise Refused("missing_model", "You must provide a model parameter.", "model")
    dialect: Dialect = "beta" if way.beta or wants_beta(asked) else house.dialect
    return Wish(kind, model or None, dialect if issubclass(kind, Listening) else "ga", row, config=config)


def _settings(way: Way, session: Any) -> tuple[type[Machine], Config]:
    if way.kind is TranslationSession:
        return checked_translation(session)
    if way.beta and isinstance(session, dict):
        return checked_beta(session, "session.update")
    return checked(session)


def _row(house: House, asked: Asked, model: str) -> Misbehaviour:
    try:
        return chosen(asked.query.get("sim", ""), model, house.script.misbehave, "call") or Misbehaviour("behaves")
    except ValueError as error:
        raise Refused("unknown_misbehaviour", str(error)) from error


async def _opened(house: House, asked: Asked, wish: Wish, offer: str) -> tuple[WebCall, str]:
    if not wish.misbehaviour.answers:
        await house.stopping.wait()
        raise Refused("stopped", "The simulator has stopped.")
    filtered = asked.query.get("webrtcfilter", "").lower() == "on"
    made = WebCall(new_call_id(), wish, house.setup(wish), house.addresses(), filtered=filtered, keep=house.keep)
    try:
        sdp = await made.answer(offer)
    except BaseException:
        await made.leave()
        raise
    if wish.misbehaviour.echoes:
        made.machine.refuse(Refused("echo", f"Your headers were {dict(asked.headers.raw_items())}."))
    house.calls.start(made)
    return made, sdp


def _location(house: House, asked: Asked, way: Way, call_id: str) -> str:
    place = asked.path.rstrip("/").removesuffix(way.end)
    place += way.end if way.end.endswith("/calls") else "/realtime/calls"
    return f"{place}?call_id={call_id}" if house.location == "query" else f"{place}/{call_id}"
