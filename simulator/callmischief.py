"""The deeds behind the misbehaviours of calls: answers that are spoiled, and what is done to a call midway."""

from __future__ import annotations

import re
from typing import Final
from typing import Protocol

from simulator.wire import Wire

PAGE: Final = "<!doctype html><html><title>500</title><body><h1>Internal Server Error</h1></body></html>"

_OVERSIZE: Final = 300_000
_FINGERPRINT: Final = re.compile(r"(?m)^(a=fingerprint:\S+ )(.*?)(?=\r?$)")
_CANDIDATE: Final = re.compile(r"(?m)^(a=candidate:\S+ \d+ udp \d+) \S+ \d+ ")
_SECTIONS: Final = re.compile(r"(?m)^(?=m=)")


class CallWire(Wire, Protocol):
    """What only the channel of a call can do."""

    def shut(self) -> None:
        """Closes the data channel alone."""

    def open_another(self) -> None:
        """Opens a data channel that nobody asked for."""


def honest(answer: str) -> str:
    """The answer as it is."""
    return answer


def no_sdp(answer: str) -> str:
    """Something else altogether."""
    return '{"answer": "this is no session description"}'


def without_audio(answer: str) -> str:
    """The audio is rejected (port 0, out of the bundle); the data channel stays."""
    head, *sections = _SECTIONS.split(answer)
    gone = {_mid(section) for section in sections if section.startswith("m=audio")}
    lines = [_without(line, gone) if line.startswith("a=group:BUNDLE") else line for line in head.splitlines(keepends=True)]
    kept = [re.sub(r"^m=audio \d+", "m=audio 0", section) for section in sections]
    return "".join(lines + kept)


def stranger(answer: str) -> str:
    """The fingerprints of a certificate that nobody has."""
    return _FINGERPRINT.sub(lambda found: found[1] + re.sub("[0-9A-Fa-f]{2}", "AB", found[2]), answer)


def nowhere(answer: str) -> str:
    """Candidates at a port where nobody listens."""
    return _CANDIDATE.sub(r"\1 127.0.0.1 9 ", answer)


async def oversize(wire: Wire) -> None:
    """A valid message longer than any browser says it takes."""
    await wire.text(b'{"type":"sim.oversize","event_id":"event_oversize","padding":"' + b"A" * _OVERSIZE + b'"}')


async def end(wire: Wire) -> None:
    """Hangs up, politely."""
    wire.hang_up()


async def vanish(wire: Wire) -> None:
    """Falls silent."""
    wire.drop()


async def shut(wire: CallWire) -> None:
    """No more events."""
    wire.shut()


async def second(wire: CallWire) -> None:
    """One channel too many."""
    wire.open_another()


def _mid(section: str) -> str:
    found = re.search(r"(?m)^a=mid:(\S+)", section)
    return found[1] if found else ""


def _without(line: str, mids: set[str]) -> str:
    return " ".join(word for word in line.split() if word not in mids) + "\r\n"
