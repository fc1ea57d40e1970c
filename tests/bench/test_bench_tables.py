"""Tables come from results alone, stand between their marks, and every part has its place in the document."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bench.bars import BARS
from bench.bars import table
from bench.calls.columns import CALLS
from bench.calls.peers import CALL_PEERS
from bench.columns import BESIDE
from bench.columns import ENDINGS
from bench.columns import PAGES
from bench.parts import PARTS
from bench.parts import pages
from bench.parts import revocation
from bench.peers import PEERS
from bench.peers import ROOT
from bench.tables import LABELS
from bench.tables import block
from bench.tables import rewrite

MACHINE = {
    "at": "2026-11-21T09:00:00+00:00",
    "cpu": "A CPU",
    "cores": 2,
    "pinned": True,
    "python": "3.13.0",
    "packages": {"mitmproxy": "12.2.3", "wsproto": None},
}
PAGE = """# Page
<!-- bench:frames -->
old
<!-- /bench:frames -->
between
<!-- bench:setup -->
kept
<!-- /bench:setup -->
"""


def result(part: str, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"part": part, "machine": MACHINE, "quick": False, "skipped": {}, "rows": rows, **more}


def test_a_missing_figure_is_a_dash_and_an_error_stands_with_its_peer() -> None:
    rows = [{"peer": "direct", "frames_per_s": 400_000.0}, {"peer": "mitmdump", "error": "close 1009"}]
    lines = block(result("frames", rows)).splitlines()
    assert lines[2] == "| no proxy | – | 400,000 |"
    assert lines[3] == "| stock `mitmdump` (close 1009) | – | – |"


def test_the_footnote_tells_machine_scale_and_who_was_left_out() -> None:
    text = block(result("frames", [], skipped={"nginx": "nginx is not installed"}))
    assert "2026-11-21, A CPU, 2 cores, proxy and load on a core each, Python 3.13.0, mitmproxy 12.2.3; full scale." in text
    assert "Not measured: nginx (nginx is not installed)." in text
    assert "wsproto" not in text


def test_only_the_block_with_a_result_changes(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(PAGE)
    (tmp_path / "frames.json").write_text(json.dumps(result("frames", [{"peer": "nginx", "us_per_frame": 4.25, "frames_per_s": 1e5}])))
    rewrite(document, tmp_path)
    rewrite(document, tmp_path)
    text = document.read_text()
    assert "old" not in text
    assert "| nginx | 4.2 | 100,000 |" in text
    assert "between\n<!-- bench:setup -->\nkept\n<!-- /bench:setup -->\n" in text


def test_the_profile_and_the_log_have_tables_of_their_own() -> None:
    rows = [{"where": "record", "us_per_frame": 0.5, "paced_us_per_frame": 1.25}]
    assert "| record | 0.50 | 1.25 |" in block(result("profile", rows))


def test_every_part_has_its_block_in_the_document() -> None:
    text = (ROOT / "docs" / "performance.md").read_text()
    assert re.findall(r"<!-- bench:(\w+) -->", text) == re.findall(r"<!-- /bench:(\w+) -->", text)
    assert set(re.findall(r"<!-- bench:(\w+) -->", text)) == {*PARTS, "bars"}


def test_a_bar_is_met_by_figures_alone_and_stays_open_without_them() -> None:
    peers = [
        {"peer": "voicetap", "us_per_frame": 8.0},
        {"peer": "mitmdump", "us_per_frame": 230.0},
        {"peer": "websockets", "us_per_frame": 7.0},
    ]
    lines = table({"frames": result("frames", peers), "profile": result("profile", [{"where": "record"}])})
    assert lines[2] == "| CPU a frame, as a share of stock `mitmdump`: at most 0.100 | 0.035 | yes |"
    assert lines[3] == "| CPU a frame, as a share of the `websockets` relay: at most 1.00 | 1.14 | **no** |"
    assert lines[4].endswith("| – | not measured |")
    assert len(lines) == 2 + len(BARS)


def test_what_ended_sessions_has_its_name_and_the_slowest_is_judged() -> None:
    rows = [{"peer": "voicetap", "about": about, "sessions": 100, "p99_ms": 100.0 + number} for number, about in enumerate(ENDINGS)]
    lines = block(result("revocation", rows)).splitlines()
    assert lines[2].startswith("| `keys revoke` | 100 | – | – | 100 | – |")
    assert sum(line.startswith("|") for line in lines) == 2 + len(ENDINGS)
    [judged] = [line for line in table({"revocation": result("revocation", rows)}) if "from a command" in line]
    assert judged.endswith("at most 1,000 | 103 | yes |")
    failed = [*rows[:-1], rows[-1] | {"error": "1 of 100 sessions were still open"}]
    assert "new rules that forbid the model: 1 of 100 sessions were still open" in block(result("revocation", failed))
    assert set(ENDINGS) == set(revocation.ENDINGS)


def test_pages_have_their_names_what_they_cost_a_session_and_bars() -> None:
    timed = [{"peer": "voicetap", "about": about, "first_ms": 250.0, "p50_ms": 40.0, "max_ms": 80.0} for about in PAGES]
    trips = [{"peer": "voicetap", "about": about, "pace_p99_ms": 2.0 + number, "pages": 7.0} for number, about in enumerate(BESIDE)]
    rows = [{"peer": "voicetap", "about": "log", "turns": 100_000.0, "messages": 41_080.0}, *timed, *trips]
    rows.append({"peer": "voicetap", "about": "memory", "readers": 2.0, "mb": 61.4})
    text = block(result("pages", rows))
    assert "Of 100,000 turns in five days, the call with 41,080 messages:" in text
    assert "| the first page, 50 of all sessions | 250 | 40 | 80 |" in text
    assert "| no page is loaded | – | – | – | 2.00 | 7 |" in text
    assert "Processes that read: 2, the larger one 61 MB." in text
    judged = [line for line in table({"pages": result("pages", rows)}) if "not measured" not in line][2:]
    assert [line.rsplit("| ", 2)[1:] for line in judged] == [
        ["250 ", "yes |"],
        ["40 ", "yes |"],
        ["500 ", "yes |"],
        ["40 ", "yes |"],
        ["80 ", "yes |"],
        ["80 ", "yes |"],
        ["1.00 ", "yes |"],
    ]


def test_everything_that_is_loaded_has_its_name() -> None:
    assert {*pages.PATHS, *pages.COMMANDS, "opened", "ended"} == {*PAGES}


def test_every_peer_has_a_label() -> None:
    assert set(LABELS) == {*PEERS, *CALL_PEERS}


def test_calls_have_a_table_for_each_thing_that_was_measured() -> None:
    rung = {"about": "load", "peer": "voicetap", "calls": 25.0, "events_per_s": 10.0, "whole_ms": 9.5, "media_ms": 6.25}
    lines = block(result("webrtc", [rung, {"about": "control", "peer": "voicetap", "kill_p50_ms": 120.0}])).splitlines()
    assert lines[4].startswith("| **voicetap**, all addons, no policy on audio | 25 | 10 | 9.5 | 6.2 | – |")
    assert any(line.startswith("| **voicetap**, all addons, no policy on audio | 120 |") for line in lines)
    assert sum(line.startswith("| --- |") for line in lines) == len(CALLS)


def test_bars_of_calls_find_their_rung() -> None:
    rungs = [
        {"about": "load", "peer": "voicetap", "calls": 25.0, "events_per_s": 0.0, "media_ms": 6.0, "whole_ms": 6.5},
        {"about": "load", "peer": "voicetap", "calls": 25.0, "events_per_s": 10.0, "audio_p50_ms_added": 1.5},
        {"about": "load", "peer": "voicetap", "calls": 100.0, "events_per_s": 10.0, "dead": 1.0, "audio_lost": 0.0},
        {"about": "load", "peer": "aiortc", "calls": 3.0, "events_per_s": 0.0, "whole_ms": 200.0},
    ]
    lines = [line for line in table({"webrtc": result("webrtc", rungs)}) if "WebRTC" in line]
    judged = ["yes |", "yes |", "**no** |", "**no** |", "yes |", "not measured |"]
    assert [line.rsplit("| ", 1)[1] for line in lines[:6]] == judged
