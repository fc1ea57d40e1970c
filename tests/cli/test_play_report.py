"""What a replay to an app reports of a connection, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli import playreport
from cli.playlines import AppLine
from cli.playlines import Script
from cli.playmatch import Difference
from cli.playscore import Other
from cli.playscore import Score
from cli.playserver import Played

GOOD = Played("ses_1", "gpt-realtime", Score(matched=3, heard=96, said=4), 1000, None)
BAD = Played(
    "ses_2",
    None,
    Score(
        matched=1,
        differing=[Other("say", 2, "say", (Difference("$.text", '"a"', '"\x1b[31mb"'),))],
        unexpected=[Other("shout", None, None)],
        missing=[AppLine(9, 1.0, "ask")],
        n_differing=1,
        n_unexpected=1,
        swapped=1,
        short=400,
        unsaid=2,
        refused="say: no",
    ),
    1006,
    "the app read nothing for 30 s",
)


def test_a_connection_that_did_its_part_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    playreport.show(1, GOOD)
    assert capsys.readouterr().out == "✓ connection 1, ses_1: 3 matched, 0 differing, 0 missing, 0 unexpected\n"
    assert playreport.is_good(GOOD)


def test_everything_that_was_not_as_recorded_is_told_in_plain_letters(capsys: pytest.CaptureFixture[str]) -> None:
    playreport.show(2, BAD)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.splitlines()[0] == "✗ connection 2, ses_2: 1 matched, 1 differing, 1 missing, 1 unexpected"
    assert [line.split(":")[0].strip() for line in out.splitlines()[1:5]] == ["refused", "differs", "unexpected", "missing"]
    assert out.splitlines()[5:] == [
        "  1 messages came after one that is recorded after them",
        "  400 bytes of sound less than recorded; what follows them was not held back any longer",
        "  2 messages were not sent any more, since the connection had ended",
        "  broken off: the app read nothing for 30 s",
    ]


def test_the_same_as_json() -> None:
    assert json.loads(json.dumps(playreport.told(BAD))) == {
        "session": "ses_2",
        "ok": False,
        "model": None,
        "close": 1006,
        "broken": "the app read nothing for 30 s",
        "matched": 1,
        "differing": [
            {
                "type": "say",
                "nearest": {"n": 2, "type": "say"},
                "differences": [{"path": "$.text", "recorded": '"a"', "seen": '"\x1b[31mb"'}],
            }
        ],
        "n_differing": 1,
        "missing": [{"n": 9, "type": "ask"}],
        "unexpected": [{"type": "shout", "nearest": None, "differences": []}],
        "n_unexpected": 1,
        "out_of_order": 1,
        "refused": "say: no",
        "sound": {"bytes": 0, "short": 400},
        "sent": 0,
        "not_sent": 2,
    }


@pytest.mark.parametrize(
    ("kind", "dialect", "path", "tls", "told"),
    [
        ("openai", "openai", "/v1/realtime", False, ["export OPENAI_BASE_URL=http://127.0.0.1:8790/v1", "export OPENAI_API_KEY=unused"]),
        ("azure", "openai", "/openai/v1/realtime", False, ["export AZURE_OPENAI_ENDPOINT=http://127.0.0.1:8790"]),
        ("gemini", "gemini", "/ws/x", True, ["export SSL_CERT_FILE={ca}", "export GOOGLE_GEMINI_BASE_URL=https://127.0.0.1:8790"]),
        (
            *("gemini", "gemini", "/ws/x", False),
            ["# google-genai speaks nothing but TLS: add --tls", "export GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8790"],
        ),
        ("elevenlabs", "elevenlabs", "/v1/convai/conversation", False, []),
    ],
)
def test_what_there_is_to_paste(
    kind: str, dialect: str, path: str, tls: bool, told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script("ses_1", dialect, kind, path, (), frozenset(), 2.0, None, ("a note",))
    playreport.announce([script], 8790, tmp_path, tls=tls)
    scheme = "wss" if tls else "ws"
    ca = (tmp_path / "ca" / "mitmproxy-ca-cert.pem").resolve()
    assert capsys.readouterr().err.splitlines() == [
        f"ses_1  {scheme}://127.0.0.1:8790{path}  0 messages, 2.0 s",
        "  a note",
        *(f"  {line.format(ca=ca)}" for line in told),
        "replay ready 127.0.0.1:8790",
    ]
