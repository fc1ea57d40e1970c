"""What a request wants: which session, for which model, in which dialect, and whether it may have it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from typing import Literal

from simulator.listening import Listening
from simulator.live import LiveSession
from simulator.machine import Machine
from simulator.misbehaviour import Misbehaviour
from simulator.misbehaviour import chosen
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


@dataclass(frozen=True, slots=True)
class Wish:
    """A session that a client asked for. `refusal` is the reason to end it right after the upgrade, as the GA server does."""

    session: type[Machine]
    model: str | None
    dialect: Dialect
    misbehaviour: Misbehaviour
    refusal: Refused | None = None


def wish(connection: Connection, script: Script, require_key: str | None, dialect: Dialect) -> Wish | Refusal:
    """What this request gets, or the HTTP answer that refuses it."""
    kind = next((session for end, session in _PATHS if connection.path.rstrip("/").endswith(end)), None)
    if kind is None:
        return Refusal(HTTPStatus.NOT_FOUND, "unknown_url", f"Unknown request URL: {connection.path}.")
    query = connection.query
    if "call_id" in query:
        return Refusal(HTTPStatus.NOT_FOUND, "call_id_not_found", "This simulator carries no calls, so there is none to attach to.")
    model = (query.get("model") or query.get("deployment") or "").strip()
    try:
        row = chosen(query.get("sim", ""), model, script.misbehave) or Misbehaviour("behaves")
    except ValueError as error:
        return Refusal(HTTPStatus.BAD_REQUEST, "unknown_misbehaviour", str(error))
    if row.refusal is not None:
        return row.refusal
    if kind is RealtimeSession and query.get("intent", "").strip().lower() == "transcription":
        kind = TranscriptionSession
    spoken: Dialect = "beta" if _wants_beta(connection) else dialect
    spoken = spoken if issubclass(kind, Listening) else "ga"
    refusal = _admission(kind, model, spoken) if admitted(connection, require_key) else _wrong_key()
    return Wish(kind, model or None, spoken, row, refusal)


def admitted(connection: Connection, require_key: str | None) -> bool:
    """Whether one of the credentials shown is the wanted one; without a wanted one everybody is."""
    if require_key is None:
        return True
    return any(hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), require_key.encode()) for shown in _credentials(connection))


def _credentials(connection: Connection) -> list[str]:
    bearers = [value.partition(" ")[2] for value in connection.headers.get_all("Authorization")]
    keys = [value for name in _KEY_HEADERS for value in connection.headers.get_all(name)]
    offered = [name.removeprefix(_KEY_SUBPROTOCOL) for name in connection.subprotocols if name.startswith(_KEY_SUBPROTOCOL)]
    return [*bearers, *keys, *offered, *(connection.query.get(name, "") for name in _KEY_QUERIES)]


def _wants_beta(connection: Connection) -> bool:
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


def _wrong_key() -> Refused:
    return Refused("invalid_api_key", "Incorrect API key provided. The simulator was started with --require-key.")
