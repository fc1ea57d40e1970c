"""Nothing that came over the wire can pass for a line of the operator's log."""

from __future__ import annotations

import logging

from cli.logformat import LogFormat


def shown(message: str) -> str:
    return LogFormat().format(logging.LogRecord("addons", logging.INFO, "file", 1, "%s", (message,), None))


def test_a_line_break_in_a_message_starts_no_line_of_the_log() -> None:
    first, second = shown("a model\n2026-11-21 10:00:00,000 ERROR made up").split("\n")
    assert first.endswith("INFO a model")
    assert second == "    2026-11-21 10:00:00,000 ERROR made up"


def test_controls_of_the_terminal_are_gone() -> None:
    assert shown("\x1b[2J\x1b]0;title\x07a\rb\u202ec\x00").endswith(" INFO a bc")


def test_tracebacks_stay_readable() -> None:
    try:
        raise ValueError("why")
    except ValueError as error:
        record = logging.LogRecord("addons", logging.ERROR, "file", 1, "failed", (), (ValueError, error, error.__traceback__))
    lines = LogFormat().format(record).split("\n")
    assert lines[1] == "    Traceback (most recent call last):"
    assert lines[-1] == "    ValueError: why"
