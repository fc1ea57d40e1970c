"""The minting of ephemeral keys, in the shapes of `openai.types.realtime` (GA) and `openai.types.beta.realtime` (legacy)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from typing import Final

from websockets.http11 import Response

from simulator.config import Config
from simulator.door import Wish
from simulator.house import House
from simulator.machine import Machine
from simulator.misbehaviour import Misbehaviour
from simulator.offers import read_object
from simulator.record import Asked
from simulator.refusal import answer
from simulator.schema import ANY
from simulator.schema import INTEGER
from simulator.schema import Fields
from simulator.schema import Refused
from simulator.schema import check
from simulator.schema import missing
from simulator.schema import one_of
from simulator.session import RealtimeSession
from simulator.settings import checked
from simulator.settings import checked_beta
from simulator.settings import checked_translation
from simulator.settings import shown

_AFTER: Final = Fields({"anchor": one_of("created_at"), "seconds": INTEGER})
_ASKED: Final = Fields({"expires_after": _AFTER, "session": ANY})
_NESTED: Final = Fields({"expires_after": _AFTER})
_SECONDS: Final = 600
_BETA_SECONDS: Final = 60
_LEAST, _MOST = 10, 7_200
_DEFAULT: Final = {"type": "realtime", "model": "gpt-realtime"}


async def mint(house: House, asked: Asked) -> Response:
    """`POST …/realtime/client_secrets`."""
    body = _read(asked)
    kind, session = checked(_DEFAULT if body.get("session") is None else body["session"])
    if kind is RealtimeSession:
        session = {**session, "model": session.get("model") or _DEFAULT["model"]}
    return _minted(house, kind, session, body)


async def mint_translation(house: House, asked: Asked) -> Response:
    """`POST …/realtime/translations/client_secrets`."""
    body = _read(asked)
    if "session" not in body:
        raise missing("session")
    return _minted(house, *checked_translation(body["session"]), body)


async def mint_beta(house: House, asked: Asked) -> Response:
    """`POST …/realtime/sessions`: the session itself, with a `client_secret` in it."""
    return _minted_beta(house, asked, "session.update")


async def mint_beta_transcription(house: House, asked: Asked) -> Response:
    """`POST …/realtime/transcription_sessions`."""
    return _minted_beta(house, asked, "transcription_session.update")


def _read(asked: Asked) -> Config:
    body = read_object(asked.body)
    check(_ASKED, body, "")
    return body


def _minted(house: House, kind: type[Machine], session: Config, body: Config) -> Response:
    secret = house.secrets.mint(kind, session, _seconds(body.get("expires_after"), _SECONDS))
    made = shown(kind, house.setup(_wish(kind, session)))
    return answer(HTTPStatus.OK, {"value": secret.value, "expires_at": secret.expires_at, "session": made})


def _minted_beta(house: House, asked: Asked, update: str) -> Response:
    body = read_object(asked.body)
    nested = body.pop("client_secret", {})
    check(_NESTED, nested, "client_secret")
    kind, session = checked_beta(body, update)
    secret = house.secrets.mint(kind, session, _seconds(nested.get("expires_after"), _BETA_SECONDS))
    made = shown(kind, house.setup(_wish(kind, session)), in_beta=True)
    return answer(HTTPStatus.OK, {**made, "client_secret": {"value": secret.value, "expires_at": secret.expires_at}})


def _wish(kind: type[Machine], session: Config) -> Wish:
    return Wish(kind, session.get("model"), "ga", Misbehaviour("behaves"), config=session)


def _seconds(after: Any, otherwise: int) -> int:
    seconds = int((after or {}).get("seconds", otherwise))
    if not _LEAST <= seconds <= _MOST:
        code = "integer_below_min_value" if seconds < _LEAST else "integer_above_max_value"
        message = f"Invalid 'expires_after.seconds': expected a value from {_LEAST} to {_MOST}, but got {seconds} instead."
        raise Refused(code, message, "expires_after.seconds")
    return seconds
