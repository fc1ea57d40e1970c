"""The instruments of the metrics: what each is called, what it is made of, and by what it is told apart. `docs/exports.md` lists them.

The names of both versions of OpenTelemetry's conventions; what these have no name for is called `voicetap.…`.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from typing import NamedTuple

from store.export.semconv import ATTRIBUTES
from store.export.semconv import FINDING
from store.export.semconv import Semconv
from store.lines import Row

Labels = tuple[tuple[str, str | int | bool], ...]
Take = Callable[[Row, Row], Iterator[tuple[Labels, float]]]

_NAMES: Final = ("gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model", "server.address", "server.port", "error.type")
BY: Final = tuple(row for row in ATTRIBUTES if row.latest in _NAMES)
"""By what every instrument of turns is told apart, besides `gen_ai.operation.name`: attributes of the spans, of few values each."""

_DURATION: Final = tuple(0.01 * 2**power for power in range(14))
_TOKENS: Final = tuple(float(4**power) for power in range(14))
_WAIT: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Seconds that matter in a conversation."""


class Instrument(NamedTuple):
    """A histogram where there are `bounds`, else a counter, of `whole` numbers or not.

    `of` is what it measures, `stable` whether 1.36 has it.
    """

    name: str
    unit: str
    of: str
    take: Take
    bounds: tuple[float, ...] = ()
    stable: bool = True
    whole: bool = True

    def exists(self, semconv: Semconv) -> bool:
        """Whether a version has it."""
        return self.stable or semconv == "latest"


def _duration(session: Row, turn: Row) -> Iterator[tuple[Labels, float]]:
    begun, ended = turn["started_at"], turn.get("ended_at")
    if ended is not None:
        yield (), max(0.0, (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds())


def _clock(name: str) -> Take:
    def take(session: Row, turn: Row) -> Iterator[tuple[Labels, float]]:
        found = (turn.get("clocks") or {}).get(name)
        if found is not None:
            yield (), found / 1000

    return take


def _used(session: Row, turn: Row) -> Iterator[tuple[Labels, float]]:
    usage = turn.get("usage") or {}
    for kind in ("input", "output"):
        if (tokens := usage.get(f"{kind}_tokens")) is not None:
            yield (("gen_ai.token.type", kind),), tokens


def _by_modality(total: str | None, **parts: str) -> Take:
    """What `parts` have by modality, and as `unknown` what is left of the total."""

    def take(session: Row, turn: Row) -> Iterator[tuple[Labels, float]]:
        usage = turn.get("usage") or {}
        known = {modality: usage.get(name) or 0 for modality, name in parts.items()}
        known["unknown"] = max(0, (usage.get(total) or 0) - sum(known.values())) if total is not None else 0
        for modality, tokens in known.items():
            if tokens:
                yield (("gen_ai.token.modality", modality),), tokens

    return take


def _interrupted(session: Row, turn: Row) -> Iterator[tuple[Labels, float]]:
    if turn.get("interrupted"):
        yield (), 1


def _cost(session: Row, turn: Row) -> Iterator[tuple[Labels, float]]:
    usd = (turn.get("cost") or {}).get("usd")
    if usd is not None:
        yield (), usd


def _acted(session: Row, finding: Row) -> Iterator[tuple[Labels, float]]:
    named = ((row.latest, row.take(session, finding)) for row in FINDING)
    yield tuple((name, value) for name, value in named if name is not None and value is not None), 1


def _tokens(name: str, of: str, take: Take) -> Instrument:
    return Instrument(f"gen_ai.client.inference.usage.{name}", "{token}", of, take, stable=False)


INSTRUMENTS: Final = (
    Instrument("gen_ai.client.token.usage", "{token}", "tokens of a turn, by `gen_ai.token.type`: input, output", _used, _TOKENS),
    Instrument("gen_ai.client.operation.duration", "s", "from the request to the end of the answer", _duration, _DURATION),
    Instrument(
        "gen_ai.client.operation.time_to_first_chunk",
        "s",
        "`clocks.request_to_first_audio`",
        _clock("request_to_first_audio"),
        _DURATION,
        stable=False,
    ),
    _tokens(
        "input_tokens",
        "`usage.input_…`, by `gen_ai.token.modality`: text, audio, image, unknown",
        _by_modality("input_tokens", text="input_text", audio="input_audio", image="input_image"),
    ),
    _tokens("output_tokens", "`usage.output_…`, likewise", _by_modality("output_tokens", text="output_text", audio="output_audio")),
    _tokens(
        "cache_read.input_tokens",
        "`usage.cached_…`, likewise",
        _by_modality(None, text="cached_text", audio="cached_audio", image="cached_image"),
    ),
    _tokens("reasoning.output_tokens", "`usage.reasoning`, as text", _by_modality(None, text="reasoning")),
    Instrument("voicetap.turn.first_audio", "s", "`clocks.first_audio`: what the user waited", _clock("first_audio"), _WAIT),
    Instrument("voicetap.turn.interruptions", "{turn}", "turns that the user interrupted", _interrupted),
    Instrument("voicetap.cost.usd", "USD", "`cost.usd` of turns, as far as there is a price", _cost, whole=False),
)
"""Those of turns."""

POLICY: Final = Instrument("voicetap.policy.actions", "{action}", "hits of policies, by rule, action and mode", _acted)
