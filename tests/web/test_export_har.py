"""`export har`: the members that HAR 1.2 asks for, what became of each message, and Chromium's own DevTools as its reader."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from devtools import DEVTOOLS
from devtools import imported
from exportlog import CALL
from exportlog import HOSTILE
from exportlog import SAID
from exportlog import SOUND
from exportlog import TALK
from exportlog import run
from exportlog import write
from playwright.async_api import Browser
from playwright.async_api import expect

OPEN = """async har => {
  const {NetworkPanel} = await import('./panels/network/network.js');
  const {ViewManager} = await import('./ui/legacy/legacy.js');
  await ViewManager.ViewManager.instance().showView('network');
  await NetworkPanel.NetworkPanel.instance().networkLogView.onLoadFromFile(new File([har], 'voicetap.har'));
}"""

ENTRY = {"startedDateTime", "time", "request", "response", "cache", "timings"}
REQUEST = {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"}
RESPONSE = {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize", "bodySize"}
"""What http://www.softwareishard.com/blog/har-12-spec/ requires."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("har")
    write(data)
    return data


def har(data: Path, *words: str) -> str:
    result = run(data, "export", "har", *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def entries(data: Path, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(har(data, *words))["log"]["entries"]
    return found


def test_what_the_specification_requires(log: Path) -> None:
    archive = json.loads(har(log))["log"]
    assert archive["version"] == "1.2"
    assert {"name", "version"} <= archive["creator"].keys()
    for entry in archive["entries"]:
        assert entry.keys() >= ENTRY
        assert entry["request"].keys() >= REQUEST
        assert entry["response"].keys() >= RESPONSE
        assert sum(entry["timings"].values()) == entry["time"]
        assert {name for name in entry if not name.startswith("_")} == ENTRY, "members of our own begin with _"
        assert {tuple(pair) for pair in entry["request"]["headers"]} == {("name", "value")}


def test_what_became_of_each_message(log: Path) -> None:
    (entry,) = entries(log, TALK)
    messages = entry["_webSocketMessages"]
    assert [one["type"] for one in messages] == ["send", "send", "receive", "receive", "receive"]
    notes = [one["_voicetap"] for one in messages]
    assert [(note["changed"], note["dropped"], note["by"]) for note in notes] == [
        (False, False, "side"),
        (True, False, "side"),
        (False, False, "side"),
        (False, True, "side"),
        (False, False, "side"),
    ]
    assert notes[1]["findings"] == [{"policy": "cards", "action": "redact", "applied": True}]
    assert json.loads(messages[0]["data"]) == SAID[0][1]
    assert "findings" not in notes[0]


def test_sound_is_only_there_when_asked_for(log: Path) -> None:
    silent, sounding = entries(log, TALK)[0]["_webSocketMessages"], entries(log, TALK, "--with-audio")[0]["_webSocketMessages"]
    assert json.loads(silent[2]["data"]) == {**SOUND, "delta": ""}
    assert json.loads(sounding[2]["data"]) == SOUND
    assert (silent[4]["data"], silent[4]["_voicetap"]["elided"], silent[4]["opcode"]) == ("", True, 2)
    assert b64decode(sounding[4]["data"]) == SAID[4][1]
    assert "elided" not in sounding[2]["_voicetap"]


def test_what_was_not_recorded_is_not_there(tmp_path: Path) -> None:
    write(tmp_path, content="metadata", keeps="events")
    (entry,) = entries(tmp_path, TALK, "--with-audio")
    assert {message["data"] for message in entry["_webSocketMessages"]} == {""}
    notes = [message["_voicetap"] for message in entry["_webSocketMessages"]]
    assert [(note.get("missing"), note.get("elided")) for note in notes] == [(True, None)] * 5
    (silent,) = entries(tmp_path, TALK)
    assert silent["_webSocketMessages"] == entry["_webSocketMessages"]


def test_calls_say_that_they_are_some(log: Path) -> None:
    (entry,) = entries(log, CALL)
    assert (entry["_transport"], entry["_resourceType"], entry["request"]["method"]) == ("webrtc", "websocket", "POST")
    assert entry["_voicetap"]["call"]["upstream_id"] == "rtc_up"


def test_sessions_without_messages_are_told_of(log: Path) -> None:
    result = run(log, "export", "har")
    assert "no messages are on record of 2 sessions" in result.stderr
    assert run(log, "export", "har", TALK).stderr == ""


@pytest.mark.asyncio(loop_scope="session")
async def test_devtools_read_every_message(log: Path, browser: Browser) -> None:
    found = await imported(browser, har(log, "--with-audio"))
    assert [(one["type"], one["method"], one["status"]) for one in found] == [
        ("websocket", "GET", 101),
        ("websocket", "POST", 201),
        ("websocket", "GET", 101),
    ]
    assert found[0]["url"] == "wss://api.openai.com/v1/realtime"
    assert (found[0]["agent"], found[0]["end"] - found[0]["begin"]) == (HOSTILE, 5)
    written = entries(log, "--with-audio")[0]["_webSocketMessages"]
    assert found[0]["frames"] == [[one["type"], one["time"], one["opcode"], one["data"]] for one in written]


@pytest.mark.asyncio(loop_scope="session")
async def test_devtools_show_the_messages(log: Path, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1400, "height": 800})
    await page.goto(DEVTOOLS)
    await page.evaluate(OPEN, har(log))
    await page.get_by_text("realtime").first.click()
    await page.get_by_role("tab", name="Messages").click()
    await expect(page.get_by_text('{"type":"response.create","changed":true}')).to_be_visible()
    await expect(page.get_by_text("Binary message")).to_be_visible()
    assert await page.title() != "pwned"
    await page.close()
