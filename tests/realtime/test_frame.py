"""Reading a frame's type is exact: whatever hides a key, the type is the one that a JSON parser would see."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from realtime.frame import MAX_DEPTH
from realtime.frame import Frame


def frame(payload: str | bytes) -> Frame:
    return Frame(True, payload.encode(errors="surrogatepass") if isinstance(payload, str) else payload)


LONG = "A" * 6_000


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ('{"type":"session.update"}', "session.update"),
        ('{"type":"a","type":"b"}', "b"),
        (r'{"\u0074ype":"b"}', "b"),
        (r'{"type":"a","\u0074ype":"b"}', "b"),
        (r'{"type":"session\u002eupdate"}', "session.update"),
        ('{"session":{"type":"realtime"},"type":"session.update"}', "session.update"),
        ('{"session":{"type":"realtime"}}', ""),
        ('{"item":{"x":[{"type":"inner"}]},"audio":"' + LONG + '","type":"last"}', "last"),
        ('{"audio":"' + LONG + '","type":"last"}', "last"),
        ('{"type":"first","audio":"' + LONG + '"}', "first"),
        ('{"type":"first","audio":"' + LONG + '","type":"last"}', "last"),
        ('{"type":"first","more":"' + "b" * 477 + '","type":"last","x":"' + LONG[:200] + '"}', "last"),
        ('{"type":"first","more":"' + "b" * 483 + '","type":"last","x":"' + LONG[:120] + '"}', "last"),
        ('{"type":"first","audio":"' + LONG[:3000] + '","type":"last","x":"' + LONG[:3000] + '"}', "last"),
        (' \r\n\t{ "type" : "spaced" } \n', "spaced"),
        ('{"value":"type","type":"x"}', "x"),
        ('{"type":"x","value":NaN,"more":1E400}', "x"),
        ('{"type":"x","value":-0.0,"big":123456789012345678901234567890}', "x"),
        ('{"type":5}', ""),
        ('{"type":null}', ""),
        ('{"type":["a"]}', ""),
        ('{"type":"x","item_id":7,"delta":{"a":1}}', "x"),
        ('{"Type":"x"}', ""),
        ("{}", ""),
        (b'{"type":"\xc3\xa9"}', "é"),
        ('{"type":"\\ud83d\\ude00"}', "😀"),
    ],
)
def test_the_type_is_the_one_a_parser_sees(payload: str | bytes, kind: str) -> None:
    assert frame(payload).type == kind
    event = json.loads(payload)
    assert kind == (event.get("type") if isinstance(event.get("type"), str) else "")


@pytest.mark.parametrize(
    ("payload", "flaw"),
    [
        ('[{"type":"a"}]', "not a JSON object"),
        ('"type"', "not a JSON object"),
        ("", "invalid JSON"),
        ('{"type":"a"', "invalid JSON"),
        ('{"type":"a"} {"type":"b"}', "invalid JSON"),
        ("{'type':'a'}", "invalid JSON"),
        ('\ufeff{"type":"a"}', "invalid JSON"),
        (b'{"type":"\xff"}', "not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        ("[" * 100_000, "nested too deeply"),
        ('{"x":' + "[" * 100_000 + "]" * 100_000 + ',"type":"a"}', "nested too deeply"),
    ],
)
def test_what_is_no_event_has_no_type_and_says_why(payload: str | bytes, flaw: str) -> None:
    read = frame(payload)
    assert read.type == ""
    assert read.event is None
    assert read.flaw == flaw


def test_a_number_too_long_to_read_leaves_the_type_and_no_event() -> None:
    read = frame('{"type":"a","n":' + "9" * 5_000 + "}")
    assert (read.type, read.event, read.flaw) == ("a", None, "a number with too many digits")


def test_nesting_up_to_the_limit_is_read_and_beyond_it_is_not() -> None:
    def nested(levels: int) -> Frame:
        return frame('{"type":"a","x":' + "[" * (levels - 1) + "1" + "]" * (levels - 1) + "}")

    assert nested(MAX_DEPTH).event is not None
    deeper = nested(MAX_DEPTH + 1)
    assert (deeper.type, deeper.event) == ("a", None)
    assert deeper.flaw == f"nested deeper than {MAX_DEPTH} levels"


def test_a_duplicate_key_is_read_and_noted() -> None:
    read = frame('{"type":"a","x":1,"x":2}')
    assert read.type == "a"
    assert read.event == {"type": "a", "x": 2}
    assert read.flaw == "duplicate key 'x'"


@pytest.mark.parametrize("key", ["Type", "TYPE", r"T\u0079pe"])
@pytest.mark.parametrize("sound", ["AAAA", LONG])
def test_a_second_spelling_of_type_is_noted_of_what_clients_say(key: str, sound: str) -> None:
    payload = f'{{"type":"input_audio_buffer.append","audio":"{sound}","{key}":"session.update"}}'
    read = frame(payload)
    assert (read.type, read.flaw) == ("input_audio_buffer.append", "a second spelling of 'type'")
    said = Frame(False, payload.encode())
    assert (said.type, said.flaw) == ("input_audio_buffer.append", None)


def test_a_lone_surrogate_is_kept_in_the_event_and_replaced_in_the_head() -> None:
    read = frame(r'{"type":"a","delta":"x\ud800"}')
    assert read.event == {"type": "a", "delta": "x\ud800"}
    assert bytes(read.head.delta) == b'"x?"'


def test_the_hot_fields() -> None:
    plain = frame('{"type":"d","event_id":"e","response_id":"r","item_id":"i","delta":"AAAA","audio":"BB=="}')
    escaped = frame(r'{"type":"d","event_id":"e","response_id":"r","item_id":"i","delta":"AA\u0041A","audio":"BB=="}')
    for head in (plain.head, escaped.head):
        assert (head.type, head.event_id, head.response_id, head.item_id) == ("d", "e", "r", "i")
        assert (bytes(head.delta), bytes(head.audio)) == (b'"AAAA"', b'"BB=="')


NAMES = st.sampled_from(["type", "delta", "audio", "item_id", "x", "typ", "Type", 'a"type', "\ud800", "é"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["type", '"type"', LONG]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.booleans())
def test_any_object_has_the_type_its_last_key_says(pairs: list[tuple[str, Any]], escaped: bool) -> None:
    members = (json.dumps(name, ensure_ascii=escaped) + ": " + json.dumps(value, ensure_ascii=escaped) for name, value in pairs)
    payload = ("{" + ", ".join(members) + "}").encode(errors="replace")
    last = json.loads(payload).get("type")
    assert frame(payload).type == (last if isinstance(last, str) else "")


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_flawed(payload: bytes) -> None:
    read = frame(payload)
    assert (read.event is None) == (read.flaw is not None and not read.flaw.startswith(("duplicate", "a second")))
    assert isinstance(read.type, str)


ESCAPES = st.sampled_from(['"', "\\", "\\\\", '\\"', '\\\\"', r"\u0074ype", r"\ud800", r"\ud83d\ude00", "é", "\n", "\x01", "a", "type"])
LITERALS = ["1", "-0", "-0.0", "1e5", "1E400", "123456789012345678901", "9" * 4400, "NaN", "true", "null", "01", ""]
JSON = st.recursive(
    st.one_of(
        st.lists(ESCAPES, max_size=4).map(lambda pieces: f'"{"".join(pieces)}"'),
        st.sampled_from(['"type"', '"a"', '"Type"', f'"{LONG}"', *LITERALS]),
        st.floats().map(repr),
        st.text(max_size=5).map(json.dumps),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda made: f"[{','.join(made)}]"),
        st.lists(st.tuples(inner, inner), max_size=4).map(lambda made: f"{{{','.join(f'{key}:{value}' for key, value in made)}}}"),
    ),
    max_leaves=12,
)
"""What may be JSON: keys that stand twice, escapes whole and broken, numbers that parsers differ about."""


@settings(max_examples=400, deadline=None)
@given(JSON, st.sampled_from(["", " ", "\ufeff", "}", ",1"]), st.booleans())
def test_a_message_read_at_once_is_what_the_careful_reader_makes_of_it(text: str, behind: str, from_client: bool) -> None:
    for written in (text, f'{{"type":"a","x":{text}}}', f'{{"type":{text},"audio":"{LONG}"}}'):
        payload = (written + behind).encode(errors="surrogatepass")
        read, careful = Frame(from_client, payload), Frame(from_client, payload)
        event = careful._parse()
        assert (repr(read.event), read.flaw) == (repr(event), careful.flaw)


def test_a_repeated_key_does_not_hide_behind_escapes() -> None:
    read = frame(r'{"type":"a","x":"\\","y":"\\","z":1,"z":2}')
    assert read.event is not None
    assert read.flaw == "duplicate key 'z'"


def test_a_plain_message_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above compares the careful reader with itself."""
    monkeypatch.setattr(Frame, "_parse", lambda self: pytest.fail("was read with care"))
    for payload in ('{"type":"a","audio":"' + LONG + '"}', r'{"type":"a","delta":"so\n\"it\u00e9\" is","x":[{"y":[1.5,null]}]}'):
        assert frame(payload).event == json.loads(payload)
