"""What the attributes of a span are called: one table, a column for each version of OpenTelemetry's conventions for generative AI.

`latest` follows open-telemetry/semantic-conventions-genai with its proposal for realtime sessions (all of it in development, so names may
change again); `1.36` is the last set before the providers' attribute was renamed, which many backends still read.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import Literal
from typing import NamedTuple

from store.lines import Row

Semconv = Literal["latest", "1.36"]

OPT_IN: Final = "OTEL_SEMCONV_STABILITY_OPT_IN"
"""The variable by which OpenTelemetry's own instrumentations choose a version,"""
NEWEST: Final = "gen_ai_latest_experimental"
"""and what it says for the newest."""

SCHEMA: Final[Mapping[Semconv, str]] = {"latest": "", "1.36": "https://opentelemetry.io/schemas/1.36.0"}
OPERATION: Final[Mapping[Semconv, str]] = {"latest": "realtime_inference", "1.36": "chat"}

PROVIDERS: Final = {"azure": "azure.ai.openai", "gemini": "gcp.gemini", "xai": "x_ai"}
"""Kind of provider -> its well-known name, where that is another."""
REASONS: Final = {"completed": "stop", "max_output_tokens": "length", "turn_detected": "interrupted", "client_cancelled": "cancelled"}
"""Reason of a turn, else its status -> finish reason, where that is another word."""

Take = Callable[[Row, Row], Any]


def in_force(wanted: Semconv | None, environment: Mapping[str, str]) -> Semconv:
    """The version that is wanted, else the one that the environment asks for, else the newest."""
    if wanted is not None:
        return wanted
    asked = {name.strip() for name in environment.get(OPT_IN, "").split(",")} - {""}
    return "1.36" if asked and NEWEST not in asked else "latest"


class Attribute(NamedTuple):
    """An attribute of a span by version, None where a version has none; `of` says what it is made of, `take` makes it or None."""

    latest: str | None
    stable: str | None
    of: str
    take: Take

    @property
    def same(self) -> bool:
        """Whether it is called the same in every version."""
        return self.latest == self.stable

    def name(self, semconv: Semconv) -> str | None:
        """What it is called in a version."""
        return self.latest if semconv == "latest" else self.stable


def _session(field: str) -> Take:
    return lambda session, turn: session.get(field)


def _turn(way: str) -> Take:
    first, _, inner = way.partition(".")
    return (lambda session, turn: (turn.get(first) or {}).get(inner)) if inner else (lambda session, turn: turn.get(first))


def _seconds(clock: str) -> Take:
    def take(session: Row, turn: Row) -> float | None:
        found = (turn.get("clocks") or {}).get(clock)
        return None if found is None else found / 1000

    return take


def _model(session: Row, turn: Row) -> Any:
    return turn.get("model") or session.get("provider_model") or session.get("model")


def _cached(session: Row, turn: Row) -> int | None:
    usage = turn.get("usage") or {}
    return sum(usage.get(name, 0) for name in ("cached_text", "cached_audio", "cached_image")) or None


def _port(session: Row, turn: Row) -> int | None:
    port = _authority(session)[1]
    return int(port) if port.isdigit() else None


def _authority(session: Row) -> tuple[str, str]:
    """Host and port; no port where the scheme's own is meant."""
    text = str(session.get("upstream_host") or "")
    host, colon, port = text.rpartition(":")
    return (host, port) if colon and not port.endswith("]") else (text, "")


def finish_reason(turn: Row) -> str:
    """Why the answer ended, in one word."""
    if turn.get("interrupted"):
        return "interrupted"
    if turn["status"] == "failed":
        return "error"
    reason = str(turn.get("reason") or turn["status"])
    return REASONS.get(reason, reason)


def _same(name: str, of: str, take: Take) -> Attribute:
    return Attribute(name, name, of, take)


def _tokens(latest: str, stable: str | None, name: str) -> Attribute:
    return Attribute(f"gen_ai.usage.{latest}", stable and f"gen_ai.usage.{stable}", f"`usage.{name}`", _turn(f"usage.{name}"))


ATTRIBUTES: Final = (
    Attribute(
        "gen_ai.provider.name", "gen_ai.system", "`kind` of the session", lambda s, t: PROVIDERS.get(str(s.get("kind")), s.get("kind"))
    ),
    _same("gen_ai.request.model", "`model` of the session", _session("model")),
    _same("gen_ai.response.model", "`model` of the turn, else the one that the provider confirmed", _model),
    _same("gen_ai.response.id", "`id`", _turn("id")),
    _same("gen_ai.response.finish_reasons", "`reason` and `status`, one word", lambda s, t: [finish_reason(t)]),
    _same("gen_ai.conversation.id", "`grouping` of the session, else its `id`", lambda s, t: s.get("grouping") or s.get("id")),
    Attribute(
        "gen_ai.realtime_session.id",
        None,
        "`provider_session`, else our `id`",
        lambda s, t: s.get("provider_session") or s.get("id"),
    ),
    _same(
        "gen_ai.output.type",
        "`speech` where there was sound, else `text`",
        lambda s, t: "speech" if (t.get("audio") or {}).get("out_seconds") else "text",
    ),
    Attribute("gen_ai.response.time_to_first_chunk", None, "`clocks.request_to_first_audio`, s", _seconds("request_to_first_audio")),
    _tokens("input_tokens", "input_tokens", "input_tokens"),
    _tokens("output_tokens", "output_tokens", "output_tokens"),
    _tokens("text.input_tokens", None, "input_text"),
    _tokens("audio.input_tokens", "input_audio_tokens", "input_audio"),
    _tokens("image.input_tokens", None, "input_image"),
    _tokens("text.output_tokens", None, "output_text"),
    _tokens("audio.output_tokens", "output_audio_tokens", "output_audio"),
    _tokens("reasoning.output_tokens", None, "reasoning"),
    Attribute("gen_ai.usage.cache_read.input_tokens", None, "`usage.cached_…` added up", _cached),
    _tokens("audio.cache_read.input_tokens", None, "cached_audio"),
    _same("server.address", "`upstream_host`", lambda s, t: _authority(s)[0] or None),
    _same("server.port", "`upstream_host`, where it names one", _port),
    _same("error.type", "`error.kind`", _turn("error.kind")),
    _same("voicetap.session", "`session`", _turn("session")),
    _same("voicetap.turn", "`index`", _turn("index")),
    _same("voicetap.turn.status", "`status`", _turn("status")),
    _same("voicetap.turn.trigger", "`trigger`", _turn("trigger")),
    _same("voicetap.turn.first_audio", "`clocks.first_audio`, s: what the user waited", _seconds("first_audio")),
    _same("voicetap.turn.interruptions", "1 where `interrupted`", lambda s, t: 1 if t.get("interrupted") else 0),
    _same("voicetap.principal", "`principal`", _session("principal")),
    _same("voicetap.route", "`route`", _session("route")),
    _same("voicetap.transport", "`transport`", _session("transport")),
    _same("voicetap.cost.usd", "`cost.usd`, absent where there is no price", _turn("cost.usd")),
)
"""What every span of a turn has, as far as there is a value."""


def _message(role: str, field: str) -> Take:
    def take(session: Row, turn: Row) -> list[Row] | None:
        text = turn.get(field)
        if not text:
            return None
        made: Row = {"role": role, "parts": [{"type": "text", "content": text}]}
        return [made | ({"finish_reason": finish_reason(turn)} if role == "assistant" else {})]

    return take


CONTENT: Final = (
    _same("gen_ai.input.messages", "`input`, as JSON", _message("user", "input")),
    _same("gen_ai.output.messages", "`output`, as JSON", _message("assistant", "output")),
)
"""What it has besides where content is asked for."""

TOOL: Final = (
    _same("gen_ai.operation.name", "always `execute_tool`", lambda turn, call: "execute_tool"),
    _same("gen_ai.tool.name", "`name`", _turn("name")),
    _same("gen_ai.tool.call.id", "`call_id`", _turn("call_id")),
)
"""What the span of a tool call has; made of the turn and an entry of its `tool_calls`."""
TOOL_CONTENT: Final = (
    _same("gen_ai.tool.call.arguments", "`arguments`", _turn("arguments")),
    _same("gen_ai.tool.call.result", "`result`", _turn("result")),
)
FINDING: Final = (
    _same("voicetap.policy.rule", "`policy`", _turn("policy")),
    _same("voicetap.policy.action", "`action`", _turn("action")),
    _same("voicetap.policy.mode", "`mode`", _turn("mode")),
    _same("voicetap.policy.kind", "`kind`", _turn("kind")),
)
"""What the event of a finding has, on the span of its turn."""
