"""A session as one page in one file: nothing is fetched, no script is needed to read it, what was said is inert; printed it is complete."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any
from typing import BinaryIO
from typing import Final

from web.rendering import render
from web.strips import strips
from web.timeline import shown
from web.timeline import timed
from web.timeline import timeline

Record = dict[str, Any]

_HERE: Final = Path(__file__).parent
_CHUNK: Final = 3 << 18
"""Bytes of sound that become base64 at once; a multiple of three."""


def report(session: Record, turns: list[Record], findings: list[Record], now: datetime, sound: BinaryIO | None = None) -> Iterator[str]:
    """The pieces of the page. `sound` is a WAV file of the session that is put into it, a piece at a time."""
    place = token_hex(16)
    made = _page(session, turns, findings, now, place if sound is not None else None)
    if sound is None:
        yield made
        return
    head, _, tail = made.partition(place)
    yield head
    yield from _base64(sound)
    yield tail


def _page(session: Record, turns: list[Record], findings: list[Record], now: datetime, place: str | None) -> str:
    style = _text("assets/palette.css") + _text("assets/pages.css") + _text("templates/report.css")
    script = "" if place is None else _text("templates/report.js")
    return render(
        "report.html",
        session=session,
        turns=shown(session, turns, findings),
        findings=timed(session, findings),
        strips=strips(timeline(session, turns, findings, now)),
        now=now.isoformat(),
        style=style,
        script=script,
        policy=_policy(style, script),
        sound=place,
    )


def _policy(style: str, script: str) -> str:
    """The page's own Content-Security-Policy: its style, its script where it has one, the sound in it, and nothing from anywhere."""
    allowed = f"script-src {_hash(script)}; media-src data:; " if script else ""
    return f"default-src 'none'; style-src {_hash(style)}; {allowed}base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _text(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


def _base64(file: BinaryIO) -> Iterable[str]:
    while chunk := file.read(_CHUNK):
        yield b64encode(chunk).decode()
