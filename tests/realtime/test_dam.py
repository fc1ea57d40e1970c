"""A dam in a tunnel: what stands still, what waits behind it, and in which order it goes on, whatever else happens meanwhile."""

from __future__ import annotations

import pytest
from tunnel_talk import Call
from tunnel_talk import Peer

from realtime.dam import BEHIND
from realtime.dam import MOST
from realtime.dam import WEIGHT
from realtime.dam import Dam
from realtime.dam import Paused
from realtime.frame import Frame
from realtime.framing import Close
from realtime.made import Ahead
from realtime.made import Operated
from realtime.made import like
from realtime.verdict import Verdict


class Dammed(Call):
    """Pauses each message that begins with "stop"; `judged` are those that were looked at. `said` gives other verdicts."""

    def __init__(self, **said: Verdict) -> None:
        super().__init__(self.look)
        self.said = {text.encode(): verdict for text, verdict in said.items()}
        self.judged: list[bytes] = []
        self.dam = Dam(self.tunnel, self._inspect)

    def look(self, frame: Frame) -> Verdict | None:
        if self.dam.stops(frame):
            return BEHIND
        self.judged.append(frame.payload)
        if frame.payload in self.said:
            return self.said[frame.payload]
        if frame.payload.startswith(b"stop") and not isinstance(frame, Operated):
            return self.dam.pause(Paused("ps", frame, self.now, self.now + 10))
        return None

    def go_on(self, peer: Peer, verdict: Verdict | None = None, most: int | None = None) -> bool:
        """Let go what this side has paused."""
        paused = self.dam.paused[peer.is_client]
        held = self.dam.take(paused, self.now)
        assert held is not None
        self.tunnel.settle(held, verdict, self.now)
        return self.dam.flow(peer.is_client, self.now, most)


def test_what_comes_behind_waits_and_is_judged_when_it_is_its_turn() -> None:
    call = Dammed()
    call.client >> "one" >> "stop 1" >> "two" >> "stop 2" >> "three"
    call.upstream >> "other way"
    assert call.upstream.got() == ["one"]
    assert call.client.got() == ["other way"]
    assert call.judged == [b"one", b"stop 1", b"other way"]
    call.now += 5
    call.go_on(call.client)
    assert call.upstream.got() == ["stop 1", "two"]
    assert call.dam.standing == {True}
    assert call.dam.behind(call.dam.paused[True]) == 1
    call.go_on(call.client, Verdict("drop"))
    assert call.upstream.got() == ["three"]
    assert call.dam.standing == frozenset()
    call.client >> "four"
    assert call.upstream.got() == ["four"]


def test_it_is_dated_when_it_goes_on() -> None:
    call = Dammed()
    call.client >> "stop" >> "behind"
    frames = [held.frame for held in call.tunnel.client.held]
    assert [frame.at for frame in frames] == [100.0, 100.0]
    call.now += 5
    call.go_on(call.client)
    assert [frame.at for frame in frames] == [105.0, 105.0]


def test_what_waits_goes_on_some_at_a_time() -> None:
    call = Dammed()
    call.client >> "stop"
    for number in range(5):
        call.client >> str(number)
    assert call.go_on(call.client, most=2)
    assert call.upstream.got() == ["stop", "0", "1"]
    call.client >> "5"
    assert call.upstream.got() == []
    assert not call.dam.flow(True, call.now)
    assert call.upstream.got() == ["2", "3", "4", "5"]


def test_another_message_in_its_place_is_judged_before_those_behind() -> None:
    call = Dammed(bad=Verdict("replace", payload=b"good"))
    call.client >> "stop" >> "behind"
    paused = call.dam.paused[True]
    held = call.dam.take(paused, call.now)
    assert held is not None
    call.tunnel.exchange(held, Operated(True, b"bad", was=held.frame))
    call.tunnel.settle(held, call.dam.judged(held), call.now)
    call.dam.flow(True, call.now)
    assert call.judged == [b"stop", b"bad", b"behind"]
    assert call.upstream.got() == ["good", "behind"]


def test_a_message_that_is_made_has_its_place_behind() -> None:
    call = Dammed()
    call.client >> "stop" >> "behind"
    call.tunnel.inject(Operated(True, b"stop, made"), call.now)
    assert call.upstream.got() == []
    call.go_on(call.client)
    assert call.upstream.got() == ["stop", "behind", "stop, made"]


def test_what_goes_ahead_of_a_message_behind_keeps_its_place() -> None:
    call = Dammed(two=Verdict("replace", payload=b"TWO", before=(b"1.5",), reply=(b"told",)))
    call.client >> "stop" >> "two" >> "three"
    call.go_on(call.client)
    assert call.upstream.got() == ["stop", "1.5", "TWO", "three"]
    assert call.client.got() == ["told"]


def test_a_reply_to_a_message_that_waits_is_said_at_once() -> None:
    call = Call(lambda frame: Verdict("hold", reply=(b"told",), ticket=object()) if frame.from_client else None)
    call.client >> "one"
    assert call.client.got() == ["told"]
    assert call.upstream.got() == []


def test_what_waited_for_a_message_goes_on_although_that_one_waits_itself() -> None:
    call = Call(lambda frame: Verdict("hold"))
    call.client >> "one" >> "two"
    *_, held = call.tunnel.client.held
    call.tunnel.settle(held, Verdict("hold", release=True, ticket=object()), call.now)
    assert call.upstream.got() == ["one"]
    call.tunnel.settle(held, None, call.now)
    assert call.upstream.got() == ["two"]


def test_nothing_of_it_crosses_once_it_is_emptied() -> None:
    call = Dammed()
    call.client >> "stop" >> "behind"
    call.upstream >> "stop too"
    call.dam.empty(call.now)
    call.client >> "after"
    assert call.upstream.got() == ["after"]
    assert call.client.got() == []
    assert call.dam.standing == frozenset()


def test_a_message_behind_that_ends_the_session_lets_nothing_more_through() -> None:
    call = Dammed(bad=Verdict("close", close=Close(1008, "no")))
    call.tunnel._parting = call.dam.empty
    call.client >> "stop" >> "bad" >> "behind"
    call.go_on(call.client)
    assert call.upstream.got() == ["stop", Close(1008, "no")]
    assert call.client.got() == ['{"type":"error"}', Close(1008, "no")]


@pytest.mark.parametrize("more", [0, 1])
def test_there_is_room_for_so_much(more: int) -> None:
    call = Dammed()
    call.client >> "stop"
    (held,) = call.tunnel.client.held
    left = MOST - len(held.wire) - 2 * WEIGHT
    assert call.dam.bytes == len(held.wire) + WEIGHT
    assert call.dam.has_room(Frame(True, b"x" * (left + more))) is (more == 0)
    assert call.dam.has_room(Frame(False, b"x" * (left + more)))


def test_the_tunnel_tells_once_that_it_ends_before_anything_is_said_last() -> None:
    told: list[tuple[str, int]] = []

    def parting(now: float) -> None:
        assert call.tunnel.ending is not None
        told.append((call.tunnel.ending.side, len(call.tunnel.client.out)))

    call = Call(parting=parting)
    call.tunnel.close(Close(1008, "no"), call.now)
    assert told == [("proxy", 0)]
    call = Call(parting=parting)
    call.client >> Close(1000)
    assert told[1:] == [("client", 0)]


def test_a_message_stays_whose_it_is_when_a_hook_changes_it() -> None:
    was = Frame(True, b"was", injected=True)
    made = like(Operated(True, b"made", text=False, at=5.0, was=was), b"redacted")
    assert isinstance(made, Operated)
    assert (made.payload, made.text, made.at, made.was, made.injected) == (b"redacted", False, 5.0, was, True)
    assert type(like(Ahead(True, b"ahead", injected=True), b"changed")) is Frame
