"""docs/errors.md and the code name the same errors: statuses, codes, close reasons and lines of the log, each in both."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from addons.endings import CODES
from addons.errorbody import code_of
from realtime.framing import FrameReader
from realtime.policies.refusal import FAILED
from realtime.watch import CHANGED
from realtime.watch import NOT_ALLOWED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text()
REFUSALS = {"refusal", "Refusal", "refuse_credential", "NotAdmitted", "ProviderError", "Refused", "refused"}
CHOSEN = re.compile(r"\w+_(api_key|allowed|event)")
CODE = re.compile(r"[a-z]+(_[a-z]+)+")


def section(title: str) -> str:
    """A chapter of the page."""
    return re.split(r"^#{2,3} ", PAGE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of its tables, without their heads."""
    lines = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("|")]
    return [cells for cells in lines if not set("".join(cells)) <= set("-| ") and cells[0] not in ("status", "code", "level")]


def names(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def trees(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def calls(*folders: str) -> Iterator[tuple[str, str, ast.Call]]:
    """Every call: the file, the name that is called, the node."""
    for file, tree in trees(*folders):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield file, getattr(node.func, "id", None) or getattr(node.func, "attr", ""), node


def template(node: ast.expr) -> str | None:
    """A text as the page writes it: an ellipsis for what is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return " ".join(re.sub(r"%\.?\w", "…", text).split())
        case ast.JoinedStr(values=values):
            return "".join(str(value.value) if isinstance(value, ast.Constant) else "…" for value in values)
        case _:
            return None


def refusals(*folders: str) -> set[tuple[int, str]]:
    """Status and code of every refusal that is written out in the code."""
    found = set()
    for _, name, call in calls(*folders):
        if name not in REFUSALS or not call.args or not isinstance(call.args[0], ast.Constant) or not isinstance(call.args[0].value, int):
            continue
        given = [
            argument.value
            for argument in (*call.args[1:], *(word.value for word in call.keywords if word.arg == "code"))
            if isinstance(argument, ast.Constant)
        ]
        codes = [text for text in given if isinstance(text, str) and CODE.fullmatch(text)]
        found.add((call.args[0].value, codes[0] if codes else code_of(call.args[0].value)))
    return found


def documented(title: str) -> set[tuple[int, str]]:
    return {(int(cells[0]), code) for cells in rows(section(title)) for code in names(cells[1])}


def test_every_refusal_of_the_doors_is_documented_and_no_other() -> None:
    made = refusals("addons", "providers", "rules")
    elsewhere = {(401, "missing_api_key"), (401, "invalid_api_key"), (403, "model_not_allowed"), (400, "bad_api_version")}
    by_mitmproxy = {(413, "body_too_large"), (431, "headers_too_large"), (502, "bad_gateway")}
    assert made | elsewhere | by_mitmproxy == documented("Before a session")


def test_codes_that_are_chosen_before_they_are_used_are_documented() -> None:
    """`reason, code = …, "invalid_api_key"` and the like."""
    chosen = {
        node.value
        for file, tree in trees("addons", "realtime")
        if file in ("addons/access.py", "realtime/pin.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"(\w+_)?(api_key|allowed|event|room)", node.value)
    }
    every = {code for _, code in documented("Before a session")} | {name for cells in rows(section("Events")) for name in names(cells[0])}
    assert chosen - {"origin_not_allowed"} <= every
    assert {"missing_api_key", "invalid_api_key", "model_not_allowed", "ambiguous_event"} <= every


def test_the_events_before_a_close_are_documented() -> None:
    every = {name for cells in rows(section("Events")) for name in names(cells[0])}
    assert every == {
        *(code for _, code in CODES.values()),
        "session_closed",
        "model_not_allowed",
        "ambiguous_event",
        FAILED,
        NOT_ALLOWED,
        CHANGED,
    }


def test_every_refusal_of_the_control_port_is_documented() -> None:
    assert refusals("web") | {(404, "not_found"), (405, "method_not_allowed")} == documented("On the control port")


def close_reasons() -> set[tuple[int, str]]:
    """Code and reason of each close that the code has written out."""
    found = set()
    for _, name, call in calls("addons", "realtime"):
        if name in ("Close", "_violation") and len(call.args) == 2 and isinstance(call.args[0], ast.Constant):
            reason = template(call.args[1])
            if reason is not None:
                found.add((int(call.args[0].value), reason))  # type: ignore[arg-type]
    return found


WORDED = ["addons/endings.py", *(f"realtime/{name}.py" for name in ("tunnel", "framing", "session", "pin"))]


def test_every_close_of_our_own_is_documented() -> None:
    written = {(int(cells[0]), reason) for cells in rows(section("Close codes")) for reason in names(cells[1])}
    assert close_reasons() - written == set()
    named_elsewhere = {
        (1001, "the proxy is shutting down"),
        (1001, "client went away"),
        (1002, "frame is not masked"),
        (1002, "frame is masked"),
        (1002, "message begun inside another"),
        (1002, "continuation of nothing"),
        (1002, "invalid close frame"),
        (1007, "invalid close frame"),
        (1008, "the provider's quota is used up"),
        (1008, "no model was named in the first … messages or … bytes"),
        (1011, "upstream connection lost"),
    }
    assert written - close_reasons() == named_elsewhere
    texts = "".join((ROOT / file).read_text() for file in WORDED)
    assert [reason for _, reason in named_elsewhere if reason.partition(" …")[0] not in texts] == []


def test_a_violation_is_told_as_it_is_documented() -> None:
    reader = FrameReader(masked=False, limit=10)
    reader.feed(b"\x81\x7e\x00\x80")
    assert reader.fault is not None
    assert (reader.fault.code, reader.fault.reason) == (1009, "message of at least 128 bytes, at most 10 are allowed")


def test_every_warning_and_error_of_the_log_is_documented() -> None:
    levels = {"warning": "WARNING", "error": "ERROR", "exception": "ERROR"}
    made = {
        (levels[name], text)
        for _, name, call in calls("addons", "store")
        if name in levels and ast.unparse(call.func).startswith("logger.") and call.args and (text := template(call.args[0]))
    }
    written = {(cells[0], text) for cells in rows(section("In the operator's log")) for text in names(cells[1])}
    assert made == written
