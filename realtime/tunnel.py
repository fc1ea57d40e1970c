"""One relayed WebSocket as a state machine: bytes in, bytes out, no sockets and no clock.

Guarantees: messages leave in the order they came, byte for byte unless a verdict changed that very message; a close
code is mirrored to the other side; an abnormal end never looks like a normal one; nothing is buffered without bound.

    open --Close from one side--> mirroring --Close from the other--> done
    open --own close, EOF, violation--> lingering --both answered or time out--> done

While lingering, messages are still inspected (the usage of a cancelled answer may be among them) but no longer relayed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterable
from typing import Final

from realtime.frame import Frame
from realtime.framing import BINARY
from realtime.framing import CLOSE
from realtime.framing import PING
from realtime.framing import PONG
from realtime.framing import TEXT
from realtime.framing import Close
from realtime.framing import FrameReader
from realtime.framing import Message
from realtime.framing import decode_close
from realtime.framing import encode
from realtime.leg import Ending
from realtime.leg import Held
from realtime.leg import Leg
from realtime.made import ahead
from realtime.verdict import Verdict

PING_EVERY: Final = 15.0
SILENCE: Final = 45.0
"""Seconds without a byte, pongs included, after which a peer counts as gone."""


_SPARED: Final = {"client": (1001, "client went away"), "upstream": (1011, "upstream connection lost")}
"""What the other side is told when the named one vanished or broke the protocol."""

Inspect = Callable[[Frame], Verdict | None]
Crossed = Callable[[Frame, bytes | None, bool], None]
"""Told of each message once it is decided: what it is, what was sent of it (None: nothing), and whether it is a word of the proxy's own."""
Last = Callable[[bool, float, bool], Iterable[tuple[Frame, Verdict | None]]]
"""What was kept back of what a side (True: the client) said, when it says no more: messages in its name, and what becomes of them.

The last argument says whether it was broken off: the side did not close of its own accord.
"""


Parting = Callable[[float], None]
"""Told once, at this time, that the session is about to end, while `ending` says why and before anything is said last."""


class Tunnel:
    """Both legs of a session. After every call, take what `client.out` and `upstream.out` hold and send it."""

    def __init__(
        self,
        inspect: Inspect,
        *,
        now: float,
        message_limit: int = 16 << 20,
        held_limit: int = 16 << 20,
        error_event: Callable[[Close], bytes | None] = lambda close: None,
        reason: Callable[[bool, str], str] = lambda from_client, text: text,
        deferred: bool = False,
        announces: bool = False,
        last: Last = lambda from_client, now, broken: (),
        crossed: Crossed | None = None,
        parting: Parting = lambda now: None,
    ) -> None:
        self.client = Leg("client", message_limit, now)
        self.upstream = Leg("upstream", message_limit, now)
        self.ending: Ending | None = None
        self.last_message = now
        self._inspect = inspect
        self._held_limit = held_limit
        self._error_event = error_event
        self._reason = reason
        """What the other side and the record get to see of a side's close reason."""
        self._deferred = deferred
        """Held messages are settled from outside after each `receive`, which then calls `conclude`."""
        self._last = last
        self._crossed = crossed
        self._parting = parting
        self._announces = announces
        """Where the client has no close codes at its end, an abnormal one of the upstream is told in an error event too."""

    @property
    def done(self) -> bool:
        return self.client.done and self.upstream.done

    def receive(self, from_client: bool, data: bytes, now: float) -> None:
        """Bytes from one side: inspect each message they complete and queue what the other side shall get."""
        source, target = (self.client, self.upstream) if from_client else (self.upstream, self.client)
        source.heard = now
        reader = source.reader
        start = end = -1
        for message in reader.feed(data):
            if source.closed is not None:
                break
            opcode = message.opcode
            if opcode > BINARY:
                self._control(source, message)
                continue
            self.last_message = now
            frame = Frame(from_client, message.payload, text=opcode == TEXT, at=now)
            verdict = self._inspect(frame)
            if verdict is None and message.wire is None and not source.held and target.closing is None:
                if self._crossed is not None:
                    self._crossed(frame, frame.payload, False)
                if message.start == end:
                    end = message.end
                    continue
                if start >= 0:
                    target.out.append(reader.chunk[start:end])
                start, end = message.start, message.end
                continue
            if start >= 0:
                target.out.append(reader.chunk[start:end])
                start = end = -1
            self._judge(source, target, frame, _wire_of(reader, message), verdict, now)
        if start >= 0 and target.closing is None:
            target.out.append(reader.chunk if end - start == len(reader.chunk) else reader.chunk[start:end])
        reader.chunk = b""
        if (source.closed is not None or reader.fault is not None) and not self._deferred:
            self.conclude(source, now)

    def conclude(self, source: Leg, now: float) -> None:
        """What a side's Close or violation means for the other one, after all that it sent before; repeating it is harmless."""
        if source.closed is not None:
            self._parting(now)
            self._flush_held(source, self.upstream if source is self.client else self.client, all_of_it=True)
            self._follow(source, now)
        elif source.reader.fault is not None and self.ending is None:
            self._refuse(source, source.reader.fault, now)

    def settle(self, held: Held, verdict: Verdict | None, now: float) -> None:
        """Decide a held message; what waited behind it goes as far as it is settled. A further `hold` leaves it waiting."""
        source, target = (self.client, self.upstream) if held.frame.from_client else (self.upstream, self.client)
        if verdict is not None and verdict.action == "hold":
            self._keep(source, target, held, verdict, now)
            return
        if verdict is not None:
            if verdict.release:
                self._release(source, held)
            self._put_ahead(source, target, held, verdict)
            self._rewire(source, held, self._outcome(source, target, held.frame, held.wire, verdict, now), _payload(verdict, held.payload))
        held.settled = True
        self._flush_held(source, target)

    def redeem(self, from_client: bool, ticket: object, verdict: Verdict | None, now: float) -> None:
        """Decide the message that a gate held under this ticket; nothing where it waits no more."""
        leg = self.client if from_client else self.upstream
        held = next((held for held in leg.held if held.ticket is ticket), None)
        if held is not None:
            self.settle(held, verdict, now)

    def amend(self, held: Held, payload: bytes) -> None:
        """Put another payload in the place of a message that waits."""
        was = held.frame
        self.exchange(held, Frame(was.from_client, payload, text=was.text, at=was.at, injected=was.injected, scripted=True))

    def exchange(self, held: Held, frame: Frame) -> None:
        """Put another message of its side in the place of one that waits."""
        source, target = (self.client, self.upstream) if frame.from_client else (self.upstream, self.client)
        held.frame = frame
        self._rewire(source, held, _encoded(frame, target), frame.payload)

    def inject(self, frame: Frame, now: float) -> None:
        """Relay a message as if its side had sent it: inspected like any other, in its place behind what waits."""
        source, target = (self.client, self.upstream) if frame.from_client else (self.upstream, self.client)
        if self.ending is None:
            self._judge(source, target, frame, _encoded(frame, target), self._inspect(frame), now)

    def close(self, close: Close, now: float, cause: str = "") -> None:
        """End the session for a reason of our own: the error event that says why, then the code, on both legs."""
        if self.ending is None:
            self._end(Ending(close.code, close.reason, "proxy", cause), close, close, now)

    def lost(self, from_client: bool, now: float, reason: str = "connection lost") -> None:
        """One side's connection ended."""
        leg = self.client if from_client else self.upstream
        if leg.gone:
            return
        leg.gone = True
        if self.ending is None and leg.closed is None:
            told = Close(*_SPARED[leg.name])
            self._end(Ending(1006, reason, leg.name), told, told, now)
        elif leg.closing is None or leg.closed is None:
            self._follow(leg, now)

    def tick(self, now: float) -> None:
        """Pings, silence and overdue Close answers; call it about every second."""
        for leg in (self.client, self.upstream):
            if leg.done:
                continue
            if leg.deadline is not None and now >= leg.deadline:
                leg.gone = True
                self._follow(leg, now)
            elif leg.deadline is None and now - leg.heard >= SILENCE:
                self.lost(leg is self.client, now, f"nothing heard for {SILENCE:.0f} s")
            elif leg.deadline is None and now - leg.pinged >= PING_EVERY:
                leg.pinged = now
                leg.send(PING, b"voicetap")

    def _control(self, source: Leg, message: Message) -> None:
        if message.opcode == PING:
            source.send(PONG, message.payload)
        elif message.opcode == CLOSE:
            code, reason = decode_close(message.payload)
            source.closed = close = Close(code, self._reason(source is self.client, reason))
            if self.ending is None:
                self.ending = Ending(close.code, close.reason, source.name)

    def _follow(self, leg: Leg, now: float) -> None:
        """A leg closed or is gone: the other one gets the same code, and the first one its answer when the other is done."""
        other = self.upstream if leg is self.client else self.client
        self._say_last(leg, now, broken=leg.closed is None)
        if other.closing is None:
            close = leg.closed or other.closed or Close(1001)
            if self._announces and other is self.client and other.closed is None:
                self._announce(close, now)
            other.send_close(close, now)
        if other.closed is not None or other.gone:
            leg.send_close(other.closed or leg.closed or Close(1001), now)

    def _say_last(self, source: Leg, now: float, *, broken: bool) -> None:
        """What was kept back of a side that says no more goes out ahead of the Close that tells the other one."""
        target = self.upstream if source is self.client else self.client
        told = target.closing is None and not target.gone
        for frame, verdict in self._last(source is self.client, now, broken) if told else ():
            self._judge(source, target, frame, _encoded(frame, target), verdict, now)

    def _refuse(self, source: Leg, fault: Close, now: float) -> None:
        """A side broke the protocol: it gets the code for that, the other one is told what it means for it."""
        spared = fault if fault.code == 1009 else Close(*_SPARED[source.name])
        cause = "limit" if fault.code == 1009 else ""
        ending = Ending(fault.code, f"{fault.reason} (from the {source.name})", "proxy", cause)
        self._end(ending, *((fault, spared) if source is self.client else (spared, fault)), now)

    def _end(self, ending: Ending, to_client: Close, to_upstream: Close, now: float) -> None:
        self.ending = ending
        self._parting(now)
        for leg in (self.client, self.upstream):
            self._say_last(leg, now, broken=True)
        self._announce(to_client, now)
        self.client.send_close(to_client, now)
        self.upstream.send_close(to_upstream, now)

    def _announce(self, close: Close, now: float) -> None:
        """The error event that says why a session ends; none where it ends as it should."""
        if close.code not in (1000, 1005) and (event := self._error_event(close)) is not None:
            self.say(self.client, event, now)

    def say(self, leg: Leg, event: bytes, now: float) -> None:
        """A word of our own to one side, ahead of all that waits for it."""
        if self._crossed is not None and leg.closing is None and not leg.gone:
            self._crossed(Frame(leg is self.upstream, event, at=now, injected=True), event, True)
        leg.send(TEXT, event)

    def _judge(self, source: Leg, target: Leg, frame: Frame, wire: bytes, verdict: Verdict | None, now: float) -> None:
        if verdict is not None and verdict.release:
            self._release(source)
            self._flush_held(source, target)
        for first in verdict.before if verdict is not None else ():
            self._queue(source, target, Held(ahead(frame, first), _encoded(frame, target, first), first, settled=True), now)
        held = Held(frame, wire, frame.payload, settled=verdict is None or verdict.action != "hold")
        if verdict is not None:
            held.payload = _payload(verdict, held.payload)
            if held.settled:
                held.wire = self._outcome(source, target, frame, wire, verdict, now)
            else:
                self._reply(source, verdict, now)
                if verdict.payload:
                    held.wire = _encoded(frame, target, verdict.payload)
            held.ticket = verdict.ticket
        self._queue(source, target, held, now)

    def _keep(self, source: Leg, target: Leg, held: Held, verdict: Verdict, now: float) -> None:
        """A message that waits goes on waiting: as the verdict left it, behind what goes ahead of it."""
        held.ticket = verdict.ticket
        self._reply(source, verdict, now)
        if verdict.release:
            self._release(source, held)
            self._flush_held(source, target)
        self._put_ahead(source, target, held, verdict)
        if verdict.payload:
            self._rewire(source, held, _encoded(held.frame, target, verdict.payload), verdict.payload)

    def _queue(self, source: Leg, target: Leg, held: Held, now: float) -> None:
        """Send a message, or let it wait: for its own verdict, or behind others that wait."""
        if not source.held and held.settled:
            self._send(target, held)
            return
        source.held.append(held)
        source.held_bytes += len(held.wire)
        if source.held_bytes > self._held_limit:
            self.close(Close(1008, f"more than {self._held_limit} bytes held"), now, "limit")

    def _send(self, target: Leg, held: Held) -> None:
        sent = bool(held.wire) and target.closing is None
        if sent:
            target.out.append(held.wire)
        if self._crossed is not None:
            self._crossed(held.frame, held.payload if sent else None, False)

    def _put_ahead(self, source: Leg, target: Leg, held: Held, verdict: Verdict) -> None:
        """Messages ahead of one that waits stand before it among those that wait."""
        if not verdict.before or held not in source.held:
            return
        place = source.held.index(held)
        for number, payload in enumerate(verdict.before):
            wire = _encoded(held.frame, target, payload)
            source.held.insert(place + number, Held(ahead(held.frame, payload), wire, payload, settled=True))
            source.held_bytes += len(wire)

    def _outcome(self, source: Leg, target: Leg, frame: Frame, wire: bytes, verdict: Verdict, now: float) -> bytes:
        """Carry out a final verdict; returns the wire bytes that take the message's place (none when it is dropped)."""
        self._reply(source, verdict, now)
        match verdict.action:
            case "replace":
                return _encoded(frame, target, verdict.payload)
            case "close":
                self.close(verdict.close, now)
                return b""
            case "drop":
                return b""
            case _:
                return wire

    def _reply(self, source: Leg, verdict: Verdict, now: float) -> None:
        """What a message is answered with is said at once, also while the message waits."""
        for event in verdict.reply:
            self.say(source, event, now)

    def _rewire(self, source: Leg, held: Held, wire: bytes, payload: bytes) -> None:
        source.held_bytes += len(wire) - len(held.wire)
        held.wire, held.payload = wire, payload

    def _release(self, source: Leg, before: Held | None = None) -> None:
        for entry in source.held:
            if entry is before:
                break
            entry.settled = True

    def _flush_held(self, source: Leg, target: Leg, *, all_of_it: bool = False) -> None:
        while source.held and (source.held[0].settled or all_of_it):
            entry = source.held.popleft()
            source.held_bytes -= len(entry.wire)
            if not entry.settled:
                entry.wire = b""
            self._send(target, entry)


def _wire_of(reader: FrameReader, message: Message) -> bytes:
    return message.wire if message.wire is not None else reader.chunk[message.start : message.end]


def _payload(verdict: Verdict, payload: bytes) -> bytes:
    """What a message consists of after a verdict that does not stop it."""
    replaced = verdict.action == "replace" or (verdict.action == "hold" and verdict.payload)
    return verdict.payload if replaced else payload


def _encoded(frame: Frame, target: Leg, payload: bytes | None = None) -> bytes:
    mask = os.urandom(4) if target.name == "upstream" else b""
    return encode(TEXT if frame.text else BINARY, frame.payload if payload is None else payload, mask)
