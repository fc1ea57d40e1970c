"""What a provider's error means for a turn, and the error events the proxy itself sends in the shape the client expects.

Texts of providers are bounded here and never evaluated; whatever is stored still passes the redaction of the record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from typing import Final

from realtime.signals import ProviderError

MAX_MESSAGE: Final = 512
"""Characters of a provider's message that a record keeps."""
MAX_REASON: Final = 123
"""Bytes of a close reason: a control frame carries 125, two of them are the code (RFC 6455 5.5)."""


@dataclass(frozen=True, slots=True)
class TurnError:
    """An error as a record keeps it. `type` and `code` are the provider's own; `status` and `kind` are what they amount to."""

    status: int
    kind: str
    type: str
    code: str
    message: str

    def record(self) -> dict[str, str | int]:
        """The record's form, all five fields."""
        return {"status": self.status, "kind": self.kind, "type": self.type, "code": self.code, "message": self.message}


_BUDGET: Final = (
    "insufficient_quota",
    "insufficient quota",
    "budget_exceeded",
    "budget exceeded",
    "budget has been exceeded",
    "billing hard limit",
    "billing_hard_limit",
    "billing limit",
    "exceeded your current quota",
    "quota_exceeded",
    "credit balance",
    "insufficient credits",
    "insufficient_credits",
    "insufficient balance",
    "payment required",
)
_RATE: Final = (
    "rate limit",
    "rate_limit",
    "ratelimit",
    "rate-limit",
    "rate_limited",
    "too many requests",
    "too_many_requests",
    "throttl",
    "requests per minute",
    "tokens per minute",
    "requests per day",
    "resource_exhausted",
    "resource exhausted",
    "quota exceeded",
)
_AUTHENTICATION: Final = (
    "authentication",
    "unauthorized",
    "unauthenticated",
    "invalid_api_key",
    "invalid api key",
    "incorrect api key",
    "api key not valid",
    "api key expired",
    "invalid token",
    "expired token",
    "token has expired",
    "invalid credentials",
)
_KINDS: Final[tuple[tuple[tuple[str, ...], int, str], ...]] = (
    (("invalid_request_error",), 400, "invalid_request_error"),
    (_BUDGET, 429, "insufficient_quota"),
    (_RATE, 429, "rate_limit_exceeded"),
    (_AUTHENTICATION, 401, "authentication_error"),
)
"""Words, then the status and kind they stand for; read from the top, the first that is found decides."""


def turn_error(error: ProviderError | None) -> TurnError:
    """What a reported error means: 400, 401, 429 or else 500. A missing type reads `server_error`, a missing code the type."""
    type_ = (error.type if error else "") or "server_error"
    code = (error.code if error else "") or type_
    message = error.message if error else ""
    status, kind = _kind("\n".join((type_, code, message[: 8 * MAX_MESSAGE])).casefold())
    return TurnError(status, kind, _storable(type_, 128), _storable(code, 128), _storable(message, MAX_MESSAGE))


def _storable(text: str, limit: int) -> str:
    """Bounded, and valid Unicode whatever the provider sent."""
    return text[:limit].encode(errors="replace").decode()


def _kind(text: str) -> tuple[int, str]:
    for words, status, kind in _KINDS:
        if any(word in text for word in words):
            return status, kind
    return 500, "server_error"


_DISCONNECTS: Final = {"client_closed": 499, "upstream_closed": 502}


def disconnect_error(reason: str) -> TurnError:
    """The error of a turn that the end of its session cut: 499 for the client, 502 for the upstream, else 503."""
    return TurnError(_DISCONNECTS.get(reason, 503), reason, reason, reason, "")


def unrecoverable_quota(error: ProviderError) -> bool:
    """True when money is out, so that the session cannot go on. A rate limit passes by itself and does not count."""
    spent = f"{error.type}\n{error.code}".casefold()
    return turn_error(error).kind == "insufficient_quota" or any(word in spent for word in _BUDGET)


Shape = Callable[[str, str, str, str | None, str], dict[str, Any]]


def _openai(message: str, type_: str, code: str, cause: str | None, own_id: str) -> dict[str, Any]:
    error = {"type": type_, "code": code, "message": message, "param": None, "event_id": cause}
    return {"type": "error", "event_id": own_id, "error": error}


def _live(message: str, type_: str, code: str, cause: str | None, own_id: str) -> dict[str, Any]:
    error = {"type": type_, "code": code, "message": message, "param": None, "client_event_id": cause}
    return {"type": "error", "event_id": own_id, "error": error}


def _vllm(message: str, type_: str, code: str, cause: str | None, own_id: str) -> dict[str, Any]:
    return {"type": "error", "error": message, "code": code}


_SHAPES: Final[dict[str, Shape | None]] = {"openai-live": _live, "vllm": _vllm, "gemini": None, "elevenlabs": None}
"""Dialects whose error event differs from OpenAI's. None: the protocol has no error event a client would read, only a close.

ElevenLabs knows `client_error`, but only for clients that asked for it, so it is not sent unasked.
"""


def provider_error_event(
    message: str, *, type: str, code: str, event_id: str | None = None, dialect: str = "openai", own_id: str | None = None
) -> bytes | None:
    """An `error` event as JSON text, in the shape of `dialect`; None where the protocol has no such event.

    `event_id` is the client event that caused it (the Agents SDKs wait for it). `own_id` is the id of this event; without
    one it is derived from the content, so that the same refusal reads the same.
    """
    shape = _SHAPES.get(dialect, _openai)
    if shape is None:
        return None
    digest = hashlib.sha256("\n".join((type, code, message, event_id or "")).encode(errors="replace")).hexdigest()
    return json.dumps(shape(message, type, code, event_id, own_id or f"event_vt{digest[:20]}")).encode()


def close_reason(text: str) -> str:
    """`text` cut to what a close frame can carry: at most 123 bytes of UTF-8, whole characters only."""
    return text.encode(errors="replace")[:MAX_REASON].decode(errors="ignore")
