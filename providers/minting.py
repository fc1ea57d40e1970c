"""Bodies of requests for ephemeral keys: read strictly, without what is meant for us alone, and reshaped for the provider.

Two shapes: `client_secrets` has the session below `session`, the beta's `sessions` and `transcription_sessions` have it at the root.
Sources: the openai packages; for translation, whose session has no `type`, third parties who ran it against OpenAI.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Final
from urllib.parse import urlsplit

from providers.base import EndpointName
from providers.base import Family
from providers.base import ProviderError
from providers.minted import member
from providers.tails import BETA

OWN: Final = "voicetap"
"""The member with what is asked of us alone: `{"single_use": bool, "origin": "https://…"}`. It never goes upstream."""

SHORTEST: Final = 10
LONGEST: Final = 7200
"""Seconds between which an app may choose the life of a key."""

_DEFAULT: Final = 600
_GA_ASR: Final = ("audio", "input", "transcription")
_BETA_ASR: Final = ("input_audio_transcription",)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an app asks for. Models are as written; `model` is never blank, `asr` is the one that transcribes, where one is named.

    `transcribes` is True for a session that only does that. `seconds` is how long the key shall live.
    """

    body: Mapping[str, Any] = field(repr=False)
    model: str
    asr: str | None
    transcribes: bool
    seconds: int
    single_use: bool
    origin: str | None


def read_wish(endpoint: EndpointName, content_type: str, raw: bytes) -> Wish:
    """What a request body asks for. Raises ProviderError 400 `invalid_body` and `missing_model`."""
    body = _object(_parsed(content_type, raw), "the body")
    session = _object(body.get("session"), "session", absent={})
    own = _object(body.get(OWN), OWN, absent={})
    named = _text(session.get("model"), "session.model") or _text(body.get("model"), "model")
    transcribing = (_text(place.get("model"), "the transcription model") for place in _places(endpoint, body, session))
    asr = next(filter(None, transcribing), None)
    if not (named or asr):
        raise ProviderError(400, "missing_model", 'no model was named: send {"session": {"type": "realtime", "model": "…"}}')
    kind = _text(session.get("type"), "session.type")
    return Wish(
        body=body,
        model=named or asr or "",
        asr=asr,
        transcribes=endpoint == "transcription_sessions" or kind == "transcription" or not named,
        seconds=_seconds(body),
        single_use=_flag(own.get("single_use")),
        origin=_origin(own.get("origin")),
    )


def shaped(wish: Wish, endpoint: EndpointName, family: Family, *, model: str, asr: str | None, seconds: int) -> dict[str, Any]:
    """The body for the provider. `model` and `asr` are the names it knows them by, `seconds` is the life that was granted."""
    body = json.loads(json.dumps({name: value for name, value in wish.body.items() if name != OWN}))
    session = body.pop("session", None) or {}
    _grant(body, seconds)
    if endpoint in BETA:
        return _beta({**session, **body}, wish, model, asr)
    body.pop("model", None)
    return {**body, "session": _ga(session, wish, family, model, asr)}


def session_in(body: Mapping[str, Any], endpoint: EndpointName) -> dict[str, Any]:
    """The configuration of the session in a body that was shaped."""
    if endpoint in BETA:
        return {name: value for name, value in body.items() if name not in ("client_secret", "expires_after")}
    return dict(body["session"])


def _ga(session: dict[str, Any], wish: Wish, family: Family, model: str, asr: str | None) -> dict[str, Any]:
    if family != "translation" and session.get("type") is None:
        session["type"] = "transcription" if wish.transcribes else "realtime"
    if not wish.transcribes or family == "translation" or session.get("model"):
        session["model"] = model
    if asr or "model" not in session:
        _name_asr(session, _GA_ASR, asr or model)
    return session


def _beta(root: dict[str, Any], wish: Wish, model: str, asr: str | None) -> dict[str, Any]:
    root.pop("model", None)
    if not wish.transcribes:
        root["model"] = model
    if asr or wish.transcribes:
        _name_asr(root, _GA_ASR if member(root, *_GA_ASR) else _BETA_ASR, asr or model)
    return root


def _name_asr(session: dict[str, Any], path: tuple[str, ...], model: str) -> None:
    """Name the model that transcribes, where that can be done; what has another type there is the provider's to refuse."""
    for name in path:
        if session.get(name) is None:
            session[name] = {}
        if not isinstance(session[name], dict):
            return
        session = session[name]
    session["model"] = model


def _grant(body: dict[str, Any], seconds: int) -> None:
    for place in (body, member(body, "client_secret")):
        asked = member(place, "expires_after")
        if asked is not None and "seconds" in asked:
            asked["seconds"] = seconds


def _parsed(content_type: str, raw: bytes) -> Any:
    media = content_type.partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise _invalid(f"the content type is {media[:60]!r}; send application/json")
    try:
        return json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _invalid("the body is not JSON") from None


def _no_number(name: str) -> None:
    raise ValueError(name)


def _object(value: Any, what: str, absent: dict[str, Any] | None = None) -> dict[str, Any]:
    if value is None and absent is not None:
        return absent
    if not isinstance(value, dict):
        raise _invalid(f"{what} has to be a JSON object")
    return value


def _places(endpoint: EndpointName, body: dict[str, Any], session: dict[str, Any]) -> list[Mapping[str, Any]]:
    """The objects that may name the model that transcribes."""
    found = [member(session, *_GA_ASR)]
    if endpoint in BETA:
        found += [member(body, *_BETA_ASR), member(session, *_BETA_ASR), member(body, *_GA_ASR)]
    return [place for place in found if place is not None]


def _text(value: Any, what: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _invalid(f"{what} has to be a text")
    return (value or "").strip() or None


def _seconds(body: dict[str, Any]) -> int:
    asked = member(body, "expires_after") or member(body, "client_secret", "expires_after")
    value = asked.get("seconds", _DEFAULT) if asked is not None else _DEFAULT
    if isinstance(value, bool) or not isinstance(value, int) or not SHORTEST <= value <= LONGEST:
        raise _invalid(f"expires_after.seconds has to be a whole number from {SHORTEST} to {LONGEST}")
    return value


def _flag(value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise _invalid(f"{OWN}.single_use has to be true or false")
    return bool(value)


def _origin(value: Any) -> str | None:
    text = (_text(value, f"{OWN}.origin") or "").lower()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        plain = False
    if not plain or "@" in text:
        raise _invalid(f"{OWN}.origin has to be an origin such as https://app.example, without a path")
    return text


def _invalid(what: str) -> ProviderError:
    return ProviderError(400, "invalid_body", what)
