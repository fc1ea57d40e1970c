"""One line of `doctor`: what was looked at, how it is, and the command or change that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    state: State
    text: str
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, "ok", text)


def warn(check: str, text: str, fix: str) -> Finding:
    return Finding(check, "warn", text, fix)


def fail(check: str, text: str, fix: str) -> Finding:
    return Finding(check, "fail", text, fix)
