"""Whatever is paused, dropped, changed or made, in whichever order: each side's messages cross in their order, and none is lost."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from tunnel_talk import Call

from realtime.dam import BEHIND
from realtime.dam import Dam
from realtime.dam import Paused
from realtime.frame import Frame
from realtime.made import Operated
from realtime.verdict import Verdict

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["say", "say", "stop", "make", "resume", "drop", "edit", "part of it"]),
        st.booleans(),
    ),
    max_size=60,
)


@dataclass
class Story:
    """A tunnel with a dam, and what has to come out of it on each side."""

    call: Call = field(init=False)
    dam: Dam = field(init=False)
    number: int = 0
    expected: dict[bool, list[str]] = field(default_factory=lambda: {True: [], False: []})
    judged: dict[bool, list[str]] = field(default_factory=lambda: {True: [], False: []})
    got: dict[bool, list[str]] = field(default_factory=lambda: {True: [], False: []})

    def __post_init__(self) -> None:
        self.call = Call(self.look)
        self.dam = Dam(self.call.tunnel, self.look)

    def look(self, frame: Frame) -> Verdict | None:
        if self.dam.stops(frame):
            return BEHIND
        self.judged[frame.from_client].append(frame.payload.decode())
        if frame.payload.endswith(b"stop") and not isinstance(frame, Operated):
            return self.dam.pause(Paused("ps", frame, 0.0, 0.0))
        return None

    def act(self, what: str, side: bool) -> None:
        self.number += 1
        peer = self.call.client if side else self.call.upstream
        if what in ("say", "stop"):
            peer >> f"{self.number} {what}"
            self.expected[side].append(f"{self.number} {what}")
        elif what == "make":
            self.call.tunnel.inject(Operated(side, f"{self.number} made".encode()), 0.0)
            self.expected[side].append(f"{self.number} made")
        elif side in self.dam.paused:
            self.decide(what, side)
        elif side in self.dam.standing:
            self.dam.flow(side, 0.0, 2)
        self.read()

    def decide(self, what: str, side: bool) -> None:
        paused = self.dam.paused[side]
        was = paused.frame.payload.decode()
        held = self.dam.take(paused, 0.0)
        assert held is not None
        verdict = None
        if what == "drop":
            self.expected[side].remove(was)
            verdict = Verdict("drop")
        elif what == "edit":
            self.expected[side][self.expected[side].index(was)] = f"{was} edited"
            self.call.tunnel.exchange(held, Operated(side, f"{was} edited".encode(), was=held.frame))
            verdict = self.dam.judged(held)
        self.call.tunnel.settle(held, verdict, 0.0)
        self.dam.flow(side, 0.0, 1 if what == "part of it" else None)

    def read(self) -> None:
        for side, peer in ((True, self.call.upstream), (False, self.call.client)):
            self.got[side] += [str(said) for said in peer.got()]


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_the_order_is_kept_and_nothing_is_lost(steps: list[tuple[str, bool]]) -> None:
    story = Story()
    for what, side in steps:
        story.act(what, side)
        for each in (True, False):
            assert story.got[each] == story.expected[each][: len(story.got[each])]
    while standing := story.dam.standing:
        story.act("resume", next(iter(standing)))
    assert story.got == story.expected
    for side in (True, False):
        crossed = [said.removesuffix(" edited") for said in story.got[side]]
        seen = [said.removesuffix(" edited") for said in dict.fromkeys(story.judged[side])]
        assert [said for said in dict.fromkeys(seen) if said in crossed] == crossed
    assert not story.call.tunnel.client.held
    assert not story.call.tunnel.upstream.held
