"""What the tunnel tells of each message: those that were sent, in their order, and what became of the others."""

from __future__ import annotations

from tunnel_talk import Call
from tunnel_talk import by_text

from realtime.frame import Frame
from realtime.framing import TEXT
from realtime.framing import Close
from realtime.verdict import Verdict

Told = tuple[bool, bytes, bytes | None, str]
"""Direction, what it was, what was sent of it, and who made it."""


class Watched(Call):
    """A conversation that keeps what it was told."""

    def __init__(self, verdicts: dict[bytes, Verdict] | None = None) -> None:
        self.told: list[Told] = []
        super().__init__(by_text(verdicts or {}), crossed=self._crossed)

    def _crossed(self, frame: Frame, payload: bytes | None, own: bool) -> None:
        who = "own" if own else "script" if frame.scripted else "proxy" if frame.injected else "side"
        self.told.append((frame.from_client, frame.payload, payload, who))

    def sent(self, from_client: bool) -> list[str]:
        """What one side must have got, as far as messages go."""
        return [payload.decode() for toward, _, payload, _ in self.told if toward is from_client and payload is not None]


def test_what_is_told_is_what_arrives() -> None:
    call = Watched(
        {
            b"bad": Verdict("drop", reply=(b"not this",)),
            b"card": Verdict("replace", payload=b"[card]", before=(b"held words",)),
            b"blank": Verdict("replace", payload=b""),
        }
    )
    call.client.raw(b"".join(call.client.wire(TEXT, text) for text in (b"one", b"two", b"bad", b"card", b"blank", b"three")))
    call.upstream >> "four"
    assert call.upstream.got() == call.sent(from_client=True) == ["one", "two", "held words", "[card]", "", "three"]
    assert call.client.got() == call.sent(from_client=False) == ["not this", "four"]
    assert call.told == [
        (True, b"one", b"one", "side"),
        (True, b"two", b"two", "side"),
        (False, b"not this", b"not this", "own"),
        (True, b"bad", None, "side"),
        (True, b"held words", b"held words", "proxy"),
        (True, b"card", b"[card]", "side"),
        (True, b"blank", b"", "side"),
        (True, b"three", b"three", "side"),
        (False, b"four", b"four", "side"),
    ]


def test_a_message_that_waits_is_told_of_when_it_leaves_as_what_it_leaves() -> None:
    call = Watched({b"ask": Verdict("hold"), b"late": Verdict("hold", payload=b"LATE"), b"never": Verdict("hold")})
    call.client >> "ask" >> "late" >> "never" >> "behind"
    assert call.told == []
    first, second, third, _ = call.tunnel.client.held
    call.tunnel.settle(second, Verdict("pass"), call.now)
    call.tunnel.settle(third, Verdict("drop"), call.now)
    call.tunnel.settle(first, Verdict("replace", payload=b"asked", before=(b"0",)), call.now)
    assert call.upstream.got() == call.sent(from_client=True) == ["0", "asked", "LATE", "behind"]
    assert [told[1:3] for told in call.told] == [
        (b"0", b"0"),
        (b"ask", b"asked"),
        (b"late", b"LATE"),
        (b"never", None),
        (b"behind", b"behind"),
    ]


def test_what_a_script_makes_or_changes_is_told_as_such() -> None:
    call = Watched({b"shown": Verdict("hold")})
    call.client >> "shown"
    held = call.tunnel.client.held[0]
    call.tunnel.amend(held, b"amended")
    call.tunnel.settle(held, None, call.now)
    call.tunnel.inject(Frame(True, b"made", injected=True, scripted=True), call.now)
    assert call.told == [(True, b"amended", b"amended", "script"), (True, b"made", b"made", "script")]


def test_nothing_counts_as_sent_once_the_session_ends() -> None:
    call = Watched({b"end": Verdict("close", close=Close(1008, "policy")), b"wait": Verdict("hold")})
    call.upstream >> "wait"
    call.client >> "end" >> "too late"
    call.upstream >> "too late as well" >> Close(1008)
    assert call.told[:2] == [(False, b'{"type":"error"}', b'{"type":"error"}', "own"), (True, b"end", None, "side")]
    assert {told[1]: told[2] for told in call.told[2:]} == {b"too late": None, b"too late as well": None, b"wait": None}
    assert call.client.got() == ['{"type":"error"}', Close(1008, "policy")]
