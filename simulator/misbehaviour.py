"""Everything a provider should not do, by name: each row says where and at which moment it strikes, and how.

A client chooses one by `?sim=NAME`, by a model that ends in `sim-NAME`, or by the script. A name may be cut short while
it stays unambiguous (`drop` is `drop-mid-answer`). The table here is the one in `docs/simulator.md`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace
from http import HTTPStatus
from typing import Any
from typing import Final
from typing import Literal

from simulator import callmischief
from simulator import mischief
from simulator.refusal import Refusal
from simulator.timeline import Close
from simulator.timeline import Event
from simulator.timeline import Sent

Where = Literal["socket", "call"]


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """A row of the table. `rewrite` is given every event on its way out, `carry` puts an encoded one on the wire.

    `midway` and `carry` are given a `SocketWire` or a `ChannelWire`; where only one of them will do, `where` says so.
    """

    summary: str
    refusal: Refusal | None = None
    answers: bool = True
    """False: the request is never answered."""
    hangs_up: bool = False
    """True: TCP ends right after the 101."""
    echoes: bool = False
    """True: an `error` event with the request's headers comes first."""
    reads: bool = True
    """False: nothing is read after the handshake."""
    midway: Callable[[Any], Awaitable[None]] | None = None
    """Done once, before the third delta of the connection."""
    rewrite: Callable[[Event], Iterator[Sent]] = mischief.unchanged
    carry: Callable[[Any, bytes], Awaitable[None]] = mischief.plain
    spoil: Callable[[str], str] = callmischief.honest
    """What becomes of the SDP answer of a call."""
    connects: bool = True
    """False: nothing of a call but its answer ever exists."""
    opens: bool = True
    """False: SCTP is never started, so the data channel of a call never opens."""
    where: Where | None = None
    """None: with sockets and with calls."""


def _refusing(status: HTTPStatus, code: str, kind: str = "invalid_request_error", **headers: str) -> Refusal:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Refusal(status, code, "Refused by the simulator, as it was asked to.", named, kind)


TABLE: Final[dict[str, Misbehaviour]] = {
    "refuse-401": Misbehaviour("HTTP 401 instead of the upgrade", _refusing(HTTPStatus.UNAUTHORIZED, "invalid_api_key")),
    "refuse-403": Misbehaviour("HTTP 403 instead of the upgrade", _refusing(HTTPStatus.FORBIDDEN, "model_not_found")),
    "refuse-429": Misbehaviour(
        "HTTP 429 with `Retry-After: 7` instead of the upgrade",
        _refusing(HTTPStatus.TOO_MANY_REQUESTS, "rate_limit_exceeded", "rate_limit_error", Retry_After="7"),
    ),
    "refuse-500": Misbehaviour(
        "HTTP 500 instead of the upgrade", _refusing(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "server_error")
    ),
    "redirect": Misbehaviour(
        "HTTP 302 to `ws://redirected.invalid/` instead of the upgrade",
        _refusing(HTTPStatus.FOUND, "moved", Location="ws://redirected.invalid/"),
    ),
    "echo-401": Misbehaviour(
        "HTTP 401 whose message contains the request's headers", replace(_refusing(HTTPStatus.UNAUTHORIZED, "invalid_api_key"), echo=True)
    ),
    "no-handshake": Misbehaviour("the request is never answered", answers=False),
    "hang-up": Misbehaviour("TCP ends right after the 101, without a close frame", hangs_up=True),
    "echo-headers": Misbehaviour("the first event is an `error` whose message contains the request's headers", echoes=True),
    "drop-mid-answer": Misbehaviour("TCP is reset in the middle of the first answer", midway=mischief.drop),
    "malformed-json": Misbehaviour("one text message in the first answer is cut-off JSON", midway=mischief.malformed),
    "huge-frame": Misbehaviour("one audio delta of 5 MiB in the first answer", midway=mischief.huge),
    "deep-nesting": Misbehaviour("one message of 10,000 nested arrays in the first answer", midway=mischief.deep),
    "bad-utf8": Misbehaviour("one text frame in the first answer is not UTF-8", midway=mischief.bad_utf8, where="socket"),
    "rsv1": Misbehaviour(
        "one frame in the first answer has RSV1 set: compressed, though nobody negotiated it", midway=mischief.rsv1, where="socket"
    ),
    "ping-flood": Misbehaviour("1,000 pings in the middle of the first answer", midway=mischief.pings, where="socket"),
    "stall": Misbehaviour("no response is ever begun", rewrite=mischief.stalled),
    "slow-reader": Misbehaviour("nothing is read from the client", reads=False, where="socket"),
    "fragments": Misbehaviour("every message comes in four fragments with pings between them", carry=mischief.in_fragments, where="socket"),
    "binary-json": Misbehaviour("every event comes in a binary frame", carry=mischief.in_binary),
    "duplicate-keys": Misbehaviour("every event has `type` twice, the second is true", carry=mischief.twice),
    "failed": Misbehaviour("every response ends at once as `failed`, with `usage: null`", rewrite=mischief.failed),
    "no-usage": Misbehaviour("`response.done` has no `usage` at all", rewrite=mischief.without_usage),
    "insufficient-quota": Misbehaviour("an `error` insufficient_quota comes in the place of every response", rewrite=mischief.out_of_quota),
    "session-expired": Misbehaviour("`error` session_expired and close 1001 in the place of the first response", rewrite=mischief.expired),
    "unknown-events": Misbehaviour("an event of an unknown type before every event", rewrite=mischief.with_unknown),
    "html-500": Misbehaviour(
        "HTTP 500 with a page of HTML", Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "html", callmischief.PAGE, html=True)
    ),
    "not-sdp": Misbehaviour("the answer is no SDP", spoil=callmischief.no_sdp, connects=False, where="call"),
    "no-audio": Misbehaviour("the answer rejects the audio", spoil=callmischief.without_audio, where="call"),
    "wrong-fingerprint": Misbehaviour(
        "the answer has the fingerprint of another certificate: DTLS fails", spoil=callmischief.stranger, where="call"
    ),
    "unreachable": Misbehaviour(
        "the only candidate leads nowhere: ICE never connects", spoil=callmischief.nowhere, connects=False, where="call"
    ),
    "no-channel": Misbehaviour("the data channel never opens; there is only sound", opens=False, where="call"),
    "shut-channel": Misbehaviour(
        "the data channel is closed in the first answer, the sound goes on", midway=callmischief.shut, where="call"
    ),
    "second-channel": Misbehaviour("a second data channel is opened in the first answer", midway=callmischief.second, where="call"),
    "oversize": Misbehaviour("one message of 300,000 bytes in the first answer", midway=callmischief.oversize, where="call"),
    "end-mid-answer": Misbehaviour("the call is hung up in the first answer", midway=callmischief.end, where="call"),
    "vanish": Misbehaviour(
        "nothing is sent any more from the first answer on, and nothing is closed", midway=callmischief.vanish, where="call"
    ),
}

CLOSES: Final = "close-"
"""`close-CODE`: greets the client, then closes with that code and the reason `simulated close CODE`."""


def named(name: str) -> Misbehaviour | None:
    """The row of a name, or of the only name that begins so; None when there is none."""
    if name.startswith(CLOSES):
        return _closing(name.removeprefix(CLOSES))
    found = [name] if name in TABLE else [known for known in TABLE if name and known.startswith(name)]
    return TABLE[found[0]] if len(found) == 1 else None


def chosen(query: str, model: str, script: str | None, where: Where = "socket") -> Misbehaviour | None:
    """The misbehaviour of a connection: its own wish by query or model, else the script's, if it fits there.

    Raises ValueError when a wish has no row, so that no test runs against a server that behaves.
    """
    _, marked, suffix = model.rpartition("sim-")
    wanted = query or (suffix if marked else "")
    name = wanted or script or ""
    found = named(name) if name else None
    if name and found is None:
        raise ValueError(f"no misbehaviour is called {name!r}; there are {', '.join(TABLE)} and close-CODE")
    if found is None or found.where in (None, where):
        return found
    if wanted:
        raise ValueError(f"{name!r} is a misbehaviour of a {found.where}, not of a {where}")
    return None


def _closing(digits: str) -> Misbehaviour | None:
    if not digits.isdigit() or not (1000 <= int(digits) < 5000) or int(digits) in (1004, 1005, 1006, 1015):
        return None
    code = int(digits)

    def greet_and_close(event: Event) -> Iterator[Sent]:
        yield event
        yield Close(code, f"simulated close {code}")

    return Misbehaviour(f"closes with {code} after its first event", rewrite=greet_and_close)
