"""How a command fails: a stable code, what was seen, what to do, and an exit code. Never a secret, never a traceback."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OK: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2


@dataclass(frozen=True, slots=True)
class Kind:
    exit_code: int
    meaning: str


KINDS: Final[dict[str, Kind]] = {
    "VT100": Kind(BAD_INPUT, "The rules file has errors, or cannot be read."),
    "VT101": Kind(FAILED, "Proxy or replay could not start: a port in use, a folder that cannot be written, an address not allowed."),
    "VT102": Kind(FAILED, "The data folder or its log cannot be read or written."),
    "VT103": Kind(FAILED, "No session has this id."),
    "VT104": Kind(FAILED, "No key, ephemeral or not, has this id, or a key of this name exists already."),
    "VT105": Kind(BAD_INPUT, "An option or argument has a value that cannot be used."),
    "VT106": Kind(FAILED, "No proxy with an intercept door is running, and none could be started."),
    "VT107": Kind(FAILED, "The demonstration did not run to its end."),
    "VT108": Kind(FAILED, "No proxy serves this data folder, or its control port does not answer."),
    "VT109": Kind(FAILED, "A replayed conversation was refused, or could not be held."),
    "VT110": Kind(FAILED, "The messages of this session were not recorded, or not with what was in them, or they were erased."),
    "VT111": Kind(FAILED, "The file to write to is there already, or cannot be written."),
    "VT112": Kind(FAILED, "No sound was recorded, or it is gone, or it is too long for a page."),
    "VT113": Kind(FAILED, "A collector of OpenTelemetry cannot be reached, or did not take what it was sent."),
    "VT115": Kind(BAD_INPUT, "A recorded session was not sent to a provider, because that may be billed and nobody said --yes."),
    "VT116": Kind(FAILED, "No breakpoint or paused message has this id, or the message went on already, or its session is over."),
    "VT117": Kind(FAILED, "The rules allow no breakpoints."),
}
"""Every code a command can fail with; docs/cli.md lists them."""


class Failure(Exception):
    """Ends the command with `error CODE: message`, then what to do about it."""

    def __init__(self, code: str, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fix = fix

    @property
    def exit_code(self) -> int:
        return KINDS[self.code].exit_code
