"""A tunnel between two scripted sides: `>>` sends, `got()` is what one received."""

from collections.abc import Callable
from typing import Any

from realtime.frame import Frame
from realtime.framing import BINARY
from realtime.framing import CLOSE
from realtime.framing import TEXT
from realtime.framing import Close
from realtime.framing import FrameReader
from realtime.framing import decode_close
from realtime.framing import encode
from realtime.framing import encode_close
from realtime.leg import Leg
from realtime.tunnel import Tunnel
from realtime.verdict import Verdict

MASK = b"abcd"


class Peer:
    """A scripted side: `>>` sends, `got()` is what it received since the last look."""

    def __init__(self, call: "Call", leg: Leg) -> None:
        self.call = call
        self.leg = leg
        self.is_client = leg.name == "client"
        self.reader = FrameReader(masked=not self.is_client, limit=1 << 24)

    def __rshift__(self, said: str | bytes | Close) -> "Peer":
        match said:
            case Close():
                self.raw(self.wire(CLOSE, encode_close(said)))
            case str():
                self.raw(self.wire(TEXT, said.encode()))
            case bytes():
                self.raw(self.wire(BINARY, said))
        return self

    def wire(self, opcode: int, payload: bytes) -> bytes:
        return encode(opcode, payload, MASK if self.is_client else b"")

    def raw(self, data: bytes) -> None:
        self.call.tunnel.receive(self.is_client, data, self.call.now)

    def sent_bytes(self) -> bytes:
        data = b"".join(self.leg.out)
        self.leg.out.clear()
        return data

    def got(self) -> list[str | bytes | Close | tuple[int, bytes]]:
        messages = self.reader.feed(self.sent_bytes())
        assert self.reader.fault is None
        return [self._shown(m.opcode, m.payload) for m in messages]

    @staticmethod
    def _shown(opcode: int, payload: bytes) -> str | bytes | Close | tuple[int, bytes]:
        match opcode:
            case 1:
                return payload.decode()
            case 2:
                return payload
            case 8:
                return decode_close(payload)
        return opcode, payload


class Call:
    def __init__(self, inspect: Callable[[Frame], Verdict | None] | None = None, **options: Any) -> None:
        self.now = 100.0
        self.seen: list[tuple[str, bytes]] = []
        self.inspect = inspect or (lambda frame: None)
        self.tunnel = Tunnel(self._inspect, now=self.now, error_event=lambda close: b'{"type":"error"}', **options)
        self.client = Peer(self, self.tunnel.client)
        self.upstream = Peer(self, self.tunnel.upstream)

    def _inspect(self, frame: Frame) -> Verdict | None:
        self.seen.append(("client" if frame.from_client else "upstream", frame.payload))
        return self.inspect(frame)

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.tunnel.tick(self.now)


def by_text(verdicts: dict[bytes, Verdict]) -> Callable[[Frame], Verdict | None]:
    return lambda frame: verdicts.get(frame.payload)
