"""Errors as providers put them into an event: an object, a text, or parts beside the type."""

from __future__ import annotations

from realtime.dialects.fields import Fields
from realtime.dialects.fields import text
from realtime.signals import ProviderError


def error_of(error: object) -> ProviderError | None:
    """An error object `{type, code, message, event_id | client_event_id}`; None where there is none. Missing parts are ""."""
    if not isinstance(error, dict) or not error:
        return None
    kind, code, message = (text(error, name) or "" for name in ("type", "code", "message"))
    return ProviderError(kind, code, message, text(error, "event_id", "client_event_id"))


def error_event(event: Fields) -> ProviderError:
    """An `error` event. vLLM and LocalAI write a text in place of the object, or the parts beside the type."""
    error = event.get("error")
    message = error if isinstance(error, str) else text(event, "message")
    return error_of(error) or ProviderError("", text(event, "code") or "", message or "")
