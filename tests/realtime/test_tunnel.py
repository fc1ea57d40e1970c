"""The tunnel, as conversations: what one side sends, what the other side gets, and how it ends."""

import pytest
from tunnel_talk import MASK
from tunnel_talk import Call
from tunnel_talk import by_text

from realtime.frame import Frame
from realtime.framing import CLOSE
from realtime.framing import PING
from realtime.framing import PONG
from realtime.framing import TEXT
from realtime.framing import Close
from realtime.framing import encode
from realtime.leg import LINGER
from realtime.leg import Ending
from realtime.tunnel import PING_EVERY
from realtime.tunnel import SILENCE
from realtime.verdict import Verdict


def test_messages_pass_both_ways_as_what_they_are() -> None:
    call = Call()
    call.client >> "hello" >> b"\x00\x01"
    call.upstream >> "back"
    assert call.upstream.got() == ["hello", b"\x00\x01"]
    assert call.client.got() == ["back"]


def test_a_clients_frames_keep_its_own_mask() -> None:
    call = Call()
    data = call.client.wire(TEXT, b"one") + call.client.wire(TEXT, b"two")
    call.client.raw(data)
    assert call.upstream.sent_bytes() == data


def test_fragments_pass_as_they_were_cut_without_the_ping_between() -> None:
    call = Call()
    call.upstream.raw(b"\x01\x02he" + b"\x89\x01p" + b"\x80\x03llo")
    assert call.client.sent_bytes() == b"\x01\x02he\x80\x03llo"
    assert call.upstream.got() == [(PONG, b"p")]


def test_pings_are_answered_here_and_not_relayed() -> None:
    call = Call()
    call.client.raw(call.client.wire(PING, b"42"))
    assert call.client.got() == [(PONG, b"42")]
    assert call.upstream.got() == []


@pytest.mark.parametrize(("announces", "end"), [(True, Close(1011, "lost")), (True, Close(1000, "done")), (False, Close(1011, "lost"))])
def test_an_abnormal_end_is_announced_where_the_client_has_no_codes(announces: bool, end: Close) -> None:
    call = Call(announces=announces)
    call.upstream >> "last" >> end
    told = ['{"type":"error"}'] if announces and end.code != 1000 else []
    assert call.client.got() == ["last", *told, end]


def test_a_client_that_closed_is_told_nothing_more() -> None:
    call = Call(announces=True)
    call.client >> Close(1001, "bye")
    call.upstream >> Close(1011, "lost")
    assert call.client.got() == [Close(1011, "lost")]


@pytest.mark.parametrize("end", [Close(1000, "done"), Close(4321, "bye"), Close(1005)])
def test_a_close_is_mirrored_and_answered_with_the_answer(end: Close) -> None:
    call = Call()
    call.client >> "last" >> end
    assert call.upstream.got() == ["last", end]
    call.upstream >> "still coming" >> end
    assert call.client.got() == ["still coming", end]
    assert call.tunnel.done
    assert call.tunnel.ending == Ending(end.code, end.reason, "client")


def test_a_close_that_nobody_answers_is_answered_in_time() -> None:
    call = Call()
    call.upstream >> Close(4000, "x")
    assert call.client.got() == [Close(4000, "x")]
    call.later(LINGER)
    assert call.upstream.got() == [Close(4000, "x")]
    assert call.tunnel.done


def test_a_lost_upstream_is_never_a_normal_end() -> None:
    call = Call()
    call.tunnel.lost(False, call.now)
    assert call.client.got() == ['{"type":"error"}', Close(1011, "upstream connection lost")]
    assert call.tunnel.ending == Ending(1006, "connection lost", "upstream")
    call.client >> Close(1011)
    assert call.tunnel.done


def test_a_lost_client_closes_the_upstream_at_once_and_its_last_words_are_seen() -> None:
    call = Call()
    call.tunnel.lost(True, call.now)
    assert call.upstream.got() == [Close(1001, "client went away")]
    call.upstream >> "usage" >> Close(1001)
    assert call.seen == [("upstream", b"usage")]
    assert call.client.got() == []
    assert call.tunnel.done


def test_closing_for_a_reason_of_our_own() -> None:
    call = Call()
    call.tunnel.close(Close(1008, "key revoked"), call.now)
    assert call.client.got() == ['{"type":"error"}', Close(1008, "key revoked")]
    assert call.upstream.got() == [Close(1008, "key revoked")]
    call.client >> "more audio"
    assert call.upstream.got() == []
    call.tunnel.close(Close(1001, "later reason"), call.now)
    assert call.tunnel.ending == Ending(1008, "key revoked", "proxy")
    call.later(LINGER)
    assert call.tunnel.done


@pytest.mark.parametrize(
    ("wire", "to_client", "to_upstream"),
    [(encode(TEXT, b"x" * 101, MASK), 1009, 1009), (encode(TEXT, b"\xff", MASK), 1007, 1001), (b"\xc1\x80" + MASK, 1002, 1001)],
)
def test_a_client_that_breaks_the_protocol(wire: bytes, to_client: int, to_upstream: int) -> None:
    call = Call(message_limit=100)
    call.client.raw(wire)
    assert [getattr(said, "code", None) for said in call.client.got()] == [None, to_client]
    assert [getattr(said, "code", None) for said in call.upstream.got()] == [to_upstream]
    assert call.tunnel.ending is not None
    assert (call.tunnel.ending.code, call.tunnel.ending.side) == (to_client, "proxy")
    assert call.tunnel.ending.reason.endswith("(from the client)")


def test_an_upstream_that_breaks_the_protocol() -> None:
    call = Call()
    call.upstream.raw(b"\xc1\x00")
    assert call.client.got()[-1] == Close(1011, "upstream connection lost")
    assert call.upstream.got() == [Close(1002, "reserved bits are set")]


def test_verdicts_on_messages_between_others() -> None:
    call = Call(
        by_text(
            {
                b"b": Verdict("drop", reply=(b"no",)),
                b"d": Verdict("replace", payload=b"D"),
            }
        )
    )
    call.client.raw(b"".join(call.client.wire(TEXT, text) for text in (b"a", b"b", b"c", b"d", b"e")))
    assert call.upstream.got() == ["a", "c", "D", "e"]
    assert call.client.got() == ["no"]


def test_a_verdict_that_closes_stops_what_follows() -> None:
    call = Call(by_text({b"bad": Verdict("close", close=Close(1008, "policy"))}))
    call.client.raw(b"".join(call.client.wire(TEXT, text) for text in (b"good", b"bad", b"after")))
    assert call.upstream.got() == ["good", Close(1008, "policy")]
    assert call.client.got()[-1] == Close(1008, "policy")


def test_held_messages_keep_their_place() -> None:
    call = Call(by_text({b"ask": Verdict("hold")}))
    call.client >> "before" >> "ask" >> "behind"
    call.upstream >> "other way"
    assert call.upstream.got() == ["before"]
    assert call.client.got() == ["other way"]
    call.tunnel.settle(call.tunnel.client.held[0], Verdict("replace", payload=b"asked"), call.now)
    assert call.upstream.got() == ["asked", "behind"]


def test_a_release_lets_everything_held_go_first() -> None:
    call = Call(by_text({b"1": Verdict("hold"), b"2": Verdict("hold"), b"go": Verdict("pass", release=True)}))
    call.client >> "1" >> "2"
    assert call.upstream.got() == []
    call.client >> "go" >> "3"
    assert call.upstream.got() == ["1", "2", "go", "3"]


def test_a_second_hold_leaves_a_message_waiting() -> None:
    call = Call(by_text({b"a": Verdict("hold"), b"b": Verdict("hold")}))
    call.client >> "a" >> "b"
    first, second = call.tunnel.client.held
    call.tunnel.settle(first, Verdict("hold"), call.now)
    call.tunnel.settle(second, Verdict("pass", release=True), call.now)
    assert call.upstream.got() == ["a", "b"]


def test_what_is_held_is_bounded() -> None:
    call = Call(lambda frame: Verdict("hold"), held_limit=50)
    call.client >> "x" * 60
    assert call.upstream.got() == [Close(1008, "more than 50 bytes held")]


def test_held_messages_do_not_slip_out_at_a_close() -> None:
    call = Call(by_text({b"secret": Verdict("hold")}))
    call.client >> "secret" >> "behind" >> Close(1000)
    assert call.upstream.got() == ["behind", Close(1000)]


def test_injected_messages_take_their_place() -> None:
    call = Call()
    call.client >> "a"
    call.tunnel.inject(Frame(True, b"ours"), call.now)
    call.client >> "b"
    call.tunnel.inject(Frame(False, b"\x01", text=False), call.now)
    assert call.upstream.got() == ["a", "ours", "b"]
    assert call.client.got() == [b"\x01"]
    assert len(call.seen) == 4


def test_what_came_with_the_close_goes_before_it() -> None:
    call = Call()
    call.upstream.raw(call.upstream.wire(TEXT, b"one") + call.upstream.wire(TEXT, b"last") + call.upstream.wire(CLOSE, b""))
    assert call.client.got() == ["one", "last", Close(1005)]


def settle_all(call: Call, verdict: Verdict | None = None) -> None:
    """What a script does that looks at every message and then decides alike."""
    for held in [*call.tunnel.client.held, *call.tunnel.upstream.held]:
        call.tunnel.settle(held, verdict, call.now)


def test_messages_shown_outside_go_before_the_close_that_came_with_them() -> None:
    call = Call(lambda frame: Verdict("hold"), deferred=True)
    call.client.raw(call.client.wire(TEXT, b"one") + call.client.wire(TEXT, b"last") + call.client.wire(CLOSE, b""))
    assert call.upstream.got() == []
    settle_all(call)
    call.tunnel.conclude(call.tunnel.client, call.now)
    assert call.upstream.got() == ["one", "last", Close(1005)]


def test_messages_shown_outside_go_before_the_violation_that_came_with_them() -> None:
    call = Call(lambda frame: Verdict("hold"), deferred=True)
    call.client.raw(call.client.wire(TEXT, b"fine") + b"\x81\x02no")
    settle_all(call)
    call.tunnel.conclude(call.tunnel.client, call.now)
    assert call.upstream.got() == ["fine", Close(1001, "client went away")]
    assert call.client.got() == ['{"type":"error"}', Close(1002, "frame is not masked")]


def test_an_amended_message_keeps_its_place_and_its_verdict() -> None:
    call = Call(by_text({b"wait": Verdict("hold")}))
    call.client >> "wait" >> "behind"
    call.tunnel.amend(call.tunnel.client.held[0], b"better")
    settle_all(call)
    assert call.upstream.got() == ["better", "behind"]


def test_what_was_dropped_or_shortened_no_longer_counts_as_held() -> None:
    call = Call(lambda frame: Verdict("hold"), held_limit=100)
    for verdict in (Verdict("drop"), Verdict("replace", payload=b"x"), None) * 5:
        call.client >> "x" * 60
        settle_all(call, verdict)
    assert call.tunnel.client.held_bytes == 0
    assert call.tunnel.ending is None


def test_an_injected_message_is_judged_and_waits_its_turn() -> None:
    call = Call(by_text({b"secret": Verdict("drop"), b"wait": Verdict("hold")}))
    call.client >> "wait"
    call.tunnel.inject(Frame(True, b"ours", injected=True), call.now)
    call.tunnel.inject(Frame(True, b"secret", injected=True), call.now)
    settle_all(call)
    assert call.upstream.got() == ["wait", "ours"]
    call.client >> Close(1000)
    call.tunnel.inject(Frame(False, b"late"), call.now)
    assert call.client.got() == []


def test_nothing_follows_a_close() -> None:
    call = Call()
    call.client >> Close(1000)
    call.client >> "too late"
    assert call.upstream.got() == [Close(1000)]
    assert call.seen == []


def test_each_leg_is_pinged_and_a_silent_one_is_gone() -> None:
    call = Call()
    call.later(PING_EVERY)
    assert call.client.got() == [(PING, b"voicetap")]
    assert call.upstream.got() == [(PING, b"voicetap")]
    call.client.raw(call.client.wire(PONG, b"voicetap"))
    call.later(SILENCE - PING_EVERY)
    assert call.tunnel.ending == Ending(1006, "nothing heard for 45 s", "upstream")


def test_a_live_but_silent_session_is_not_cut() -> None:
    call = Call()
    for _ in range(20):
        call.later(PING_EVERY)
        for peer in (call.client, call.upstream):
            assert peer.got() == [(PING, b"voicetap")]
            peer.raw(peer.wire(PONG, b"voicetap"))
    assert call.tunnel.ending is None


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (Verdict("replace", b"x"), Verdict("pass", release=True), Verdict("replace", b"x", release=True)),
        (Verdict("replace", b"x"), Verdict("hold"), Verdict("hold", b"x")),
        (Verdict("replace", b"x"), Verdict("replace", b"y", (b"r",)), Verdict("replace", b"y", (b"r",))),
        (Verdict("pass", reply=(b"a",)), Verdict("drop", reply=(b"b",)), Verdict("drop", reply=(b"a", b"b"))),
    ],
)
def test_two_verdicts_on_one_message(first: Verdict, second: Verdict, both: Verdict) -> None:
    assert first.then(second) == both


def test_a_message_that_was_changed_and_held_leaves_changed() -> None:
    call = Call(by_text({b"secret": Verdict("hold", b"[redacted]"), b"go": Verdict("pass", release=True)}))
    call.client >> "secret" >> "go"
    assert call.upstream.got() == ["[redacted]", "go"]
