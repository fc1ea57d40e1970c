"""The settings of a session where it is made over HTTP: checked like a `session.update`, and shown as `session.created` shows them."""

from __future__ import annotations

from typing import Any

from simulator import beta
from simulator.config import Config
from simulator.machine import Machine
from simulator.machine import Setup
from simulator.schema import Refused
from simulator.schema import check
from simulator.session import RealtimeSession
from simulator.session import check_output
from simulator.shapes import SESSION
from simulator.shapes import TRANSLATION
from simulator.timeline import Event
from simulator.transcription import TranscriptionSession
from simulator.translation import TranslationSession

_KINDS: dict[str, type[Machine]] = {"realtime": RealtimeSession, "transcription": TranscriptionSession}


def checked(session: Any, path: str = "session") -> tuple[type[Machine], Config]:
    """The kind of session that these GA settings are for, and the settings. Raises `Refused`, naming what is wrong below `path`."""
    check(SESSION, session, path)
    check_output(session, path)
    return _KINDS[session["type"]], session


def checked_translation(session: Any) -> tuple[type[Machine], Config]:
    """The same for translations."""
    check(TRANSLATION, session, "session")
    return TranslationSession, session


def checked_beta(session: Config, update: str) -> tuple[type[Machine], Config]:
    """The same for flat beta settings, as an event of type `update` would carry them."""
    return checked(beta.read({"type": update, "session": session})["session"])


def shown(kind: type[Machine], setup: Setup, *, in_beta: bool = False) -> Event:
    """The whole session of such a kind and setup, as its first event would show it."""
    machine = kind(setup)
    machine.open(0.0)
    event = machine.pop(0.0)
    if not isinstance(event, dict):
        raise Refused("invalid_value", "This kind of session is not made beforehand.", "session.type")
    session: Event = (next(beta.write(event)) if in_beta else event)["session"]
    return session
