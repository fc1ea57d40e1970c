"""Bodies of requests for ephemeral keys: what is read in them, what the provider gets, what the app is given back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.beta.realtime.session_create_response import SessionCreateResponse
from openai.types.realtime import ClientSecretCreateResponse
from openai.types.realtime import RealtimeTranslationClientSecretCreateResponse

from providers.base import EndpointName
from providers.base import Family
from providers.base import ProviderError
from providers.minted import Answer
from providers.minted import local_answer
from providers.minting import Wish
from providers.minting import read_wish
from providers.minting import session_in
from providers.minting import shaped

ASR = {"audio": {"input": {"transcription": {"model": "whisper"}}}}
JSON = "application/json; charset=utf-8"


def read(body: Any, endpoint: EndpointName = "client_secrets", content_type: str = JSON) -> Wish:
    return read_wish(endpoint, content_type, body if isinstance(body, bytes) else json.dumps(body).encode())


def upstream(
    body: Any, endpoint: EndpointName = "client_secrets", family: Family = "realtime", seconds: int | None = None
) -> dict[str, Any]:
    """What the provider gets, for models that it knows by names of its own."""
    wish = read(body, endpoint)
    asr = f"up-{wish.asr}" if wish.asr else None
    return shaped(wish, endpoint, family, model=f"up-{wish.model}", asr=asr, seconds=wish.seconds if seconds is None else seconds)


def test_the_root_model_goes_into_the_session_and_other_keys_stay() -> None:
    sent = {"model": "m", "x": [1], "session": {"instructions": "hi", "audio": {"output": {"voice": "marin"}}}}
    made = upstream(sent)
    assert made == {
        "x": [1],
        "session": {"type": "realtime", "model": "up-m", "instructions": "hi", "audio": {"output": {"voice": "marin"}}},
    }


@pytest.mark.parametrize(
    ("body", "model", "asr", "transcribes"),
    [
        ({"session": {"model": " a "}, "model": "b"}, "a", None, False),
        ({"session": {"model": "  "}, "model": "b"}, "b", None, False),
        ({"model": "b"}, "b", None, False),
        ({"session": None, "model": "b"}, "b", None, False),
        ({"session": ASR}, "whisper", "whisper", True),
        ({"session": ASR, "model": "b"}, "b", "whisper", False),
        ({"session": {**ASR, "type": "transcription"}, "model": "b"}, "b", "whisper", True),
        ({"session": {"type": "transcription"}, "model": "b"}, "b", None, True),
    ],
)
def test_which_model_is_meant(body: Any, model: str, asr: str | None, transcribes: bool) -> None:
    wish = read(body)
    assert (wish.model, wish.asr, wish.transcribes) == (model, asr, transcribes)


def test_a_session_that_only_transcribes_has_no_model_of_its_own() -> None:
    assert upstream({"session": ASR}) == {
        "session": {"type": "transcription", "audio": {"input": {"transcription": {"model": "up-whisper"}}}},
    }


def test_a_root_model_of_a_session_that_transcribes_is_the_one_that_does() -> None:
    assert upstream({"session": {"type": "transcription"}, "model": "b"}) == {
        "session": {"type": "transcription", "audio": {"input": {"transcription": {"model": "up-b"}}}},
    }


def test_both_models_of_a_session_that_talks_are_named_as_the_provider_knows_them() -> None:
    session = upstream({"session": {**ASR, "model": "m"}})["session"]
    assert (session["type"], session["model"]) == ("realtime", "up-m")
    assert session["audio"]["input"]["transcription"]["model"] == "up-whisper"


@pytest.mark.parametrize("kind", ["realtime", "transcription", "another"])
def test_a_type_that_was_sent_stays(kind: str) -> None:
    assert upstream({"session": {"type": kind, "model": "m"}})["session"]["type"] == kind


def test_a_session_that_translates_has_no_type() -> None:
    sent = {"session": {"model": "t", "audio": {"output": {"language": "de"}}}}
    assert upstream(sent, family="translation") == {"session": {"model": "up-t", "audio": {"output": {"language": "de"}}}}


@pytest.mark.parametrize("broken", ["x", 7, [], {"input": "x"}, {"input": {"transcription": []}}])
def test_what_has_a_wrong_type_is_left_for_the_provider_to_refuse(broken: Any) -> None:
    session = {"type": "transcription", "audio": broken}
    assert upstream({"session": session, "model": "b"})["session"]["audio"] == broken


def test_the_beta_has_its_session_at_the_root_whose_own_keys_win() -> None:
    sent = {"voice": "ash", "session": {"voice": "sage", "instructions": "hi", "model": "m"}, "model": "other"}
    assert upstream(sent, "sessions") == {"voice": "ash", "instructions": "hi", "model": "up-m"}


@pytest.mark.parametrize("below", [False, True])
def test_the_betas_transcription_names_its_model_below_input_audio_transcription(below: bool) -> None:
    inner = {"input_audio_transcription": {"model": "w", "language": "de"}}
    sent = {"session": inner} if below else inner
    assert read(sent, "transcription_sessions").transcribes
    expected = {"input_audio_transcription": {"model": "up-w", "language": "de"}}
    assert upstream(sent, "transcription_sessions") == expected


def test_a_beta_session_that_talks_and_transcribes_keeps_both() -> None:
    sent = {"model": "m", "input_audio_transcription": {"model": "w"}}
    assert upstream(sent, "sessions") == {"model": "up-m", "input_audio_transcription": {"model": "up-w"}}


def test_a_model_at_the_root_of_the_betas_transcription_is_the_one_that_transcribes() -> None:
    assert upstream({"model": "w"}, "transcription_sessions") == {"input_audio_transcription": {"model": "up-w"}}


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON ; charset=utf-8", "application/vnd.x+json"])
def test_json_by_any_of_its_names_is_read(content_type: str) -> None:
    assert read({"model": "m"}, content_type=content_type).model == "m"


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", "application/jsonx"]
)
def test_anything_else_is_refused(content_type: str) -> None:
    with pytest.raises(ProviderError, match="send application/json") as refused:
        read({"model": "m"}, content_type=content_type)
    assert (refused.value.status, refused.value.code) == (400, "invalid_body")


BROKEN = [
    (b"", "not JSON"),
    (b"{", "not JSON"),
    (b'{"model": NaN}', "not JSON"),
    (b"\xff\xff", "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"[]", "the body has to be a JSON object"),
    (b'"x"', "the body has to be a JSON object"),
    ({"model": "m", "session": []}, "session has to be a JSON object"),
    ({"model": "m", "session": "x"}, "session has to be a JSON object"),
    ({"model": 7}, "model has to be a text"),
    ({"session": {"model": {}}}, "session.model has to be a text"),
    ({"model": "m", "session": {"type": {}}}, "session.type has to be a text"),
    ({"session": {"audio": {"input": {"transcription": {"model": 1}}}}}, "the transcription model has to be a text"),
    ({"model": "m", "voicetap": []}, "voicetap has to be a JSON object"),
    ({"model": "m", "voicetap": {"single_use": "yes"}}, "single_use has to be true or false"),
    *(({"model": "m", "voicetap": {"origin": origin}}, "has to be an origin") for origin in ("*", "null", "app.example", "https://a/b")),
    ({"model": "m", "voicetap": {"origin": "https://user@a"}}, "has to be an origin"),
    ({"model": "m", "voicetap": {"origin": "http://[::1"}}, "has to be an origin"),
    *(({"model": "m", "expires_after": {"seconds": value}}, "from 10 to 7200") for value in (9, 7201, "600", 60.5, True, None)),
    ({"model": "m", "client_secret": {"expires_after": {"seconds": 1}}}, "from 10 to 7200"),
]


@pytest.mark.parametrize(("body", "told"), BROKEN)
def test_a_broken_body_is_refused_with_what_is_wrong(body: Any, told: str) -> None:
    with pytest.raises(ProviderError, match=told) as refused:
        read(body)
    assert (refused.value.status, refused.value.code) == (400, "invalid_body")


@pytest.mark.parametrize("endpoint", ["client_secrets", "sessions", "transcription_sessions"])
@pytest.mark.parametrize("body", [{}, {"session": {}}, {"model": " "}, {"session": {"audio": {"input": None}}}])
def test_no_model_is_refused(endpoint: EndpointName, body: Any) -> None:
    with pytest.raises(ProviderError) as refused:
        read(body, endpoint)
    assert (refused.value.status, refused.value.code) == (400, "missing_model")


def test_what_is_meant_for_us_alone_goes_no_further() -> None:
    sent = {"model": "m", "voicetap": {"single_use": True, "origin": " https://App.Example "}}
    wish = read(sent)
    assert (wish.single_use, wish.origin, wish.seconds) == (True, "https://app.example", 600)
    assert "voicetap" not in upstream(sent)
    assert "voicetap" not in upstream(sent, "sessions")


@pytest.mark.parametrize("place", ["expires_after", "client_secret"])
def test_the_life_that_was_granted_is_the_one_asked_of_the_provider(place: str) -> None:
    asked = {"anchor": "created_at", "seconds": 7200}
    body = {"model": "m", place: asked if place == "expires_after" else {"expires_after": asked}}
    assert read(body).seconds == 7200
    sent = upstream(body, seconds=300)[place]
    assert (sent if place == "expires_after" else sent["expires_after"]) == {"anchor": "created_at", "seconds": 300}
    assert asked["seconds"] == 7200


def test_no_life_is_asked_where_the_app_asked_none() -> None:
    assert upstream({"model": "m"}, seconds=60) == {"session": {"type": "realtime", "model": "up-m"}}


def test_reading_and_shaping_change_nothing_that_was_read() -> None:
    wish = read({"session": ASR, "expires_after": {"seconds": 60}})
    before = json.dumps(wish.body)
    shaped(wish, "client_secrets", "realtime", model="x", asr="y", seconds=10)
    shaped(wish, "sessions", "realtime", model="x", asr="y", seconds=10)
    assert json.dumps(wish.body) == before


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["session", "model", "type", "audio", "input", "transcription", "voicetap", "expires_after", "client_secret", "seconds"]
)
BODIES = st.dictionaries(NAMES, JSON_VALUES | st.dictionaries(NAMES, JSON_VALUES | st.dictionaries(NAMES, JSON_VALUES)))


@given(BODIES, st.sampled_from(["client_secrets", "sessions", "transcription_sessions"]), st.sampled_from(["realtime", "translation"]))
def test_any_body_is_refused_or_shaped(body: Any, endpoint: EndpointName, family: Family) -> None:
    try:
        wish = read(body, endpoint)
    except ProviderError as refused:
        assert refused.status == 400
        return
    made = shaped(wish, endpoint, family, model="up", asr="asr" if wish.asr else None, seconds=30)
    assert "voicetap" not in made and isinstance(session_in(made, endpoint), dict)


GA = {"value": "ek_theirs_123", "expires_at": 1000, "session": {"id": "sess_1", "type": "realtime"}}
BETA = {"id": "sess_1", "client_secret": {"value": "ek_theirs_123", "expires_at": 1000}, "voice": "é"}


@pytest.mark.parametrize("answer", [GA, BETA, {"session": {"client_secret": {"value": "ek_theirs_123", "expires_at": 1000}}}])
def test_the_key_in_an_answer_is_replaced_and_all_else_stays(answer: dict[str, Any]) -> None:
    raw = json.dumps(answer)
    found = Answer(raw.encode())
    assert (found.secret, found.expires_at) == ("ek_theirs_123", 1000)
    assert json.loads(found.rewritten("ek_vt_ours", 900)) == json.loads(raw.replace("ek_theirs_123", "ek_vt_ours").replace("1000", "900"))


def test_a_key_in_several_places_is_replaced_in_all() -> None:
    answer = Answer(json.dumps({**GA, "session": {"client_secret": {"value": "ek_theirs_123", "expires_at": 9}}}).encode())
    assert b"theirs" not in answer.rewritten("ek_vt_ours", 900)


def test_a_member_that_comes_twice_hides_no_key() -> None:
    assert b"theirs" not in Answer(b'{"value":"ek_theirs_1","value":"ek_theirs_2"}').rewritten("ek_vt_ours", 900)


@pytest.mark.parametrize("expires", [None, "soon", True, -1, 0, 1.5])
def test_an_expiry_that_is_no_time_is_none(expires: Any) -> None:
    assert Answer(json.dumps({"value": "ek_1", "expires_at": expires}).encode()).expires_at is None


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"ek_1"', b"{}", b'{"value":7}', b'{"value":""}', b'{"client_secret":"ek_1"}', b"[" * 100_000]
)
def test_an_answer_without_a_key_is_an_error(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"it (is not JSON|has no key)"):
        Answer(raw)


def made_here(body: Any, endpoint: EndpointName = "client_secrets", family: Family = "realtime") -> dict[str, Any]:
    session = session_in(upstream(body, endpoint, family), endpoint)
    return local_answer(endpoint, session, "sess_x", "ek_vt_x", 1234)


@pytest.mark.parametrize(
    "body",
    [
        {"session": {"model": "m", "instructions": "hi", "tools": []}},
        {"session": {"type": "realtime", **ASR, "model": "m"}},
        {"session": ASR},
    ],
)
def test_an_answer_of_our_own_is_one_that_the_openai_package_reads(body: Any) -> None:
    read_back = ClientSecretCreateResponse.model_validate(made_here(body), strict=True)
    assert (read_back.value, read_back.expires_at, read_back.session.id) == ("ek_vt_x", 1234, "sess_x")
    assert read_back.session.type == ("realtime" if "model" in body["session"] else "transcription")


def test_so_is_one_for_a_translation() -> None:
    made = made_here({"session": {"model": "t"}}, family="translation")
    assert RealtimeTranslationClientSecretCreateResponse.model_validate(made, strict=True).session.model == "up-t"


def test_so_is_one_of_the_beta() -> None:
    made = made_here({"model": "m", "voice": "ash", "client_secret": {"expires_after": {"seconds": 60}}}, "sessions")
    read_back = SessionCreateResponse.model_validate(made, strict=True)
    assert read_back.client_secret is not None
    assert (read_back.client_secret.value, read_back.client_secret.expires_at, read_back.voice) == ("ek_vt_x", 1234, "ash")
    assert made["object"] == "realtime.session"
