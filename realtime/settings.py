"""The configuration a session runs with, as far as turns and records show it: what the provider confirmed before what was asked."""

from __future__ import annotations

from typing import Any
from typing import Final

from realtime.audio import AudioFormat
from realtime.signals import SessionConfig
from realtime.turntext import name

MAX_TOOLS: Final = 128
_KEPT: Final = ("model", "kind", "voice", "tools", "output_format", "transcription_model")
_WITHOUT_TURNS: Final = frozenset({"translation", "live"})
"""Kinds of sessions that are one continuous stream, metered in seconds."""


class Settings:
    """The newest confirmed value of each setting; where nothing was confirmed, the newest that was asked for."""

    __slots__ = ("_asked", "_confirmed")

    def __init__(self) -> None:
        self._asked: dict[str, Any] = {}
        self._confirmed: dict[str, Any] = {}

    def apply(self, config: SessionConfig) -> None:
        """Take over what `config` says; what it does not say stays."""
        into = self._confirmed if config.confirmed else self._asked
        into.update((key, _bounded(value)) for key in _KEPT if (value := getattr(config, key)) is not None)

    def _get(self, key: str) -> Any:
        return self._confirmed.get(key, self._asked.get(key))

    @property
    def model(self) -> str | None:
        """The model of the session."""
        return self._get("model")  # type: ignore[no-any-return]

    @property
    def transcription_model(self) -> str | None:
        """The model that transcribes the user."""
        return self._get("transcription_model")  # type: ignore[no-any-return]

    @property
    def hearing_model(self) -> str | None:
        """The model of a transcription session, which some providers name as the session's own."""
        return self.transcription_model or self.model

    @property
    def kind(self) -> str:
        """`realtime` unless the session says otherwise."""
        return self._get("kind") or "realtime"

    @property
    def has_turns(self) -> bool:
        """False for translation and Live sessions."""
        return self.kind not in _WITHOUT_TURNS

    @property
    def voice(self) -> str | None:
        """The voice of the answers."""
        return self._get("voice")  # type: ignore[no-any-return]

    @property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools in force."""
        return self._get("tools") or ()

    @property
    def output_format(self) -> AudioFormat | None:
        """The declared format of the answers' audio."""
        return self._get("output_format")  # type: ignore[no-any-return]


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return name(value)
    return tuple(name(tool) for tool in value[:MAX_TOOLS]) if isinstance(value, tuple) else value
