"""Judge and tunnel together under any bytes: mutated JSON, any frames, cut anywhere. No word crosses unseen, nothing raises, it ends."""

import json
from collections.abc import Callable
from typing import Any

from hostile import CASES
from hostile import readings
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from policy_talk import CARD
from policy_talk import delta
from policy_talk import done
from policy_talk import policy
from policy_talk import user_text
from policy_talk import words

from realtime.conditions import Condition
from realtime.frame import Frame
from realtime.framing import BINARY
from realtime.framing import CLOSE
from realtime.framing import PING
from realtime.framing import TEXT
from realtime.framing import FrameReader
from realtime.framing import encode
from realtime.leg import Leg
from realtime.policies import Judge
from realtime.policies import PolicySet
from realtime.regex import Regex
from realtime.tunnel import SILENCE
from realtime.tunnel import Tunnel
from realtime.verdict import Verdict

POLICIES = PolicySet(
    [
        policy("redact", Condition(detect=("card",))),
        policy("block", Condition(regex=Regex("kumquat"))),
        policy("alert", words("hello")),
        policy("tag", Condition(detect=("phone",)), tag="caller"),
    ]
)


class Session:
    """A tunnel under the policies, with a clock of its own."""

    def __init__(self) -> None:
        self.judge = Judge(POLICIES, "openai")
        self.now = 100.0
        self.tunnel = Tunnel(self._inspect, now=self.now, last=self._last)
        self.out = {True: bytearray(), False: bytearray()}

    def _inspect(self, frame: Frame) -> Verdict | None:
        return self.judge.judge(frame, self.now).verdict

    def _last(self, from_client: bool, now: float, broken: bool) -> Any:
        return [(frame, self._inspect(frame)) for frame in self.judge.flush(now, from_client, broken=broken).frames]

    def feed(self, from_client: bool, data: bytes) -> None:
        self.tunnel.receive(from_client, data, self.now)
        self._drain()

    def later(self, seconds: float) -> None:
        self.now += seconds
        for frame in self.judge.due(self.now).frames:
            self.tunnel.inject(frame, self.now)
        self.tunnel.tick(self.now)
        self._drain()

    def _drain(self) -> None:
        for leg in (self.tunnel.client, self.tunnel.upstream):
            self.out[leg.name == "client"] += b"".join(leg.out)
            leg.out.clear()

    def payloads(self, at_client: bool) -> list[bytes]:
        reader = FrameReader(masked=not at_client, limit=1 << 24)
        found = [message.payload for message in reader.feed(bytes(self.out[at_client])) if message.opcode != PING]
        assert reader.fault is None, "what is sent is well formed"
        return found

    def legs(self) -> tuple[Leg, Leg]:
        return self.tunnel.client, self.tunnel.upstream


SAID: list[Callable[[str], dict[str, Any]]] = [
    user_text,
    delta,
    done,
    lambda word: {"type": "made.up", "x": [{"y": word}]},
]
NOISE = st.sampled_from(
    [
        *(b"{", b"}", b'"', b"\\", b"\\u0034", b",", b":", b"[", b"]", b"\0", b"\xff", b"\xef\xbb\xbf", b" "),
        *(b"1e999", b"NaN", b'"type":"x",', b"/**/"),
    ]
)


def compact(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """An event with a number, and noise at some places around it."""
    head, word, tail = compact(draw(st.sampled_from(SAID))(f"say {CARD} now")).partition(CARD.encode())
    for place, noise in draw(st.lists(st.tuples(st.integers(0, 400), NOISE), max_size=3)):
        at, behind = place % (len(head) - 1), 2 + place % (len(tail) - 2)
        head, tail = (head[:at] + noise + head[at:], tail) if place % 2 else (head, tail[:behind] + noise + tail[behind:])
    return head + word + tail


@st.composite
def framed(draw: st.DrawFn) -> bytes:
    """Bytes on the wire of a client: messages, fragments, control frames, and things that are none."""
    payload = draw(mutated())
    match draw(st.sampled_from(["text", "binary", "fragments", "ping", "hostile", "junk"])):
        case "fragments":
            cut = draw(st.integers(0, len(payload)))
            first = bytearray(encode(TEXT, payload[:cut], b"abcd"))
            first[0] &= 0x7F
            last = bytearray(encode(TEXT, payload[cut:], b"abcd"))
            last[0] = 0x80
            return bytes(first) + draw(st.sampled_from([b"", encode(PING, b"x", b"abcd")])) + bytes(last)
        case "ping":
            return encode(PING, payload[:125], b"abcd")
        case "hostile":
            sent = CASES[draw(st.sampled_from(sorted(CASES)))](compact(user_text(f"say {CARD}")), CARD.encode())
            return b"".join(_wire(one.opcode, one.payload, one.final) for one in sent)
        case "junk":
            return draw(st.binary(max_size=20))
        case kind:
            return encode(TEXT if kind == "text" else BINARY, payload, b"abcd")


def _wire(opcode: int, payload: bytes, final: bool) -> bytes:
    made = bytearray(encode(TEXT, payload, b"abcd"))
    made[0] = 0x80 * final | opcode
    return bytes(made)


def may_be_read(payload: bytes) -> bool:
    """Whether it is text, or JSON but for what is no UTF-8; anything else in a binary message is taken for sound."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        try:
            json.loads(payload.decode(errors="ignore"), strict=False)
        except ValueError:
            return False
    return True


STEPS = st.lists(st.tuples(framed(), st.sampled_from([0.0, 0.0, 0.2, 3.0])), max_size=8)


@settings(max_examples=150, deadline=None)
@given(STEPS, st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_no_number_of_a_client_crosses_however_it_is_sent(steps: list[tuple[bytes, float]], sizes: list[int]) -> None:
    session = Session()
    wire = b"".join(data for data, _ in steps)
    pauses = [pause for _, pause in steps] or [0.0]
    at = turn = 0
    while at < len(wire):
        size = sizes[turn % len(sizes)]
        session.feed(True, wire[at : at + size])
        if turn % 7 == 0:
            session.later(pauses[turn % len(pauses)])
        at, turn = at + size, turn + 1
    session.feed(True, encode(CLOSE, b"\x03\xe8", b"abcd"))
    session.later(1.0)
    for payload in filter(may_be_read, session.payloads(at_client=False)):
        assert [text for text in readings(payload) if CARD in text] == []
    session.later(SILENCE)  # a frame that never ends swallows the Close
    session.later(10.0)
    assert all(leg.done for leg in session.legs())


PIECES = st.text("ab 41.", max_size=12) | st.sampled_from([f" so {CARD} so ", " four one one ", "kumquat "])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PIECES, st.floats(0, 3)), max_size=12), st.booleans())
def test_whatever_a_provider_says_arrives_redacted_and_in_order(said: list[tuple[str, float]], closes: bool) -> None:
    session = Session()
    for piece, pause in said:
        session.feed(False, encode(TEXT, json.dumps(delta(piece)).encode()))
        session.later(pause)
    session.feed(False, encode(TEXT, json.dumps(done("".join(piece for piece, _ in said))).encode()))
    if closes:
        session.feed(False, encode(CLOSE, b"\x03\xe8"))
    payloads = session.payloads(at_client=True)
    assert not [payload for payload in payloads if b"kumquat" in payload or CARD.encode() in payload]
    assert json.loads(payloads[-1 - closes])["type"] in ("response.output_audio_transcript.done", "error")
