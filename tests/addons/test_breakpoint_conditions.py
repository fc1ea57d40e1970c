"""What a line of conditions says of messages and their sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import cast

import pytest

from addons.breakpoint import Breakpoint
from addons.breakpoint import breakpoint_of
from realtime.frame import Frame
from realtime.session import Session
from store.filters import BadFilter

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass
class Known:
    """What a breakpoint asks of a session."""

    id: str = "ses_1"
    principal: str = "kiosk-1"
    provider: str = "openai"
    route: str | None = None
    model: str | None = "gpt-realtime"
    provider_model: str | None = None


def session(**known: str | None) -> Session:
    return cast(Session, Known(**known))


def point(q: str) -> Breakpoint:
    return breakpoint_of("bp_1", q, once=False, timeout=10, created_at="", by="", now=NOW)


UPDATE = Frame(True, b'{"type": "session.update", "session": {"instructions": "Be KIND, caf\\u00e9"}}')
DELTA = Frame(False, b'{"type": "response.output_audio.delta", "delta": "kind"}')
TOOL = Frame(False, b'{"toolCall": {"functionCalls": []}, "usageMetadata": {}}', text=False)
BYTES = Frame(True, b"\xff\x00", text=False)
TEXT = Frame(True, b"Be kind")


@pytest.mark.parametrize(
    ("q", "fits"),
    [
        ("", [UPDATE, DELTA, TOOL, BYTES, TEXT]),
        ("type=session.*", [UPDATE]),
        ("type=*.delta from=server", [DELTA]),
        ("type=toolCall", [TOOL]),
        ("type=usage*", [TOOL]),
        ("type=", [BYTES, TEXT]),
        ("from=client", [UPDATE, BYTES, TEXT]),
        ("be kind", [UPDATE, TEXT]),
        ('"kind, CAFÉ"', [UPDATE]),
        ("from=client key=kiosk-* provider=open* model=gpt-* session=ses_1", [UPDATE, BYTES, TEXT]),
        ("key=other", []),
        ("route=*", [UPDATE, DELTA, TOOL, BYTES, TEXT]),
        ("route=eu", []),
    ],
)
def test_what_fits(q: str, fits: list[Frame]) -> None:
    wanted = point(q)
    assert [frame for frame in (UPDATE, DELTA, TOOL, BYTES, TEXT) if wanted.fits(session(), frame)] == fits


def test_a_session_whose_model_is_not_known_may_fit_later() -> None:
    wanted = point("model=gpt-*")
    assert wanted.wants(session(model=None))
    assert not wanted.fits(session(model=None), UPDATE)
    assert wanted.fits(session(model=None, provider_model="gpt-realtime"), UPDATE)
    assert not wanted.wants(session(model="whisper-1"))


@pytest.mark.parametrize(("q", "sound"), [("", True), ("type=response.*", True), ("type=session.*", False), ("kind", False)])
def test_whether_sound_may_fit(q: str, sound: bool) -> None:
    assert point(q).wants_sound is sound


@pytest.mark.parametrize("q", ["since=2h", "until=2026-11-21", "from=app", "form=client", 'type="x'])
def test_what_is_no_condition_is_refused(q: str) -> None:
    with pytest.raises(BadFilter):
        point(q)
