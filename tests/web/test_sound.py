"""Recorded sound over the control port: parts, refusals, and nothing but what lies in the session's own folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from store.soundfolder import make
from web.answers import Refused
from web.ranges import wanted
from web.sound import Sound

SOUND = bytes(range(256)) * 4_000
READY = {"state": "ready", "folder": "", "turns": [1, 2]}
STARTED = "2026-11-21T10:00:00.000Z"


def client_of(data: Path, **changed: Any) -> httpx.AsyncClient:
    """A client of the routes of sound, over a log of one session."""
    record = {"id": "ses_1", "started_at": STARTED, "recording": READY} | changed

    async def find(session: str) -> dict[str, Any]:
        if session != record["id"]:
            raise Refused(404, f"no session {session!r}", code="unknown_session")
        return record

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return error.answer

    app = Starlette(routes=Sound(data, find).routes, exception_handlers={Refused: refused})
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", trust_env=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make(tmp_path, "audio/2026-11-21/ses_1")
    (made / "stereo.wav").write_bytes(SOUND)
    (made / "1-user.wav").write_bytes(SOUND[:100])
    (made / "peaks.json").write_bytes(b"{}")
    return made


@pytest.fixture
async def client(folder: Path, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("header", "size", "part"),
    [
        (None, 100, (0, 100)),
        ("bytes=0-", 100, (0, 100)),
        ("bytes=0-0", 100, (0, 1)),
        ("bytes=10-19", 100, (10, 20)),
        ("bytes=90-1000", 100, (90, 100)),
        ("bytes=-10", 100, (90, 100)),
        ("bytes=-1000", 100, (0, 100)),
        ("BYTES = 5 - 6", 100, (5, 7)),
        ("bytes=100-", 100, None),
        ("bytes=-0", 100, None),
        ("bytes=0-", 0, None),
        ("bytes=-5", 0, None),
        ("bytes=9-3", 100, (0, 100)),
        ("bytes=0-1,5-6", 100, (0, 100)),
        ("items=0-1", 100, (0, 100)),
        ("bytes=-", 100, (0, 100)),
        ("bytes=a-b", 100, (0, 100)),
        ("bytes=" + "9" * 5_000 + "-", 100, (0, 100)),
        ("bytes=٣-٤", 100, (0, 100)),
    ],
)
def test_which_part_is_wanted(header: str | None, size: int, part: tuple[int, int] | None) -> None:
    assert wanted(header, size) == part


async def test_the_whole_and_parts_of_it(client: httpx.AsyncClient) -> None:
    whole = await client.get("/api/sessions/ses_1/audio.wav")
    assert (whole.status_code, whole.content, whole.headers["content-length"]) == (200, SOUND, str(len(SOUND)))
    part = await client.get("/api/sessions/ses_1/audio.wav", headers={"range": "bytes=1000-799999"})
    assert (part.status_code, part.content) == (206, SOUND[1_000:800_000])
    last = await client.get("/api/sessions/ses_1/audio.wav", headers={"range": "bytes=-7"})
    assert (last.content, last.headers["content-range"]) == (SOUND[-7:], f"bytes {len(SOUND) - 7}-{len(SOUND) - 1}/{len(SOUND)}")
    head = await client.head("/api/sessions/ses_1/audio.wav")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(SOUND)))
    beyond = await client.get("/api/sessions/ses_1/audio.wav", headers={"range": f"bytes={len(SOUND)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(SOUND)}")


async def test_clips_and_peaks(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/sessions/ses_1/audio/1/user.wav")).content == SOUND[:100]
    assert (await client.get("/api/sessions/ses_1/audio/01/user.wav")).content == SOUND[:100]
    assert (await client.get("/api/sessions/ses_1/peaks.json")).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("ses_2/audio.wav", "unknown_session", "no session 'ses_2'"),
        ("ses_1/audio/1/them.wav", "unknown_side", "user and model"),
        ("ses_1/audio/one/user.wav", "unknown_turn", "numbered from 1"),
        ("ses_1/audio/٣/user.wav", "unknown_turn", "numbered from 1"),
        ("ses_1/audio/7/user.wav", "no_audio", "those with sound: 1, 2"),
        ("ses_1/audio/2/model.wav", "no_audio", "silent, or log.retention.audio is over"),
    ],
)
async def test_what_is_not_there(client: httpx.AsyncClient, path: str, code: str, words: str) -> None:
    found = await client.get(f"/api/sessions/{path}")
    assert (found.status_code, found.json()["error"]["code"]) == (404, code)
    assert words in found.json()["error"]["message"]


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        (None, "was not recorded; log.audio"),
        ({"state": "recording"}, "is being recorded"),
        ({"state": "making"}, "being made ready"),
        ({"state": "empty"}, "no sound"),
        ({"state": "failed"}, "could not be stored"),
    ],
)
async def test_sound_that_is_not_ready(folder: Path, tmp_path: Path, recording: dict[str, Any] | None, words: str) -> None:
    async with client_of(tmp_path, recording=recording) as client:
        found = await client.get("/api/sessions/ses_1/audio.wav")
    assert (found.status_code, found.json()["error"]["code"]) == (404, "no_audio")
    assert words in found.json()["error"]["message"]


async def test_no_link_leads_elsewhere(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (folder / "2-user.wav").symlink_to(secret)
    (folder.parent / "ses_2").symlink_to(folder)
    async with client_of(tmp_path) as client:
        assert (await client.get("/api/sessions/ses_1/audio/2/user.wav")).status_code == 404
    async with client_of(tmp_path, id="ses_2") as client:
        assert (await client.get("/api/sessions/ses_2/audio.wav")).status_code == 404
    async with client_of(tmp_path, id="..") as client:
        assert (await client.get("/api/sessions/%2e%2e/audio.wav")).status_code == 404
