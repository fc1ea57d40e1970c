"""Fuzzing of what stands between two strangers: frames, JSON and policies. `python tests/fuzzing.py --seconds 120`

Needs atheris, which is in no lock (docs/dependencies.md). Inputs that were of use are kept in the folder given with `--corpus`; an
input that breaks a promise is written to `--findings`, and is one more argument for a later run. The promises are those of `one`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any
from typing import Final

from hostile import CASES
from hostile import Sent

from realtime.conditions import Condition
from realtime.detectors import find
from realtime.detectors import longest
from realtime.frame import Frame
from realtime.framing import BINARY
from realtime.framing import CLOSE
from realtime.framing import TEXT
from realtime.framing import FrameReader
from realtime.framing import encode
from realtime.policies import Judge
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.regex import Regex
from realtime.tunnel import Tunnel
from realtime.verdict import Verdict

CARD: Final = "4111 1111 1111 1111"
_POLICIES: Final = PolicySet(
    [
        Policy("cards", "redact", Condition(detect=("card", "iban", "email"))),
        Policy("fruit", "block", Condition(regex=Regex("kumquat"))),
        Policy("phones", "tag", Condition(detect=("phone", "secret")), tag="caller"),
    ]
)
_STOPPED: Final = ("cards", "fruit")
_DIALECTS: Final = ("openai", "gemini", "elevenlabs", "vllm", "openai-live", "openai-translation")
_IDS: Final = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}


class Crossing:
    """A tunnel under policies, and what each side was sent."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.now = 100.0
        self.judge = Judge(_POLICIES, dialect)
        self.tunnel = Tunnel(lambda frame: self.judge.judge(frame, self.now).verdict, now=self.now, last=self._last)
        self._readers = {True: FrameReader(masked=False, limit=1 << 24), False: FrameReader(masked=True, limit=1 << 24)}

    def _last(self, from_client: bool, now: float, broken: bool) -> list[tuple[Frame, Verdict | None]]:
        released = self.judge.flush(now, from_client, broken=broken).frames
        return [(frame, self.judge.judge(frame, now).verdict) for frame in released]

    def sent(self, *, to_client: bool) -> list[Frame]:
        """The messages that one side was sent since the last look. Raises AssertionError where they are not well formed."""
        leg, reader = (self.tunnel.client if to_client else self.tunnel.upstream), self._readers[to_client]
        messages = reader.feed(b"".join(leg.out))
        leg.out.clear()
        assert reader.fault is None, reader.fault
        return [Frame(not to_client, found.payload, text=found.opcode == TEXT) for found in messages if found.opcode in (TEXT, BINARY)]

    def later(self, seconds: float) -> None:
        self.now += seconds
        for frame in self.judge.due(self.now).frames:
            self.tunnel.inject(frame, self.now)
        self.tunnel.tick(self.now)


def one(data: bytes) -> None:
    """One input. Nothing raises; what is sent is well formed; policies that stop words find none in what a client got across; it ends."""
    if not data:
        return
    crossing = Crossing(_DIALECTS[data[0] >> 2 & 7 if data[0] >> 2 & 7 < len(_DIALECTS) else 0])
    _WAYS[data[0] & 3](crossing, data[1:])
    for frame in crossing.sent(to_client=False):
        hits = Judge(_POLICIES, crossing.dialect).judge(frame, 0.0).hits
        assert [hit for hit in hits if hit.policy in _STOPPED and not hit.detail] == [], "[card] is how JSON may begin, so doubt is none"
    crossing.later(15.0)
    crossing.later(15.0)
    crossing.tunnel.lost(True, crossing.now)
    crossing.tunnel.lost(False, crossing.now)
    crossing.sent(to_client=True)
    assert crossing.tunnel.done


def _wire(crossing: Crossing, data: bytes) -> None:
    """The bytes of a client, in pieces of a size that the first one says."""
    size = 1 + data[0] if data else 1
    for at in range(1, len(data), size):
        crossing.tunnel.receive(True, data[at : at + size], crossing.now)
    crossing.tunnel.receive(True, encode(CLOSE, b"\x03\xe8", b"abcd"), crossing.now)


def _text(crossing: Crossing, data: bytes) -> None:
    crossing.tunnel.receive(True, encode(TEXT, data, b"abcd"), crossing.now)


def _binary(crossing: Crossing, data: bytes) -> None:
    crossing.tunnel.receive(True, encode(BINARY, data, b"abcd"), crossing.now)


def _words(crossing: Crossing, data: bytes) -> None:
    """Words of a provider in pieces, cut at zero bytes, and the whole of them; the whole is redacted as the pieces are."""
    text = data.decode(errors="replace").replace("\0", "")
    for piece in data.decode(errors="replace").split("\0"):
        _say(crossing, "response.output_text.delta", {"delta": piece})
    _say(crossing, "response.output_text.done", {"text": text})
    events = [json.loads(frame.payload) for frame in crossing.sent(to_client=True)]
    said = "".join(event["delta"] for event in events if "delta" in event)
    if not crossing.dialect.startswith("openai"):
        return  # whose words do not come in these events, so that each piece stands by itself
    if len(text) <= longest(["card"]):
        assert not list(find(said, ["card"])), said
    if events and events[-1]["type"] != "error":
        assert "kumquat" not in said


def _say(crossing: Crossing, kind: str, more: dict[str, str]) -> None:
    crossing.tunnel.receive(False, encode(TEXT, json.dumps({"type": kind, **_IDS, **more}).encode()), crossing.now)


_WAYS: Final = (_wire, _text, _binary, _words)


def seeds() -> list[bytes]:
    """Inputs to begin with: every hostile case as a text and as bytes on the wire, and a number said in pieces."""
    event = b'{"type":"conversation.item.create","item":{"type":"message","content":[{"text":"say %b"}]}}' % CARD.encode()
    made = [b"\3so it is 4111 \x001111 1111\0 1111 and four one\0 one", b"\3kum\0quat"]
    for case in CASES.values():
        sent = case(event, CARD.encode())
        made.append(b"\1" + b"".join(frame.payload for frame in sent))
        made.append(b"\0\7" + b"".join(_framed(frame) for frame in sent))
    return made


def _framed(sent: Sent) -> bytes:
    return bytes((0x80 * sent.final | sent.opcode,)) + encode(TEXT, sent.payload, b"abcd")[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, required=True, help="a folder for inputs of use")
    parser.add_argument("--findings", type=Path, required=True, help="a folder for inputs that break a promise")
    parser.add_argument("inputs", nargs="*", type=Path, help="run these and stop")
    arguments = parser.parse_args()
    for folder in (arguments.corpus, arguments.findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (arguments.corpus / f"seed-{number:03}").write_bytes(seed)
    atheris: Any = importlib.import_module("atheris")
    atheris.instrument_all()
    options = [f"-max_total_time={arguments.seconds}", "-max_len=4096", "-timeout=20", f"-artifact_prefix={arguments.findings}/"]
    places = arguments.inputs or [arguments.corpus]
    atheris.Setup([sys.argv[0], *options, *map(str, places)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
