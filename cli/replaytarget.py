"""Whom a recorded session is sent to: the provider and model that the rules send such a request to, its path, and what it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import Final
from urllib.parse import quote

from cli.errors import Failure
from cli.records import Record
from providers import provider as provider_of
from providers.base import Ask
from providers.base import Dialect
from providers.base import Endpoint
from providers.base import Family
from providers.base import ProviderError
from providers.paths import gateway_path
from realtime.cost import Cost
from realtime.cost import Seconds
from realtime.prices import PriceBook
from realtime.usage import NAMES
from realtime.usage import Usage
from rules.explaining import Request
from rules.explaining import explain
from rules.model import Rules
from rules.resolve import Refusal
from rules.resolve import alias

_FREE: Final = frozenset({"simulator"})
"""Kinds of providers that bill nothing."""
_TRANSCRIPTION: Final = (("intent", "transcription"),)


@dataclass(frozen=True, slots=True)
class Target:
    """A provider of the rules and a model of it, by both names of that; `path` has the query with which its session opens."""

    provider: str
    kind: str
    model: str
    upstream_model: str
    path: str

    @property
    def named_later(self) -> bool:
        """Whether a transcription session names its model in its configuration, not in the URL."""
        return "intent=" in self.path

    @property
    def bills(self) -> bool:
        """Whether it may charge for it."""
        return self.kind not in _FREE


def target_of(rules: Rules, wanted: str, record: Record, dialect: str, key: str | None) -> Target:
    """Where a session like a recorded one goes when `PROVIDER/MODEL` is asked for. Raises Failure VT105."""
    name, _, model = wanted.partition("/")
    if name not in rules.providers or not model:
        raise Failure("VT105", f"{wanted!r} is no provider with a model", f"write PROVIDER/MODEL; providers: {', '.join(rules.providers)}")
    family: Family = record.get("family") or "realtime"
    _speaks(rules, name, dialect)
    path, query = _way(name, rules.providers[name].kind, model, dialect, family, str((record.get("client") or {}).get("path") or ""))
    _offers(rules, name, path, query, model)
    found = explain(rules, Request("gateway", path, query, key, {}, None)).outcome
    if isinstance(found, Refusal):
        raise Failure("VT105", f"{wanted}: {found.message}", "./run.sh explain --model says why")
    catalogue, upstream = alias(rules.providers[name], model)
    if found.provider != name or found.model not in (None, catalogue):
        sent = f"{found.provider}/{found.model or model}"
        raise Failure("VT105", f"the rules send {wanted} to {sent} ({found.why})", "add a route before it for your key or this model")
    written = "&".join(f"{one}={quote(value, safe='')}" for one, value in query)
    return Target(name, rules.providers[name].kind, catalogue, upstream, f"{path}?{written}" if written else path)


def estimate(rules: Rules, target: Target, record: Record) -> Cost | None:
    """What the recorded session's usage costs at the prices of another model; None where no usage is on record."""
    counted = Usage(**{name: value for name, value in (record.get("usage") or {}).items() if name in NAMES})
    audio: Mapping[str, float] = record.get("audio") or {}
    cost = PriceBook(rules.prices, now=lambda: datetime.now(UTC)).cost(
        target.kind, target.model, counted, Seconds(_lasted(record), audio.get("in_seconds", 0.0), audio.get("out_seconds", 0.0))
    )
    return cost if counted or cost.lines else None


def _lasted(record: Record) -> float:
    if record.get("ended_at") is None:
        return 0.0
    return (datetime.fromisoformat(record["ended_at"]) - datetime.fromisoformat(record["started_at"])).total_seconds()


def _spoken_by(rules: Rules, name: str) -> tuple[Dialect, ...]:
    entry = rules.providers[name]
    return (entry.dialect,) if entry.dialect is not None else provider_of(entry.kind).capabilities.dialects


def _speaks(rules: Rules, name: str, dialect: str) -> None:
    spoken = _spoken_by(rules, name)
    if dialect not in spoken:
        others = [other for other in rules.providers if dialect in _spoken_by(rules, other)]
        fit = f"providers of the rules that do: {', '.join(others)}" if others else "no provider of the rules does"
        raise Failure("VT105", f"the session is in the dialect {dialect}; {name} speaks {', '.join(spoken)}", fit)


def _way(name: str, kind: str, model: str, dialect: str, family: str, then: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Path and query of the gateway. Gemini has several paths, whose messages name the model differently: it stays that of `then`."""
    asked = (("model", f"{name}/{model}"),)
    if dialect == "gemini":
        _, socket, rest = then.partition("/ws/")
        return f"/{name}{socket}{rest}" if socket else f"/{name}{provider_of(kind).session_path}", ()
    if dialect == "elevenlabs":
        return f"/{name}/v1/convai/conversation", (("agent_id", model),)
    if dialect == "openai-live":
        return f"/{name}/v1/live/sessions", ()
    if dialect == "vllm":
        return f"/{name}/v1/realtime", ()
    if family == "translation":
        return "/v1/realtime/translations", asked
    by_intent = Ask(Endpoint("realtime", "/v1/realtime"), intent="transcription")
    if family != "transcription" or provider_of(kind).needs_model(by_intent):
        return "/v1/realtime", asked
    return f"/{name}/v1/realtime", _TRANSCRIPTION


def _offers(rules: Rules, name: str, path: str, query: tuple[tuple[str, str], ...], model: str) -> None:
    """Raises Failure VT105 for a session that this provider is not known to offer."""
    endpoint = gateway_path(path, query)
    assert endpoint is not None
    ask = Ask(endpoint, query=query, model=model, intent=dict(query).get("intent"))
    try:
        provider_of(rules.providers[name].kind).refuse(ask)
    except ProviderError as error:
        raise Failure("VT105", error.message, "choose another provider") from None
