"""Client secrets are minted at the provider or here: what the provider gets, what the app is given, what is refused before and after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from mintserver import LIFE
from mintstage import BUSY
from mintstage import CLIENT
from mintstage import SHORT
from mintstage import SHORT_LIFE
from mintstage import UPSTREAM
from mintstage import Stage
from mintstage import minting
from openai import AsyncOpenAI
from openai import OpenAIError
from openai.types.realtime import ClientSecretCreateResponse
from proxying import KEY
from proxying import OTHER_KEY

from store.state import State
from store.tokens import MOST_OF_A_KEY
from store.tokens import Tokens

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with minting(tmp_path_factory.mktemp("mint")) as made:
        yield made


GA = "/v1/realtime/client_secrets"
TRANSLATION = "/v1/realtime/translations/client_secrets"
BETA = "/v1/realtime/sessions"
BETA_ASR = "/v1/realtime/transcription_sessions"
ASR = {"audio": {"input": {"transcription": {"model": "gpt-transcribe"}}}}


def talking(model: str, **more: Any) -> dict[str, Any]:
    return {"session": {"type": "realtime", "model": model, **more}}


SHAPES = [
    ("up", GA, talking("up/m"), "POST /v1/realtime/client_secrets", "authorization", talking("m")),
    ("up", "/openai/v1/realtime/client_secrets", {"model": "up/m"}, "POST /v1/realtime/client_secrets", "authorization", talking("m")),
    ("up", "/up/v1/realtime/client_secrets", talking("m"), "POST /v1/realtime/client_secrets", "authorization", talking("m")),
    (
        "up",
        f"/up{GA}",
        {"session": ASR, "extra": 1},
        "POST /v1/realtime/client_secrets",
        "authorization",
        {"session": {"type": "transcription", **ASR}, "extra": 1},
    ),
    ("up", f"/up{TRANSLATION}", {"session": {"model": "t"}}, f"POST {TRANSLATION}", "authorization", {"session": {"model": "t"}}),
    ("up", f"/up{BETA}", {"model": "m", "voice": "ash"}, f"POST {BETA}", "authorization", {"model": "m", "voice": "ash"}),
    (
        "up",
        f"/up{BETA_ASR}",
        {"input_audio_transcription": {"model": "w"}},
        f"POST {BETA_ASR}",
        "authorization",
        {"input_audio_transcription": {"model": "w"}},
    ),
    ("azure", GA, talking("azure/gpt-realtime"), "POST /openai/v1/realtime/client_secrets", "api-key", talking("dep-rt")),
    (
        "azure",
        GA,
        talking("gpt-realtime", **ASR),
        "POST /openai/v1/realtime/client_secrets",
        "api-key",
        talking("dep-rt", audio={"input": {"transcription": {"model": "dep-asr"}}}),
    ),
    (
        "preview",
        f"/preview{BETA}",
        {"session": {"voice": "ash"}, "model": "d"},
        "POST /openai/realtimeapi/sessions?api-version=2025-04-01-preview",
        "api-key",
        {"voice": "ash", "model": "d"},
    ),
    ("grok", GA, talking("grok/grok-voice-latest"), "POST /v1/realtime/client_secrets", "authorization", talking("grok-voice-latest")),
    (
        "eleven",
        "/v1/convai/realtime/client_secrets",
        talking("e"),
        "POST /v1/convai/realtime/client_secrets",
        "authorization",
        talking("e"),
    ),
    ("comp", GA, talking("comp/meta/llama"), "POST /api/v1/realtime/client_secrets", "authorization", talking("meta/llama")),
]


@pytest.mark.parametrize(("provider", "path", "body", "line", "auth", "sent"), SHAPES)
async def test_what_a_provider_gets_and_what_the_app_is_given(
    stage: Stage, provider: str, path: str, body: Any, line: str, auth: str, sent: Any
) -> None:
    answer = await stage.post(path, body)
    assert answer.status_code == 200, answer.text
    asked = stage.up.seen[-1]
    assert (asked.line, asked.json) == (f"{line} HTTP/1.1", sent)
    assert asked.headers[auth].removeprefix("Bearer ") == UPSTREAM
    assert ("openai-beta" in asked.headers) == (provider == "up" and path.endswith("sessions"))
    assert KEY.encode() not in asked.received
    made = answer.json()
    place = made.get("client_secret", made)
    assert place["value"].startswith("ek_vt_") and len(place["value"]) == 49
    assert stage.up.keys[-1] not in answer.text
    assert time.time() < place["expires_at"] <= time.time() + LIFE
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/json", "no-store")


async def test_what_is_asked_of_us_alone_stays_here(stage: Stage) -> None:
    wanted = {**talking("up/m"), "voicetap": {"single_use": True, "origin": "https://app.example"}}
    await stage.post(GA, wanted)
    assert stage.up.seen[-1].json == talking("m")
    [kept] = [token for token in Tokens(State(stage.proxy.data)).all() if token.origin is not None]
    assert (kept.single_use, kept.origin, kept.principal, kept.provider) == (True, "https://app.example", "tester", "up")


async def test_the_headers_that_travel(stage: Stage) -> None:
    headers = {
        "OpenAI-Safety-Identifier": "user-1",
        "X-OpenAI-Agents-SDK": "0.20",
        "OpenAI-Organization": "org",
        "X-Tenant": "t",
        "OpenAI-Beta": "assistants=v2",
        "Cookie": f"k={CLIENT}",
        "X-Api-Key": CLIENT,
        "Accept-Encoding": "gzip",
        "Traceparent": "00-1",
    }
    await stage.post(f"{GA}?key={CLIENT}", talking("up/m"), key=CLIENT, headers=headers)
    sent = stage.up.seen[-1].headers
    assert sent["openai-safety-identifier"] == "user-1" and sent["x-tenant"] == "t" and sent["openai-organization"] == "org"
    assert not {"openai-beta", "cookie", "x-api-key", "accept-encoding", "traceparent", "origin"} & set(sent)
    assert CLIENT.encode() not in stage.up.seen[-1].received


async def test_a_key_that_stands_in_the_body_goes_no_further(stage: Stage) -> None:
    answer = await stage.post(GA, talking("up/m", instructions=f"my key is {CLIENT}"), key=CLIENT)
    assert answer.status_code == 200
    assert CLIENT.encode() not in stage.up.seen[-1].received
    assert b"[redacted by voicetap]" in stage.up.seen[-1].body


BAD = [
    ({"x": 1}, 400, "missing_model"),
    ({"session": []}, 400, "invalid_body"),
    (b"{", 400, "invalid_body"),
    (b"", 400, "invalid_body"),
    ({**talking("up/m"), "expires_after": {"anchor": "created_at", "seconds": 5}}, 400, "invalid_body"),
    ({**talking("up/m"), "expires_after": {"anchor": "created_at", "seconds": 7201}}, 400, "invalid_body"),
    (talking("nobody/m"), 400, "unknown_provider"),
    (talking("m"), 400, "unknown_model"),
    (talking("gem/m"), 501, "unsupported_endpoint"),
    (talking("preview/m"), 501, "unsupported_endpoint"),
    (talking("unset/m"), 502, "provider_not_usable"),
    (talking("up/m", instructions="x" * (128 << 10)), 413, "body_too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), BAD)
async def test_what_is_refused_before_a_provider_is_asked(stage: Stage, body: Any, status: int, code: str) -> None:
    assert await stage.refused(GA, body) == (status, code)


async def test_only_json_is_read(stage: Stage) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert await stage.refused(GA, talking("up/m"), headers={"Content-Type": content_type}) == (400, "invalid_body")
    assert (await stage.post(GA, talking("up/m"), headers={"Content-Type": "application/vnd.api+json"})).status_code == 200
    assert stage.up.seen[-1].headers["content-type"] == "application/json"


async def test_a_provider_without_them_says_what_to_write(stage: Stage) -> None:
    answer = await stage.post(GA, talking("gem/m"))
    assert "mint: local" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", [GA, TRANSLATION, BETA, BETA_ASR])
async def test_they_are_posted_with_a_good_key(stage: Stage, path: str) -> None:
    assert await stage.refused(path, talking("up/m"), key=None) == (401, "missing_api_key")
    assert await stage.refused(path, talking("up/m"), key="vt_wrong") == (401, "invalid_api_key")
    assert (await stage.http.get(stage.proxy.url(path, "http"), headers={"Authorization": f"Bearer {KEY}"})).status_code == 405


async def test_the_models_of_a_key_hold_when_it_mints(stage: Stage) -> None:
    forbidden = [
        talking("up/gpt-4o"),
        {"session": ASR | {"model": "up/other"}},
        talking("up/gpt-realtime", audio={"input": {"transcription": {"model": "whisper"}}}),
        {"model": "up/whisper", "session": {"type": "transcription"}},
        talking("up/gpt-realtime", input_audio_transcription={"model": "whisper"}),
    ]
    for body in forbidden:
        assert await stage.refused(GA, body, key=OTHER_KEY) == (403, "model_not_allowed")
    assert (await stage.post(GA, talking("up/gpt-realtime", **ASR), key=OTHER_KEY)).status_code == 200


async def test_an_ephemeral_key_makes_no_others(stage: Stage) -> None:
    made = (await stage.post(GA, talking("up/m"))).json()["value"]
    for path in (GA, BETA, TRANSLATION):
        assert await stage.refused(path, talking("up/m"), key=made) == (403, "key_needed")


async def test_what_a_provider_says_about_its_limits_is_passed_on(stage: Stage) -> None:
    for model, status in (("up/say-limits", 200), ("up/say-429", 429)):
        answer = await stage.post(GA, talking(model))
        assert answer.status_code == status
        told = {name: value for name, value in answer.headers.items() if name.startswith(("x-", "retry"))}
        assert told == {"retry-after": "17", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-tokens": "6m0s"}
    assert (await stage.post(GA, talking("up/say-created"))).status_code == 201


REFUSALS = [
    ("say-400", 400, "bad_voice", "session.audio"),
    ("say-429", 429, "rate_limit_exceeded", None),
    ("say-401", 502, "upstream_refused", None),
    ("say-403", 502, "upstream_refused", None),
    ("say-500", 500, "upstream_refused", None),
    ("say-503", 503, "upstream_refused", None),
    ("say-redirect", 502, "upstream_refused", None),
    ("say-html", 502, "bad_answer", None),
    ("say-empty", 502, "bad_answer", None),
    ("say-nothing", 504, "upstream_timeout", None),
]


@pytest.mark.parametrize(("model", "status", "code", "param"), REFUSALS)
async def test_what_an_app_reads_when_a_provider_refuses(stage: Stage, model: str, status: int, code: str, param: str | None) -> None:
    answer = await stage.post(GA, talking(f"up/{model}"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert UPSTREAM not in answer.text
    assert (await stage.post(GA, talking("up/m"))).status_code == 200, "the connection is still good"


async def test_a_provider_that_is_not_there(stage: Stage) -> None:
    answer = await stage.post(GA, talking("dead/m"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")


async def test_nothing_that_a_provider_repeats_gets_through(stage: Stage) -> None:
    answer = await stage.post(GA, talking("up/say-echo"), key=CLIENT)
    everything = str(answer.headers) + answer.text
    assert answer.status_code == 200 and answer.json()["value"].startswith("ek_vt_")
    assert UPSTREAM not in everything and stage.up.keys[-1] not in everything
    assert "[redacted by voicetap]" in answer.text
    assert not {"x-debug", "set-cookie", "x-key", "x-ratelimit-debug"} & set(answer.headers)


async def expiry(stage: Stage, body: Any, key: str = KEY) -> float:
    """Seconds until the key expires that was minted with this."""
    answer = await stage.post(GA, body, key=key)
    assert answer.status_code == 200, answer.text
    found: float = answer.json()["expires_at"] - time.time()
    return found


def after(seconds: int, model: str = "up/say-never") -> dict[str, Any]:
    return {**talking(model), "expires_after": {"anchor": "created_at", "seconds": seconds}}


async def test_it_expires_when_the_first_of_all_says_so(stage: Stage) -> None:
    assert 595 < await expiry(stage, talking("up/say-never")) <= 600
    assert 595 < await expiry(stage, talking("up/say-no-expiry")) <= 600
    assert 25 < await expiry(stage, after(30)) <= 30
    assert LIFE - 5 < await expiry(stage, after(7200, "up/m")) <= LIFE, "the provider's own"
    assert 3595 < await expiry(stage, after(7200)) <= 3600, "client_secrets.expires of the rules"
    assert stage.up.seen[-1].json["expires_after"] == {"anchor": "created_at", "seconds": 3600}
    assert await expiry(stage, after(7200), SHORT) <= SHORT_LIFE.total_seconds(), "the key that it belongs to"
    assert await expiry(stage, talking("up/say-past")) < 0


LOCAL = [
    (GA, talking("here/m", instructions="hi")),
    (GA, {"session": ASR, "model": "here/m"}),
    (GA, {"session": {"type": "transcription", **ASR}, "model": "here/gpt-transcribe"}),
]


@pytest.mark.parametrize(("path", "body"), LOCAL)
async def test_one_made_here_asks_nobody_and_reads_the_same(stage: Stage, path: str, body: Any) -> None:
    before = len(stage.up.seen)
    answer = await stage.post(path, body)
    assert answer.status_code == 200 and len(stage.up.seen) == before
    made = ClientSecretCreateResponse.model_validate(answer.json(), strict=True)
    assert made.value.startswith("ek_vt_") and 595 < made.expires_at - time.time() <= 600
    assert made.session.id.startswith("sess_")
    assert b"voicetap" not in answer.content


async def test_one_made_here_in_the_betas_shape(stage: Stage) -> None:
    made = (await stage.post(f"/here{BETA}", {"model": "m", "voice": "ash"})).json()
    assert (made["model"], made["voice"], made["object"]) == ("m", "ash", "realtime.session")
    assert made["client_secret"]["value"].startswith("ek_vt_")


async def test_a_key_has_a_thousand_and_no_more(stage: Stage) -> None:
    assert (await stage.post(GA, talking("here/m"), key=BUSY)).status_code == 200
    state = State(stage.proxy.data)
    [document] = [row for row in state.tokens.all() if row["principal"] == "busy"]
    state.tokens.insert_multiple({**document, "id": f"tok_{number}", "hash": f"sha256:{number}"} for number in range(MOST_OF_A_KEY - 1))
    answer = await stage.post(GA, talking("here/m"), key=BUSY)
    assert (answer.status_code, answer.json()["error"]["code"], answer.headers["retry-after"]) == (429, "too_many_ephemeral_keys", "60")
    assert (await stage.post(GA, talking("here/m"))).status_code == 200


async def test_the_openai_package_mints_and_reads_the_answer(stage: Stage) -> None:
    async with AsyncOpenAI(api_key=KEY, base_url=stage.proxy.base_url, max_retries=0) as client:
        made = await client.realtime.client_secrets.create(
            expires_after={"anchor": "created_at", "seconds": 60},
            session={"type": "realtime", "model": "sim/gpt-realtime", "audio": {"output": {"voice": "marin"}}},
        )
        assert made.value.startswith("ek_vt_") and made.session.type == "realtime"
        asr = await client.realtime.client_secrets.create(
            session={"type": "transcription", "audio": {"input": {"transcription": {"model": "sim/gpt-4o-transcribe"}}}}
        )
        assert asr.value.startswith("ek_vt_") and asr.session.type == "transcription"
        with pytest.raises(OpenAIError, match="mint: local"):
            await client.realtime.client_secrets.create(session={"type": "realtime", "model": "gem/m"})
        translated = await client.realtime.translations.client_secrets.create(session={"model": "sim/gpt-realtime-translate"})
        assert translated.value.startswith("ek_vt_") and translated.session.type == "translation"
        beta = await client.beta.realtime.sessions.create(model="sim/gpt-4o-realtime-preview", voice="ash")  # type: ignore[arg-type]
        assert beta.client_secret is not None and beta.client_secret.value.startswith("ek_vt_")


async def test_an_app_that_hangs_up_leaves_nothing_behind(stage: Stage) -> None:
    with pytest.raises(httpx2.TimeoutException):
        await stage.http.post(
            stage.proxy.url(GA, "http"), json=talking("up/say-nothing"), headers={"Authorization": f"Bearer {KEY}"}, timeout=0.5
        )
    assert (await stage.post(GA, talking("up/m"))).status_code == 200


async def test_many_at_once_are_all_different(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.post(GA, talking("up/m")) for _ in range(40)))
    assert [answer.status_code for answer in answers] == [200] * 40
    assert len({answer.json()["value"] for answer in answers}) == 40


async def test_nothing_written_or_sent_has_a_secret_in_it(stage: Stage) -> None:
    """The last look, after all of the above."""
    values = [part.partition(b'"')[0] for part in bytes(stage.seen).split(b"ek_vt_")[1:]]
    assert len(values) > 60
    await stage.proxy.stop()
    secrets = [UPSTREAM.encode(), CLIENT.encode(), KEY.encode(), *(key.encode() for key in stage.up.keys), *values]
    files = [path for path in stage.proxy.data.rglob("*") if path.is_file()]
    assert Path(stage.proxy.data / "state.jsonl") in files
    for content in (*(path.read_bytes() for path in files), "".join(stage.proxy.output).encode()):
        assert [secret for secret in secrets if secret in content] == []
    assert [key for key in [UPSTREAM, *stage.up.keys] if key.encode() in bytes(stage.seen)] == []
    assert "Traceback" not in "".join(stage.proxy.output), "".join(stage.proxy.output)[-20_000:]
