"""The way of a message past the frame hooks.

Nearly all that crosses is mere audio, on which at most the policies have a say: it is relayed at once and read a moment later,
together with that of all other sessions, which costs a fraction of reading each by itself. Everything else is read before it is
relayed, after the audio that came before it, so every hook sees a session's messages in their order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Final
from typing import Literal
from typing import Protocol
from typing import runtime_checkable

from addons.tap import Tap
from realtime.frame import AUDIO
from realtime.frame import Frame
from realtime.framing import Close
from realtime.made import ahead
from realtime.made import like
from realtime.session import Session
from realtime.tunnel import Inspect
from realtime.tunnel import Last
from realtime.verdict import Verdict

logger = logging.getLogger(__name__)

LATER_SECONDS: Final = 0.02
MAX_UNREAD: Final = 16
"""Audio messages of one session that wait to be read; more are read at once."""

Hook = Callable[[Session, Frame], Verdict | None]
Audio = Literal["before", "later", "never"]
FAILED: Final = Verdict("close", close=Close(1011, "internal error"))


class FrameHook(Protocol):
    """An addon that looks at frames: synchronous, without I/O."""

    @property
    def audio(self) -> Audio:
        """Whether it looks at messages of mere audio: `before` they cross, where policies do; `later`; or `never`.

        A session in which every message is judged before it crosses shows it all of them.
        """
        ...

    def frame(self, session: Session, frame: Frame) -> Verdict | None: ...


@runtime_checkable
class Choosing(Protocol):
    """A frame hook that is another one for some sessions."""

    def of(self, session: Session) -> Hook: ...


@runtime_checkable
class Occasional(Protocol):
    """A frame hook that is not asked at all but for some sessions, which may change while they run: see `Inspection.renew`."""

    def wants(self, session: Session) -> bool: ...


@runtime_checkable
class Holding(Protocol):
    """A frame hook that keeps words back: what it has of a side that says no more, to be relayed now."""

    def rest(self, session: Session, from_client: bool, now: float, *, broken: bool) -> Sequence[Frame]: ...


class Inspection:
    """All hooks of the proxy. `changed` is called when a session's turns may have changed, with the time of the message."""

    def __init__(self, tap: Tap, hooks: Sequence[FrameHook], changed: Callable[[Session, float], None]) -> None:
        self.tap = tap
        self.hooks = hooks
        self.later = [hook.frame for hook in hooks if hook.audio == "later"]
        self.holding = [hook for hook in hooks if isinstance(hook, Holding)]
        self.changed = changed
        self._asked: dict[str, list[Hook]] = {}
        """Of each session, until it is `over`."""
        self._waiting: list[Session] = []

    def of(self, session: Session) -> Inspect:
        """What a session's tunnel asks about each message."""
        pin, unread, waiting, tap = session.pin, session.unread, self._waiting, self.tap
        hooks = self._asked[session.id] = self._of(session, self.hooks)

        def keep(session: Session, frame: Frame) -> None:
            unread.append(frame)
            if len(unread) == 1:
                waiting.append(session)
                if len(waiting) == 1:
                    asyncio.get_running_loop().call_later(LATER_SECONDS, self.catch_up)
            elif len(unread) >= MAX_UNREAD:
                self.read(session)

        sounding = [*self._of(session, [hook for hook in self.hooks if hook.audio == "before"]), keep]

        def inspect(frame: Frame) -> Verdict | None:
            if frame.head.type in AUDIO and frame.flaw is None and not (pin.waiting or session.watched):
                if not tap.generation.watches_sound:
                    keep(session, frame)
                    return None
                verdict = self._ask(sounding, session, frame)
                if verdict is None:
                    return None
                self.read(session)
            else:
                if unread:
                    self.read(session)
                verdict = self._ask(hooks, session, frame)
            if session.dirty:
                self.changed(session, frame.at)
            return verdict

        return inspect

    def renew(self, session: Session) -> None:
        """Another hook wants to be asked about this session, or does not any more."""
        if (hooks := self._asked.get(session.id)) is not None:
            hooks[:] = self._of(session, self.hooks)

    def over(self, session: Session) -> None:
        """A session ended."""
        self._asked.pop(session.id, None)

    def behind(self, hook: FrameHook, session: Session, frame: Frame) -> Verdict | None:
        """What those behind this hook say of a message that it had stopped."""
        verdict = self._ask(self._of(session, self.hooks[self.hooks.index(hook) + 1 :]), session, frame)
        if session.dirty:
            self.changed(session, frame.at)
        return verdict

    def _of(self, session: Session, hooks: Sequence[FrameHook]) -> list[Hook]:
        asked = [hook for hook in hooks if not isinstance(hook, Occasional) or hook.wants(session)]
        return [hook.of(session) if isinstance(hook, Choosing) else hook.frame for hook in asked]

    def last(self, session: Session, inspect: Inspect) -> Last:
        """What the hooks still have of a side when it says no more, shown to all of them like any other message."""

        def last(from_client: bool, now: float, broken: bool) -> Iterator[tuple[Frame, Verdict | None]]:
            for hook in self.holding:
                for frame in hook.rest(session, from_client, now, broken=broken):
                    yield frame, inspect(frame)

        return last

    def read(self, session: Session) -> None:
        """Show a session's waiting audio to the hooks that look at it."""
        for frame in session.unread:
            self._ask(self.later, session, frame)
        session.unread.clear()

    def show(self, session: Session, frame: Frame) -> None:
        """A message goes on that had to wait: the hooks that only read see it now."""
        self._ask(self.later, session, frame)

    def catch_up(self) -> None:
        """The same for all sessions."""
        waiting = self._waiting.copy()
        self._waiting.clear()
        for session in waiting:
            self.read(session)

    def _ask(self, hooks: Sequence[Hook], session: Session, frame: Frame) -> Verdict | None:
        try:
            return ask(hooks, session, frame)
        except Exception:
            logger.exception("%s: a frame hook failed on %r", session.id, frame.type[:80])
            session.hook_failures += 1
            return FAILED if self.tap.rules.on_error == "block" else None


def ask(hooks: Sequence[Hook], session: Session, frame: Frame) -> Verdict | None:
    """What all hooks together say: each sees the message as the one before it left it; `drop`, `close` and a ticket end the asking."""
    verdict = None
    for number, hook in enumerate(hooks):
        found = hook(session, frame)
        if found is None:
            continue
        for payload in found.before:
            ask(hooks[number + 1 :], session, ahead(frame, payload))
        verdict = found if verdict is None else verdict.then(found)
        if found.action in ("drop", "close") or found.ticket is not None:
            break
        if found.action == "replace":
            frame = like(frame, found.payload)
    return verdict
