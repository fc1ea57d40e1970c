"""What a request wants: which session, for which model, in which dialect, and whether it may have it."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from http import HTTPStatus
from typing import Final
from typing import Literal

from simulator.config import Config
from simulator.listening import Listening
from simulator.live import LiveSession
from simulator.machine import Machine
from simulator.minting import PREFIX
from simulator.minting import Secret
from simulator.minting import Secrets
from simulator.misbehaviour import Misbehaviour
from simulator.misbehaviour import chosen
from simulator.record import Arrival
from simulator.record import Connection
from simulator.refusal import Refusal
from simulator.schema import Refused
from simulator.script import Script
from simulator.session import RealtimeSession
from simulator.transcription import TranscriptionSession
from simulator.translation import TranslationSession

Dialect = Literal["ga", "beta"]

MODELS: Final = (
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
    "gpt-realtime-2",
    "gpt-realtime-1.5",
    "gpt-realtime",
    "gpt-realtime-mini",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
    "gpt-realtime-translate",
    "gpt-live-1",
)
"""What `GET /v1/models` lists; any other name is served too."""

_PATHS: Final[tuple[tuple[str, type[Machine]], ...]] = (
    ("/realtime/translations", TranslationSession),
    ("/live/sessions", LiveSession),
    ("/realtime", RealtimeSession),
)
"""Ends of paths, so any prefix (`/openai/v1`, `/sim/v1`) leads to the same session."""

_KEY_HEADERS: Final = ("api-key", "x-api-key")
_KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."
_KEY_QUERIES: Final = ("key", "api-key")


WRONG_KEY: Final = Refused("invalid_api_key", "Incorrect API key provided. It is not the key of this simulator, or no longer.")


@dataclass(frozen=True, slots=True)
class Wish:
    """A session that a client asked for. `refusal` is the reason to end it right after the upgrade, as the GA server does."""

    session: type[Machine]
    model: str | None
    dialect: Dialect
    misbehaviour: Misbehaviour
    refusal: Refused | None = None
    config: Config = field(default_factory=dict)
    """Settings that are in force from the start."""


class Guard:
    """Knows good credentials: the wanted key (without one any will do), and ephemeral keys, of which only live ones are good."""

    def __init__(self, require_key: str | None, secrets: Secrets) -> None:
        self._key = require_key
        self._secrets = secrets

    def secret(self, arrival: Arrival) -> Secret | None:
        """The live ephemeral key that is shown, if any."""
        return self._secrets.find(_credentials(arrival))

    def admits(self, arrival: Arrival, *, ephemeral: bool = True) -> bool:
        """Whether a good credential is shown; without `ephemeral` an ephemeral key is none."""
        shown = _credentials(arrival)
        if ephemeral and self._secrets.find(shown) is not None:
            return True
        if self._key is None:
            return not any(value.startswith(PREFIX) for value in shown)
        return any(hmac.compare_digest(value.encode("utf-8", "surrogateescape"), self._key.encode()) for value in shown)


def wish(connection: Connection, script: Script, guard: Guard, dialect: Dialect) -> Wish | Refusal:
    """What this request for a WebSocket gets, or the HTTP answer that refuses it."""
    kind = next((session for end, session in _PATHS if connection.path.rstrip("/").endswith(end)), None)
    if kind is None:
        return Refusal(HTTPStatus.NOT_FOUND, "unknown_url", f"Unknown request URL: {connection.path}.")
    query = connection.query
    secret = guard.secret(connection)
    model = model_of(secret.session if secret else {}, query)
    try:
        row = chosen(query.get("sim", ""), model, script.misbehave) or Misbehaviour("behaves")
    except ValueError as error:
        return Refusal(HTTPStatus.BAD_REQUEST, "unknown_misbehaviour", str(error))
    if row.refusal is not None:
        return row.refusal
    if kind is RealtimeSession and query.get("intent", "").strip().lower() == "transcription":
        kind = TranscriptionSession
    elif kind is RealtimeSession and secret is not None and issubclass(secret.kind, Listening):
        kind = secret.kind
    spoken: Dialect = "beta" if wants_beta(connection) else dialect
    spoken = spoken if issubclass(kind, Listening) else "ga"
    if not guard.admits(connection) or (secret is not None and secret.kind is not kind):
        return Wish(kind, model or None, spoken, row, WRONG_KEY)
    if secret is not None:
        return Wish(kind, model or None, spoken, row, config=secret.session)
    return Wish(kind, model or None, spoken, row, _admission(kind, model, spoken))


def model_of(session: Config, query: Mapping[str, str]) -> str:
    """The model of a session: what its settings say wins over the query; "" when neither does."""
    return str(session.get("model") or query.get("model") or query.get("deployment") or "").strip()


def _credentials(connection: Arrival) -> list[str]:
    bearers = [value.partition(" ")[2] for value in connection.headers.get_all("Authorization")]
    keys = [value for name in _KEY_HEADERS for value in connection.headers.get_all(name)]
    offered = [name.removeprefix(_KEY_SUBPROTOCOL) for name in connection.subprotocols if name.startswith(_KEY_SUBPROTOCOL)]
    return [*bearers, *keys, *offered, *(connection.query.get(name, "") for name in _KEY_QUERIES)]


def wants_beta(connection: Arrival) -> bool:
    """Whether beta names are asked for, by header, by subprotocol or by the path."""
    if connection.headers.get("OpenAI-Beta", "") == "realtime=v1" or "openai-beta.realtime-v1" in connection.subprotocols:
        return True
    preview = connection.path.endswith("/openai/realtime") and "api-version" in connection.query
    return preview or connection.path.endswith("/voice-live/realtime")


def _admission(kind: type[Machine], model: str, dialect: Dialect) -> Refused | None:
    if kind is TranscriptionSession and model:
        return Refused("invalid_model", "You must not provide a model parameter for transcription sessions.", "model")
    if kind is RealtimeSession and not model and dialect == "ga":
        return Refused("missing_model", "You must provide a model parameter.", "model")
    return None
