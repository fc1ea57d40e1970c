"""The life of sessions: opened when both sides are connected, watched every half second, and ended exactly once.

Every way a session can end comes through `websocket_end` (or `done`, when the proxy stops first), which finishes its turns
and writes its record.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from mitmproxy import ctx
from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver

from addons import takeover
from addons.endings import SHUTTING_DOWN
from addons.endings import cause_of
from addons.endings import error_event
from addons.endings import must_end
from addons.frames import leaked
from addons.inspection import FrameHook
from addons.inspection import Inspection
from addons.knownkeys import KnownKeys
from addons.meter import Meter
from addons.record import write
from addons.recorder import Recorders
from addons.relay import LINE
from addons.relay import Line
from addons.relay import Wake
from addons.rules import blanks_texts
from addons.rules import keeps_texts
from addons.sounds import Sounds
from addons.tap import Tap
from addons.tap import session_of
from realtime.frame import Frame
from realtime.framing import Close
from realtime.leg import Ending
from realtime.session import Session
from realtime.tunnel import Tunnel
from realtime.verdict import Verdict

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
WATCHED_AT_ONCE: Final = 25
"""Sessions looked at in one go, so that many of them delay no frame."""

JOURNAL_SECONDS: Final = 15.0
"""How often the usage of a session with traffic is written while it runs: the most that a crash can lose of it."""


class Sessions:
    """Makes the line of each session and sees it through to its record."""

    def __init__(self, tap: Tap, hooks: Sequence[FrameHook], sounds: Sounds, meter: Meter, recorders: Recorders) -> None:
        self.tap = tap
        self.meter = meter
        self.known = KnownKeys(tap)
        self.reason: Callable[[Session, bool, str], str] = lambda session, from_client, text: text
        """What the policies leave of the reason of a close."""
        self.parting: Callable[[Session, float], None] = lambda session, now: None
        """Told that a session is about to end."""
        self.unattended: Callable[[], None] = _nobody
        """Called whenever the keys were read: to look at calls that have no session."""
        self.look: Callable[[], None] = _nobody
        """Called twice a second."""
        self.sounds = sounds
        self.recorders = recorders
        self.inspection = Inspection(tap, hooks, self._changed)
        self._task: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._journaled: dict[str, tuple[float, int]] = {}
        """When the progress of each live session was last written, and how many frames had crossed by then."""

    def running(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="session watch")

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        session = session_of(flow)
        servers: Proxyserver = ctx.master.addons.get("proxyserver")
        handler = servers.connections[flow.client_conn.id]
        scripted = _has_listeners()
        inspect = self.inspection.of(session) if session is not None else _pass
        recorder = self.recorders.begin(session) if session is not None else None
        if recorder is not None:
            inspect = recorder.inspecting(inspect)
        last = self.inspection.last(session, inspect) if session is not None else _nothing
        line = Line(
            flow,
            Tunnel(
                _hold if scripted else inspect,
                now=time.monotonic(),
                message_limit=self.tap.rules.limits.message,
                error_event=error_event(session),
                reason=self._reason(session),
                deferred=scripted,
                announces=_is_relayed(session),
                last=last,
                crossed=recorder.crossed if recorder is not None else None,
                parting=partial(self.parting, session) if session is not None else _unheard,
            ),
            inspect,
            scripted=scripted,
        )
        line.pump = lambda: _wake(servers, flow)
        if recorder is not None:
            line.noted = recorder.note
        if not scripted:
            line.opened = lambda layer: takeover.attempt(line, layer, handler)
        flow.metadata[LINE] = line
        if session is not None:
            self._opened(session, line)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        session = session_of(flow)
        if session is not None:
            self._ended(session)

    def done(self) -> None:
        """The proxy stops: whatever is still open is recorded as ended by it."""
        if self._task is not None:
            self._task.cancel()
        for session, line in list(self.tap.live.values()):
            line.tunnel.close(Close(1001, "proxy stopped"), time.monotonic())
            self._ended(session)

    async def drain(self) -> None:
        """Let nothing new in, tell every live session, and wait until all are closed."""
        self.tap.draining = True
        self._idle.clear()
        for _, line in list(self.tap.live.values()):
            line.close(Close(1001, SHUTTING_DOWN))
        if self.tap.live:
            await self._idle.wait()

    def _opened(self, session: Session, line: Line) -> None:
        self.tap.opening.pop(session.id, None)
        self.tap.live[session.id] = session, line
        self._journaled[session.id] = session.opened, 0
        self.sounds.listen(session)
        write(self.tap.log.session_opened, session.opening_record())
        if session.first_event is not None:
            line.tunnel.inject(Frame(True, session.first_event, at=session.opened, injected=True), time.monotonic())

    def _ended(self, session: Session) -> None:
        found = self.tap.live.pop(session.id, None)
        if found is None:
            return
        del self._journaled[session.id]
        self.inspection.over(session)
        if not self.tap.live:
            self._idle.set()
        now = time.monotonic()
        self.inspection.read(session)
        session.end(_first_cause(session, found[1].tunnel.ending), now, found[1].delay)
        self._write_turns(session, now)
        self.tap.findings.ended(session, cause_of(session, found[1]))
        self.sounds.end(session)
        self.recorders.end(session, found[1].tunnel)
        write(self.tap.log.session_closed, session.id, session.closing_record())
        logger.info("%s: %s", session.id, session.summary())
        self.tap.ended(session)

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.tap.changed.wait(), TICK_SECONDS)
            self.tap.changed.clear()
            try:
                self.look()
                if self.known.look():
                    self.meter.follow()
                    self.unattended()
            except Exception:
                logger.exception("the session watch failed")
            for number, (session, line) in enumerate(list(self.tap.live.values())):
                if number % WATCHED_AT_ONCE == 0:
                    await asyncio.sleep(0)
                try:
                    self._tick(session, line)
                except Exception:
                    logger.exception("%s: the session watch failed", session.id)

    def _tick(self, session: Session, line: Line) -> None:
        now = time.monotonic()
        line.tunnel.tick(now)
        spent = self.meter.look(session, now)
        cut = must_end(self.tap, session, line, now) or self.known.cut(session) or spent
        if cut is not None:
            line.tunnel.close(cut.close, now, cut.cause)
        line.pump_if_due()
        if session.id in self.tap.live:
            if session.dirty:
                self._write_turns(session, now)
            self._journal(session, now)

    def _changed(self, session: Session, now: float) -> None:
        """More than sound has crossed. What it cost may be the last of a budget, which ends all sessions that share it."""
        self._write_turns(session, now)
        if self.meter.look(session, now) is not None:
            asyncio.get_running_loop().call_soon(self._end_spent)

    def _end_spent(self) -> None:
        now = time.monotonic()
        for session, line in list(self.tap.live.values()):
            if (spent := self.meter.look(session, now)) is not None:
                line.close(*spent)

    def _reason(self, session: Session | None) -> Callable[[bool, str], str]:
        """What becomes of the reason of a Close that is passed on."""

        def reason(from_client: bool, text: str) -> str:
            if session is None:
                return text
            blanked = (session.secrets.client if from_client else session.secrets.upstream).blanked_text(text)
            if blanked != text:
                session.leaks += 1
                leaked(self.tap.findings, session, from_client, "close")
            return self.reason(session, from_client, blanked)

        return reason

    def _write_turns(self, session: Session, now: float) -> None:
        turns = session.turns_to_write()
        content, marked = keeps_texts(self.tap.rules), session.marked if blanks_texts(self.tap.rules) else None
        for turn in turns:
            record = turn.record(content=content, marked=marked)
            write(self.tap.log.turn_written, record)
            for told in self.tap.turned:
                told(session, record)
        if turns and session.id in self.tap.live:
            self._write_progress(session, now)

    def _journal(self, session: Session, now: float) -> None:
        """Write what a session without finished turns has used so far: seconds of audio, and of the clock where a budget counts them."""
        written, frames = self._journaled[session.id]
        if now - written >= JOURNAL_SECONDS and (_frames(session) != frames or self.meter.watches(session)):
            self._write_progress(session, now)

    def _write_progress(self, session: Session, now: float) -> None:
        self._journaled[session.id] = now, _frames(session)
        write(self.tap.log.session_changed, session.id, session.progress_record(now))


def _first_cause(session: Session, ending: Ending | None) -> Ending | None:
    """On a relayed call both sockets are the sidecar's, which closes them properly; where one just ends, the sidecar did."""
    lost = _is_relayed(session) and ending is not None and ending.code == 1006
    return Ending(1011, "the media worker was lost", "proxy") if lost else ending


def _is_relayed(session: Session | None) -> bool:
    """Whether a data channel is at the ends of this session."""
    return session is not None and session.call is not None and session.call.mode == "relay"


def _frames(session: Session) -> int:
    return session.up.frames + session.down.frames


def _wake(servers: Proxyserver, flow: http.HTTPFlow) -> None:
    if flow.client_conn.id in servers.connections:
        servers.inject_event(Wake(flow, None))


def _has_listeners() -> bool:
    """Whether anything but voicetap wants mitmproxy's own `websocket_message`."""
    return any(hasattr(addon, "websocket_message") for addon in ctx.master.addons.lookup.values())


def _hold(frame: Frame) -> Verdict:
    return Verdict("hold")


def _pass(frame: Frame) -> None:
    return None


def _nobody() -> None:
    return None


def _unheard(now: float) -> None:
    """Nobody wants to know that it is about to end."""


def _nothing(from_client: bool, now: float, broken: bool) -> tuple[()]:
    return ()
