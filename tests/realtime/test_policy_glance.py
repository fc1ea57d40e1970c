"""What passes at a glance is what passes when every policy is asked: the same verdicts, findings, traces and words that are held."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from policy_talk import CARD
from policy_talk import delta
from policy_talk import done
from policy_talk import policy
from policy_talk import response_done

from realtime.conditions import Condition
from realtime.frame import Frame
from realtime.jsonpath import compile_path
from realtime.policies import PASSES
from realtime.policies import Judge
from realtime.policies import Policy
from realtime.policies import PolicySet
from realtime.policies import Released
from realtime.policies.glance import UNSURE
from realtime.policies.glance import Glance
from realtime.policies.policy import Action
from realtime.regex import Regex

SOUND = "QUJD" * 400
BASE64 = "input_audio_buffer.append", "response.output_audio.delta", "response.audio.delta"


class Asking(Judge):
    """Asks every policy about every message."""

    def _glance(self, *given: Any) -> Glance:
        return UNSURE


HIDDEN = '{"a": "z\\u0065ta"}'
WORDS = st.sampled_from(["one ", "zeta", "ze", "ta", " end", "4111 1111 ", "1111 1111", CARD, "é", '"', "", "a" * 1200, "x zeta y", HIDDEN])
IDS = st.sampled_from(["i1", "r1", "zeta", "event_4111111111111111", "id_é", HIDDEN, None, 7, {"id": "r1"}, ["zeta"]])
NAMED = {"event_id": IDS, "response_id": IDS, "item_id": IDS, "content_index": st.sampled_from([0, 1, True, "0"])}
TEXTS = st.sampled_from(["output_audio_transcript", "output_text"])
ITEMS = st.sampled_from(["i1", "i1", "i2"])


def sound(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    held = st.sampled_from([SOUND, SOUND + "zeta", SOUND + " zeta", SOUND + "." + CARD, "zeta", "", None, ["zeta"], {"x": "zeta"}])
    return st.fixed_dictionaries({"type": st.just(kind), "audio" if "append" in kind else "delta": held}, optional={**NAMED, "more": WORDS})


def of_server(events: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[tuple[bool, Any]]:
    return st.tuples(st.just(False), events)


TYPES = st.sampled_from(["x", "zeta", "input_audio_buffer.commit", "interruption", "session.finished", ""])
EVENTS: st.SearchStrategy[tuple[bool, Any]] = st.one_of(
    *(st.tuples(st.just("append" in kind), sound(kind)) for kind in BASE64),
    st.tuples(st.booleans(), st.fixed_dictionaries({"type": TYPES}, optional=NAMED)),
    of_server(st.builds(delta, WORDS, kind=TEXTS, item=ITEMS)),
    of_server(st.builds(delta, WORDS, kind=TEXTS, item=ITEMS, event_id=IDS, more=WORDS)),
    of_server(
        st.builds(lambda text, item: {**delta(text, "output_text", item), "type": "response.output_text.text", "text": text}, WORDS, ITEMS)
    ),
    of_server(st.builds(done, WORDS, item=ITEMS)),
    of_server(st.builds(response_done, WORDS)),
    of_server(st.builds(lambda text: {"serverContent": {"outputTranscription": {"text": text}, "turnComplete": text == ""}}, WORDS)),
)


def spelled(event: dict[str, Any], way: str) -> bytes:
    """One event in one of the ways in which it may come."""
    text = json.dumps(event, ensure_ascii=way == "ascii", separators=(",", ":"))
    if way == "escaped":
        text = text.replace('"type"', r'"\u0074ype"').replace("zeta", r"z\u0065ta").replace("4111", r"\u0034111")
    elif way == "twice":
        text = text[:-1] + ',"type":"y","more":"zeta"}'
    elif way == "other case":
        text = text[:-1] + ',"Type":"session.update"}'
    elif way == "cut":
        text = text[:-1]
    return text.encode()


WAYS = st.sampled_from(["plain", "plain", "ascii", "escaped", "twice", "other case", "cut"])

CONDITIONS = st.sampled_from(
    [
        Condition(events=("*",), regex=Regex("zeta")),
        Condition(events=("*",), regex=Regex("^zeta$")),
        Condition(events=("*",), regex=Regex("(?i)ZETA|é")),
        Condition(events=("*",), from_client=True, regex=Regex("a[ab]{900}c|zeta")),
        Condition(events=("*",), detect=("card",)),
        Condition(events=("response.*",), detect=("card", "phone"), regex=Regex("1")),
        Condition(regex=Regex("ta e")),
        Condition(regex=Regex(r"\\|\"")),
        Condition(texts=frozenset({"model_transcript"}), regex=Regex("zeta")),
        Condition(texts=frozenset({"model_text"}), detect=("card",)),
        Condition(events=("*",), at=compile_path("$.item_id"), one_of=frozenset({(False, "i1")})),
        Condition(events=("*audio*",), over=2_000),
        Condition(events=("*",), regex=Regex("zeta"), under=300),
    ]
)
ACTIONS = st.sampled_from(["allow", "block", "alert", "tag", "redact"])


@st.composite
def policies(draw: st.DrawFn) -> list[Policy]:
    """A few policies, each with a name of its own."""
    made = draw(st.lists(st.tuples(ACTIONS, CONDITIONS, st.sampled_from(["block", "pass"])), min_size=1, max_size=4))
    return [_policy(action, condition, f"p{number}", on_error) for number, (action, condition, on_error) in enumerate(made)]


def _policy(action: Action, condition: Condition, name: str, on_error: Any) -> Policy:
    return policy(action, condition, name, on_error=on_error, tag="t" if action == "tag" else None)


def state(judge: Judge) -> Any:
    """All that a judge remembers of its session."""
    streams = judge._streams
    kept = {name: [getattr(passage, slot) for slot in passage.__slots__ if slot != "frame"] for name, passage in streams.open.items()}
    return kept, dict(streams._spoken), dict(judge._blocked), judge.deadline, judge.held_since, judge.traces


def told(released: Released) -> Any:
    return [(frame.from_client, frame.payload) for frame in released.frames], released.hits


@settings(max_examples=400, deadline=None)
@given(
    st.lists(policies(), min_size=1, max_size=2),
    st.lists(st.tuples(EVENTS, WAYS, st.sampled_from([0.0, 0.0, 0.1, 3.0])), max_size=16),
    st.sampled_from(["openai", "openai", "gemini", "elevenlabs"]),
)
def test_a_glance_says_what_all_policies_say(made: list[list[Policy]], talk: list[Any], dialect: str) -> None:
    glancing, asking = Judge(PolicySet(made[0]), dialect), Asking(PolicySet(made[0]), dialect)
    now = 100.0
    for number, ((from_client, event), way, pause) in enumerate(talk):
        if number == len(talk) // 2:
            glancing.policies, asking.policies = PolicySet(made[-1]), PolicySet(made[-1])
        payload = spelled(event, way)
        said = [judge.judge(Frame(from_client, payload), now) for judge in (glancing, asking)]
        assert said[0] == said[1]
        assert state(glancing) == state(asking)
        now += pause
        assert told(glancing.due(now)) == told(asking.due(now))
    assert told(glancing.flush(now)) == told(asking.flush(now))
    assert state(glancing) == state(asking)


def test_nearly_everything_passes_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above compares a judge with itself."""
    monkeypatch.setattr(Judge, "_case", lambda *given: pytest.fail("all policies were asked"))
    judge = Judge(PolicySet([policy("block", Condition(events=("*",), regex=Regex("zeta"), detect=("card",)))]), "openai")
    ids = {"event_id": "event_1", "response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
    for from_client, event in (
        (True, {"type": "input_audio_buffer.append", "audio": SOUND}),
        (False, {"type": "response.output_audio.delta", **ids, "delta": SOUND}),
        (False, delta("one word ")),
        (False, delta("and another")),
        (False, {"type": "input_audio_buffer.committed", **ids}),
    ):
        assert judge.judge(Frame(from_client, json.dumps(event).encode()), 1.0) == PASSES


ZETA = policy("block", Condition(events=("*",), regex=Regex("zeta")))
BESIDE: dict[str, dict[str, Any]] = {
    "a name": {"item_id": "zeta"},
    "the name of the message": {"event_id": "zeta"},
    "escapes inside a name": {"item_id": HIDDEN},
    "an object": {"more": {"more": "zeta"}},
    "an object with the same name in it": {"more": {"delta": "zeta"}},
    "an array": {"more": ["zeta"]},
    "much": {f"n{number}": "zeta" for number in range(100)},
    "something long": {"more": "a" * 2_000 + "zeta"},
}


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize(
    ("from_client", "event"),
    [
        (True, {"type": "input_audio_buffer.append", "audio": SOUND}),
        (False, {"type": "response.output_audio.delta", "delta": SOUND}),
        (False, delta("one word")),
        (True, {"type": "input_audio_buffer.commit"}),
    ],
)
def test_what_a_policy_finds_is_seen_wherever_it_stands(from_client: bool, event: dict[str, Any], beside: str) -> None:
    known = {"event_id": "e1", **event}
    for spaces in ((",", ":"), None):
        judge = Judge(PolicySet([ZETA]), "openai")
        assert judge.judge(Frame(from_client, json.dumps(known, separators=spaces).encode()), 1.0).verdict is None
        found = json.dumps({**known, **BESIDE[beside]}, separators=spaces)
        assert judge.judge(Frame(from_client, found.encode()), 1.0).stopped


@pytest.mark.parametrize("sound", [*(f"{SOUND}zeta{sign}{SOUND}" for sign in ' "@,:.é'), "QUJDzeta", "a" * 252 + "zeta"])
@pytest.mark.parametrize("before", [{}, {"more": "b" * 440}])
def test_what_is_no_sound_is_looked_at_in_its_place(sound: str, before: dict[str, Any]) -> None:
    for ensure_ascii in (True, False):
        judge = Judge(PolicySet([ZETA]), "openai")
        payload = json.dumps({"type": "response.output_audio.delta", **before, "delta": sound}, ensure_ascii=ensure_ascii).encode()
        assert judge.judge(Frame(False, payload), 1.0).stopped


@pytest.mark.parametrize(
    ("known", "other"),
    [
        ('{"type":"T","event_id":"e","more":"","delta":"RUN"}', '{"type":"T","event_id":"e","more":"RUN","delta":""}'),
        ('{"type":"T","event_id":"e","delta":"RUN"}', '{"type":"T","event_id":"RUN","delta":"e"}'),
        ('{"type":"T","event_id":"e","delta":"RUN"}', '{"type":"T","event_id":"e","delta":"RUN","more":"zeta"}'),
        ('{"type":"T","event_id":"e","delta":"RUN"}', '{"type":"T","event_id":"zeta","delta":"RUN"}'),
        ('{"type":"T","event_id":"e","delta":"RUN"}', '{"type":"T","event_id":"e","event_id":"e","delta":"RUN"}'),
        ('{"type":"T","delta":"RUN"}', '{"type":"T","delta"RUN:"zeta"}'),
        ('{"type":"T","delta":"RUN"}', '{"type":"T","delta":"RUN\x01"}'),
        ('{"type":"T","delta":"RUN"}', '{"type":"T","delta":"RUNé"}'),
        ('{"type":"T","delta":"RUN","event_id":"e"}', '{"type":"T","delta":"RUN","event_id":"zeta"}'),
    ],
)
def test_what_is_like_a_known_message_is_not_taken_for_it(known: str, other: str) -> None:
    judges = Judge(PolicySet([ZETA]), "openai"), Asking(PolicySet([ZETA]), "openai")
    for text in (known, known, other):
        payload = text.replace("T", "response.output_audio.delta").replace("RUN", f"{SOUND}zeta").encode("latin-1")
        first, second = (judge.judge(Frame(False, payload), 1.0) for judge in judges)
        assert first == second


def test_what_stands_around_sound_is_remembered_up_to_a_bound() -> None:
    judge = Judge(PolicySet([ZETA]), "openai")
    for number in range(1_000):
        ids = {"event_id": f"e{number}", "item_id": f"i{number // 10}"}
        event = {"type": "response.output_audio.delta", **ids, "delta": SOUND + str(number)}
        assert judge.judge(Frame(False, json.dumps(event, separators=(",", ":")).encode()), 1.0) == PASSES
        assert len(judge.policies.sieve.harmless_around[False]) == min(number // 10 + 1, 100)
    for number in range(1_000):
        event = {"type": "input_audio_buffer.append", "more": f"m{number}", "audio": SOUND}
        assert judge.judge(Frame(True, json.dumps(event).encode()), 1.0) == PASSES
        assert 0 < len(judge.policies.sieve.harmless_around[True]) <= 128


def test_sound_is_not_looked_at() -> None:
    judge = Judge(PolicySet([ZETA]), "openai")
    for sound in ("a" * 253 + "zeta", f"{SOUND}zeta{SOUND}"):
        assert judge.judge(Frame(False, json.dumps({"type": "response.output_audio.delta", "delta": sound}).encode()), 1.0) == PASSES


@pytest.mark.parametrize(
    "text",
    [
        f'{{"type":"input_audio_buffer.append","more":"zeta{SOUND}","audio":"="}}',
        f'{{"type":"input_audio_buffer.append","audio":"=","more":"zeta{SOUND}"}}',
        f'{{"type":"input_audio_buffer.append","audio":"{SOUND}","audio":"zeta"}}',
        f'{{"type":"input_audio_buffer.append","audio":"zeta","audio":"{SOUND}"}}',
        f'{{"type":"input_audio_buffer.append","audio":"{SOUND}","Type":"session.update"}}',
        f'{{"type":"input_audio_buffer.append","audio":"{SOUND}\x01"}}',
        f'{{"type":"input_audio_buffer.append","audio":"{SOUND}\xe9zeta"}}',
        f'{{"type":"input_audio_buffer.append","audio":"{SOUND}"}} zeta',
        f'{{"type":"input_audio_buffer.append","audio"{" " * 2_000}:"zeta"}}',
    ],
)
def test_what_only_seems_to_be_a_message_of_sound_does_not_pass(text: str) -> None:
    for encoding in ("utf-8", "latin-1"):
        assert Judge(PolicySet([ZETA]), "openai").judge(Frame(True, text.encode(encoding)), 1.0).stopped


@pytest.mark.parametrize("pieces", [["ze", "ta"], ["so it is z", "et", "a"], ['{"a": "z\\u00', "65ta"], ["é ze", "ta"], ["zeta"]])
def test_what_comes_in_pieces_is_seen_with_the_one_that_completes_it(pieces: list[str]) -> None:
    judge = Judge(PolicySet([ZETA]), "openai")
    *begun, last = (judge.judge(Frame(False, json.dumps(delta(piece)).encode()), 1.0).stopped for piece in pieces)
    assert last
    assert not any(begun)


CARDS = policy("redact", Condition(detect=("card",)))
ALLOWED = policy("allow", Condition(regex=Regex("one")))
PART = {"type": "agent_chat_response_part", "text_response_part": {"type": "delta", "text": "one word ", "event_id": 3}}
TALKS: dict[str, tuple[str, list[Policy], list[Policy], list[dict[str, Any]]]] = {
    "the end of a text": ("openai", [ZETA], [ZETA], [delta("one "), done("one"), delta("two")]),
    "a draft": ("openai", [ZETA], [ZETA], [{**delta("", "output_text"), "type": "response.output_text.text", "text": "one"}] * 2),
    "words held before": ("openai", [CARDS], [ZETA], [delta("one "), delta("two "), delta("three")]),
    "words held from now on": ("openai", [ZETA], [CARDS], [delta("one "), delta("two "), delta("three")]),
    "an allowed text": ("openai", [ALLOWED, ZETA], [ALLOWED, ZETA], [delta("one "), delta("zeta"), delta("two"), delta("zeta")]),
    "an interruption": ("elevenlabs", [ZETA], [ZETA], [PART, PART, {"type": "interruption"}, PART]),
    "more texts than may be open": ("openai", [ZETA], [ZETA], [delta("one ", item=f"i{number}") for number in range(70)]),
}


@pytest.mark.parametrize("name", TALKS)
def test_what_is_remembered_of_a_text_is_the_same(name: str) -> None:
    dialect, before, later, talk = TALKS[name]
    judges = [Judge(PolicySet(before), dialect), Asking(PolicySet(before), dialect)]
    for event in talk:
        first, second = (judge.judge(Frame(False, json.dumps(event).encode()), 1.0) for judge in judges)
        assert first == second
        assert state(judges[0]) == state(judges[1])
        for judge in judges:
            judge.policies = PolicySet(later)
    assert any(judge._streams.open or judge._streams.has_spoken for judge in judges)
