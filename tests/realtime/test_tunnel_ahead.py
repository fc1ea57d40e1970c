"""Messages that a verdict puts ahead of the one it is about: their place, their kind, and that nobody inspects them."""

from collections.abc import Callable
from collections.abc import Iterator

import pytest
from tunnel_talk import Call
from tunnel_talk import by_text

from realtime.frame import Frame
from realtime.framing import TEXT
from realtime.framing import Close
from realtime.tunnel import Last
from realtime.verdict import Verdict


def test_messages_go_ahead_of_the_one_they_belong_to_and_nobody_inspects_them() -> None:
    call = Call(
        by_text(
            {
                b"final": Verdict("replace", payload=b"FINAL", before=(b"1", b"2")),
                b"bad": Verdict("drop", before=(b"3",)),
                b"end": Verdict("close", close=Close(1008, "policy"), before=(b"4",)),
            }
        )
    )
    call.client.raw(b"".join(call.client.wire(TEXT, text) for text in (b"a", b"final", b"b", b"bad", b"end")))
    assert call.upstream.got() == ["a", "1", "2", "FINAL", "b", "3", "4", Close(1008, "policy")]
    assert [payload for _, payload in call.seen] == [b"a", b"final", b"b", b"bad", b"end"]


def test_messages_ahead_are_of_the_same_kind() -> None:
    call = Call(lambda frame: Verdict("pass", before=(b"x",)))
    call.upstream >> b"binary" >> "text"
    assert call.client.got() == [b"x", b"binary", "x", "text"]


def test_messages_ahead_keep_their_place_among_those_that_wait() -> None:
    call = Call(by_text({b"ask": Verdict("hold"), b"late": Verdict("hold", before=(b"1",)), b"end": Verdict("pass", before=(b"2",))}))
    call.client >> "ask" >> "late" >> "end"
    assert call.upstream.got() == []
    first, _, second, *_ = call.tunnel.client.held
    call.tunnel.settle(second, Verdict("pass", before=(b"3", b"4")), call.now)
    call.tunnel.settle(first, Verdict("replace", payload=b"asked", before=(b"0",)), call.now)
    assert call.upstream.got() == ["0", "asked", "1", "3", "4", "late", "2", "end"]
    assert call.tunnel.client.held_bytes == 0


def test_verdicts_add_up_with_what_goes_ahead() -> None:
    both = Verdict("replace", payload=b"p", before=(b"1",)).then(Verdict("drop", before=(b"2",)))
    assert (both.action, both.before) == ("drop", (b"1", b"2"))


def test_what_goes_ahead_of_a_message_that_left_already_is_lost_with_it() -> None:
    call = Call(by_text({b"secret": Verdict("hold")}))
    call.client >> "secret"
    held = call.tunnel.client.held[0]
    call.client >> Close(1000)
    call.tunnel.settle(held, Verdict("pass", before=(b"1",)), call.now)
    assert call.upstream.got() == [Close(1000)]


def test_what_was_kept_back_of_a_side_comes_before_the_close_that_tells_the_other() -> None:
    for ends in (lambda call: call.upstream >> Close(1000, "bye"), lambda call: call.tunnel.lost(False, call.now)):
        call = Call(last=kept(call_held := {False: [b"last words"], True: [b"mine"]}))
        call.upstream >> "first"
        ends(call)
        heard = call.client.got()
        assert heard[:2] == ["first", "LAST WORDS"]
        assert isinstance(heard[-1], Close)
        assert call_held[False] == []
        assert "last words" not in call.client.got()


def test_what_the_other_side_said_comes_before_its_answer_to_a_close() -> None:
    call = Call(last=kept({False: [b"last words"], True: [b"mine"]}))
    call.client >> Close(1000, "bye")
    assert call.upstream.got() == ["MINE", Close(1000, "bye")]
    assert call.client.got() == []
    call.upstream >> Close(1000, "bye")
    assert call.client.got() == ["LAST WORDS", Close(1000, "bye")]


@pytest.mark.parametrize("how", ["close", "violation", "verdict"])
def test_what_was_kept_back_of_both_comes_before_a_close_of_our_own(how: str) -> None:
    call = Call(by_text({b"end": Verdict("close", close=Close(1008, "policy"))}), last=kept({False: [b"last words"], True: [b"mine"]}))
    if how == "close":
        call.tunnel.close(Close(1008, "policy"), call.now)
    elif how == "verdict":
        call.client >> "end"
    else:
        call.client.raw(b"\xff\x80abcd")
    heard, told = call.client.got(), call.upstream.got()
    assert heard[:2] == ["LAST WORDS", '{"type":"error"}']
    assert told[0] == "MINE"
    assert [type(end) for end in (*heard[2:], *told[1:])] == [Close, Close]
    call.client >> Close(1008)
    call.upstream >> Close(1008)
    assert [*call.client.got(), *call.upstream.got()] == []
    assert call.tunnel.done or how == "violation", "of which nothing more is read"


@pytest.mark.parametrize(
    ("ends", "broken"),
    [
        (lambda call: call.upstream >> Close(1000), {False: False}),
        (lambda call: call.tunnel.lost(False, call.now), {False: True}),
        (lambda call: call.tunnel.close(Close(1001), call.now), {False: True, True: True}),
    ],
)
def test_whether_a_side_was_broken_off(ends: Callable[[Call], object], broken: dict[bool, bool]) -> None:
    asked: dict[bool, bool] = {}

    def last(from_client: bool, now: float, broken: bool) -> tuple[()]:
        asked[from_client] = broken
        return ()

    ends(Call(last=last))
    assert asked == broken


def test_what_is_kept_back_of_a_side_goes_to_nobody_where_the_other_is_gone() -> None:
    held = {False: [b"last words"], True: [b"mine"]}
    call = Call(last=kept(held))
    call.tunnel.lost(True, call.now)
    assert call.upstream.got()[0] == "MINE"
    assert held == {False: [b"last words"], True: []}


def kept(held: dict[bool, list[bytes]]) -> Last:
    """Words that are held, in capitals as a hook wants them; given once."""

    def last(from_client: bool, now: float, broken: bool) -> Iterator[tuple[Frame, Verdict | None]]:
        while held[from_client]:
            payload = held[from_client].pop(0)
            yield Frame(from_client, payload, text=True, at=now, injected=True), Verdict("replace", payload=payload.upper())

    return last
