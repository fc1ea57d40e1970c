"""One short session with a provider, as the proxy would open it: how fast, which model, or exactly why not. No records are written.

The opening messages are the least each dialect needs before it answers; they follow the providers' own documentation.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.exceptions import InvalidStatus
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from cli.plain import plain
from providers.base import Upstream
from realtime.dialects import make
from realtime.frame import Frame
from realtime.signals import ProviderError
from realtime.signals import SessionConfig

CONNECT_SECONDS: Final = 10.0
EVENT_SECONDS: Final = 10.0
_MAX_MESSAGE: Final = 16 << 20
_SILENCE: Final = base64.b64encode(bytes(4800)).decode()
"""A tenth of a second of pcm16 at 24 kHz."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What happened. Times in milliseconds; `failure` is None when the provider answered with something that is no error."""

    handshake_ms: float | None = None
    first_event_ms: float | None = None
    first_event: str | None = None
    reported_model: str | None = None
    failure: str | None = None
    detail: str | None = None


class ProbeError(Exception):
    """Why the session did not come about: a short stable word, and what was seen."""

    def __init__(self, failure: str, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


def _openai(model: str | None, named_in_url: bool) -> Iterator[dict[str, Any]]:
    if not named_in_url:
        yield {"type": "session.update", "session": {"model": model}}
    yield {"type": "input_audio_buffer.append", "audio": _SILENCE}


def _gemini(model: str | None, named_in_url: bool) -> Iterator[dict[str, Any]]:
    yield {"setup": {"model": f"models/{(model or '').removeprefix('models/')}", "generationConfig": {"responseModalities": ["AUDIO"]}}}


def _elevenlabs(model: str | None, named_in_url: bool) -> Iterator[dict[str, Any]]:
    yield {"type": "conversation_initiation_client_data"}
    yield {"user_audio_chunk": _SILENCE}


def _translation(model: str | None, named_in_url: bool) -> Iterator[dict[str, Any]]:
    yield {"type": "session.input_audio_buffer.append", "audio": _SILENCE}


_OPENING: Final[dict[str, Callable[[str | None, bool], Iterator[dict[str, Any]]]]] = {
    "gemini": _gemini,
    "elevenlabs": _elevenlabs,
    "openai-translation": _translation,
}


async def probe(upstream: Upstream, model: str | None, *, named_in_url: bool, secret: str | None = None) -> Probe:
    """Open the session, send a little silence, wait for the first answer. Never raises for what the provider does."""
    started = time.monotonic()
    made = Probe()
    try:
        async with _dial(upstream) as socket_:
            made = Probe(handshake_ms=_since(started))
            with suppress(ConnectionClosed):  # what it said before it closed is still to be read
                for message in _OPENING.get(upstream.dialect, _openai)(model, named_in_url):
                    await socket_.send(json.dumps(message))
            return await _answer(socket_, upstream.dialect, made, started)
    except (OSError, WebSocketException, ProbeError) as error:
        failure, detail = _explained(error, upstream.host)
        if secret:
            detail = detail.replace(secret, "•••")
        return Probe(made.handshake_ms, failure=failure, detail=plain(detail, 400))


def _dial(upstream: Upstream) -> connect:
    return connect(
        upstream.url,
        additional_headers=list(upstream.headers),
        subprotocols=[Subprotocol(name) for name in upstream.subprotocols] or None,
        compression=None,
        proxy=None,
        open_timeout=CONNECT_SECONDS,
        close_timeout=2,
        max_size=_MAX_MESSAGE,
        user_agent_header="voicetap-smoke",
    )


async def _answer(socket_: ClientConnection, dialect_name: str, made: Probe, started: float) -> Probe:
    """Read until the provider confirms its configuration, refuses, or says something else; a greeting alone is waited out briefly."""
    dialect = make(dialect_name)
    first: Probe | None = None
    while True:
        try:
            message = await asyncio.wait_for(socket_.recv(), EVENT_SECONDS if first is None else 1.0)
        except TimeoutError:
            if first is not None:
                return first
            raise ProbeError("timeout", f"no event within {EVENT_SECONDS:.0f} s of the handshake") from None
        frame = Frame(False, message.encode() if isinstance(message, str) else message, text=isinstance(message, str))
        signals = dialect.signals(frame)
        for signal in signals:
            if isinstance(signal, ProviderError):
                raise ProbeError("error_event", f"{signal.code}: {signal.message}")
        if first is None:
            first = Probe(made.handshake_ms, _since(started), frame.type or "(no type)")
        for signal in signals:
            if isinstance(signal, SessionConfig) and signal.confirmed:
                return Probe(first.handshake_ms, first.first_event_ms, first.first_event, signal.model)


def _explained(error: Exception, host: str) -> tuple[str, str]:
    """A stable word for the failure, and what was seen."""
    match error:
        case ProbeError():
            return error.failure, error.detail
        case InvalidStatus():
            body = (error.response.body or b"").decode(errors="replace")
            return f"http_{error.response.status_code}", message_of(body) or error.response.reason_phrase
        case ConnectionClosed():
            close = error.rcvd
            return "closed", f"closed with {close.code} {close.reason}".strip() if close else "the connection was lost"
        case TimeoutError():
            return "timeout", f"no handshake within {CONNECT_SECONDS:.0f} s"
        case socket.gaierror():
            return "dns", f"the name {host} cannot be resolved: {error.strerror}"
        case ssl.SSLError():
            return "tls", str(getattr(error, "verify_message", "") or error.reason or error)
        case OSError():
            return "network", f"{host} cannot be reached: {error.strerror or error}"
    return "protocol", str(error)


def message_of(body: str) -> str:
    """The message of a JSON error body in the usual shapes, else the body itself."""
    try:
        found = json.loads(body)
    except ValueError:
        return body.strip()
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    return found if isinstance(found, str) else json.dumps(found)


def _since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)
