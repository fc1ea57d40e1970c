"""What is done to a call by its id: taken, turned away, passed on, ended.

`accept`, `reject` and `refer` are for SIP calls (`Simulator.ring`), `hangup` is for all.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from websockets.http11 import Response

from simulator.call import Call
from simulator.calls import Ringing
from simulator.calls import unknown_call
from simulator.config import Config
from simulator.door import Wish
from simulator.house import House
from simulator.misbehaviour import Misbehaviour
from simulator.offers import read_object
from simulator.record import Asked
from simulator.refusal import answer
from simulator.schema import INTEGER
from simulator.schema import TEXT
from simulator.schema import Fields
from simulator.schema import Refused
from simulator.schema import check
from simulator.schema import missing
from simulator.session import RealtimeSession
from simulator.settings import checked

_REJECT: Final = Fields({"status_code": INTEGER})
_REFER: Final = Fields({"target_uri": TEXT}, ("target_uri",))
_DECLINE: Final = 603
_DONE: Final = (HTTPStatus.OK, b"")


async def hangup(house: House, asked: Asked) -> Response:
    """Ends a call of any kind."""
    call_id = _id(asked)
    ringing, call = house.calls.ringing(call_id), house.calls.find(call_id)
    if call is None and (ringing is None or not ringing.waits):
        return unknown_call(call_id).response(asked.headers)
    if call is not None:
        call.end("hung up by request")
    if ringing is not None:
        ringing.hung_up.set()
    return answer(*_DONE)


async def accept(house: House, asked: Asked) -> Response:
    """Makes a session of a SIP call; the body is its settings."""
    ringing = house.calls.ringing(_id(asked))
    if ringing is None:
        return unknown_call(_id(asked)).response(asked.headers)
    config = _settings(read_object(asked.body))
    _still_waits(ringing)
    wish = Wish(RealtimeSession, config["model"], house.dialect, Misbehaviour("behaves"), config=config)
    ringing.call = Call(ringing.id, wish, house.setup(wish))
    house.calls.start(ringing.call)
    return answer(*_DONE)


async def reject(house: House, asked: Asked) -> Response:
    """Turns a SIP call away, with a SIP status."""
    ringing = house.calls.ringing(_id(asked))
    if ringing is None:
        return unknown_call(_id(asked)).response(asked.headers)
    body = read_object(asked.body)
    check(_REJECT, body, "")
    _still_waits(ringing)
    ringing.rejected_with = body.get("status_code", _DECLINE)
    return answer(*_DONE)


async def refer(house: House, asked: Asked) -> Response:
    """Passes an accepted SIP call on to somebody else, which ends it here."""
    ringing = house.calls.ringing(_id(asked))
    if ringing is None:
        return unknown_call(_id(asked)).response(asked.headers)
    body = read_object(asked.body)
    check(_REFER, body, "")
    if ringing.call is None or ringing.call.reason is not None:
        raise Refused("invalid_call_state", "Only a call that was accepted and has not ended can be referred.")
    ringing.referred_to = body["target_uri"]
    ringing.call.end("referred")
    return answer(*_DONE)


def _id(asked: Asked) -> str:
    return asked.path.rstrip("/").split("/")[-2]


def _settings(body: Config) -> Config:
    kind, config = checked(body, "")
    if kind is not RealtimeSession:
        raise Refused("invalid_value", "Only sessions of type 'realtime' can take a call.", "type")
    if not config.get("model"):
        raise missing("model")
    return config


def _still_waits(ringing: Ringing) -> None:
    if not ringing.waits:
        raise Refused("invalid_call_state", "The call does not ring any more.")
