"""Results to Markdown: each `<!-- bench:NAME -->` … `<!-- /bench:NAME -->` block of a document is replaced by the table of that part.

A part without a result leaves its block as it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import Final

from bench import bars
from bench.calls.columns import CALLS
from bench.columns import BESIDE
from bench.columns import ENDED
from bench.columns import ENDINGS
from bench.columns import FINE
from bench.columns import PAGES
from bench.columns import TABLES
from bench.columns import TIMED
from bench.columns import TRIPS
from bench.columns import Column
from bench.columns import Row

LABELS: Final = {
    "direct": "no proxy",
    "voicetap": "**voicetap**, all addons, no policy on audio",
    "voicetap-parsed": "**voicetap**, 20 policies on every frame",
    "mitmdump": "stock `mitmdump`",
    "websockets": "bare `websockets` relay",
    "litellm": "LiteLLM proxy",
    "go-frames": "Go relay, frame by frame",
    "go-copy": "Go relay, `io.Copy`",
    "nginx": "nginx",
    "aiortc": "aiortc relay that transcodes",
    "worker": "media worker without the proxy",
}


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _named(row: Row) -> str:
    label = LABELS.get(row["peer"], row["peer"])
    problem = next((str(row[name]) for name in row if name.endswith("error")), None)
    return f"{label} ({problem[:80]})" if problem else str(label)


def _peers(part: str, rows: Sequence[Row]) -> list[str]:
    return _table(TABLES[part], rows)


def _table(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    head = [_line(["", *(column.head for column in columns)]), _line(["---", *("---:" for _ in columns)])]
    return head + [_line([_named(row), *(column.cell(row) for column in columns)]) for row in rows]


def _profile(_: str, rows: Sequence[Row]) -> list[str]:
    lines = [_line([row["where"], *(FINE.format(row[name]) for name in ("us_per_frame", "paced_us_per_frame"))]) for row in rows]
    return ["| where | CPU µs a frame, closed loop | CPU µs a frame, 200 paced sessions |", "| --- | ---: | ---: |", *lines]


def _revocation(_: str, rows: Sequence[Row]) -> list[str]:
    """By what ended the sessions."""
    head = ["ended by", *(column.head for column in ENDED)]
    cells = [[ENDINGS[row["about"]], *(column.cell(row) for column in ENDED)] for row in rows]
    errors = [f"{ENDINGS[row['about']]}: {row['error'][:80]}" for row in rows if "error" in row]
    return [_line(head), _line(["---", *("---:" for _ in ENDED)]), *map(_line, cells), *errors]


def _pages(_: str, rows: Sequence[Row]) -> list[str]:
    """How long pages take, then what they cost a session, then in how much memory, each under a line that says of what."""
    found = {row["about"]: row for row in rows}
    log, memory = found.get("log", {}), found.get("memory", {})
    lines = [f"Of {log.get('turns', 0):,.0f} turns in five days, the call with {log.get('messages', 0):,.0f} messages:", ""]
    lines += _named_rows("what", PAGES, TIMED, found)
    lines += ["", "Round trips of a session meanwhile:", "", *_named_rows("beside", BESIDE, TRIPS, found)]
    return [*lines, "", f"Processes that read: {memory.get('readers', 0):.0f}, the larger one {memory.get('mb', 0):.0f} MB."]


def _named_rows(head: str, names: Mapping[str, str], columns: Sequence[Column], found: Mapping[str, Row]) -> list[str]:
    lines = [_line([head, *(column.head for column in columns)]), _line(["---", *("---:" for _ in columns)])]
    return lines + [_line([names[about], *(column.cell(found[about]) for column in columns)]) for about in names if about in found]


def _calls(_: str, rows: Sequence[Row]) -> list[str]:
    """A table for each thing that was measured of calls, under its heading."""
    lines = []
    for about, (title, columns) in CALLS.items():
        lines += [title, "", *_table(columns, [row for row in rows if row["about"] == about]), ""]
    return lines[:-1]


_SPECIAL: Final[dict[str, Callable[[str, Sequence[Row]], list[str]]]] = {
    "pages": _pages,
    "profile": _profile,
    "revocation": _revocation,
    "webrtc": _calls,
}


def _footnote(result: Mapping[str, Any]) -> str:
    facts, scale = result["machine"], "quick" if result["quick"] else "full"
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items() if number)
    pinned = "proxy and load on a core each" if facts["pinned"] else "proxy and load share cores"
    machine = f"{facts['at'][:10]}, {facts['cpu']}, {facts['cores']} cores, {pinned}, Python {facts['python']}, {packages}"
    skipped = "".join(f" Not measured: {peer} ({reason[:120]})." for peer, reason in result["skipped"].items())
    return f"<sub>{machine}; {scale} scale.{skipped}</sub>"


def block(result: Mapping[str, Any]) -> str:
    """The Markdown of one part's result, without its markers."""
    part = result["part"]
    return "\n".join([*_SPECIAL.get(part, _peers)(part, result["rows"]), "", _footnote(result)])


def _replaced(text: str, name: str, content: str) -> str:
    mark, made = re.escape(name), f"<!-- bench:{name} -->\n{content}\n<!-- /bench:{name} -->"
    return re.sub(rf"<!-- bench:{mark} -->.*?<!-- /bench:{mark} -->", lambda _: made, text, flags=re.DOTALL)


def rewrite(document: Path, results: Path) -> None:
    """Replaces each marked block of the document for which there is a result, and judges the bars on all of them."""
    text = document.read_text()
    found = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}
    for part, result in found.items():
        text = _replaced(text, part, block(result))
    document.write_text(_replaced(text, "bars", "\n".join(bars.table(found))))
