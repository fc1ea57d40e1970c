"""Keeps the active rules in step with the file: a valid change takes effect at once, a broken one changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from addons.tap import Generation
from addons.tap import Tap
from realtime.frame import AUDIO
from realtime.policies import warm
from realtime.prices import PriceBook
from realtime.session import Session
from rules.load import load_file
from rules.model import Rules
from rules.policy import compiled
from rules.words import word_lists
from store.clock import utc_now

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.25


def generation(number: int, rules: Rules, *, monitor: bool = False) -> Generation:
    """Compile valid rules."""
    policies = compiled(rules.policies, word_lists(rules.words), rules.on_error, monitor=monitor)
    warm(policies)
    watches_sound = any(policies.of(from_client, kind) for from_client in (True, False) for kind in AUDIO)
    return Generation(number, rules, PriceBook(rules.prices, now=utc_now), policies, watches_sound)


def unsupported(rules: Rules) -> str | None:
    """What valid rules ask for and this version does not have."""
    if rules.log.store != "tinydb":
        return "log.store: only tinydb is supported by this version; PostgreSQL is not"
    return None


def keeps_texts(rules: Rules) -> bool:
    """Whether what was said is stored: as it crossed, so after the policies."""
    return rules.log.content in ("redacted", "full")


def blanks_texts(rules: Rules) -> bool:
    """Whether what policies found is blanked in what is stored, also where it crossed."""
    return rules.log.content == "redacted"


def keeps_sound(rules: Rules) -> bool:
    """Whether the sound of sessions is stored: where it was asked for, unless nothing is."""
    return rules.log.audio == "wav" and rules.log.content != "none"


def lacks_consent(rules: Rules, session: Session) -> bool:
    """Whether the sound of a session is not stored because its client did not say that it may be."""
    return rules.log.consent == "required" and not session.consents


def _keeps_no_sound(rules: Rules) -> bool:
    return rules.log.audio == "wav" and not keeps_sound(rules)


_NOT_YET: Final[tuple[tuple[str, Callable[[Rules], bool]], ...]] = (
    ("log.frames keeps no messages while log.content is none", lambda rules: rules.log.frames != "off" and rules.log.content == "none"),
    ("log.audio keeps no sound while log.content is none", _keeps_no_sound),
)


def not_yet(rules: Rules) -> list[str]:
    """What valid rules ask for and this version only reads; said at every load, so that nobody relies on it."""
    return [text for text, asked in _NOT_YET if asked(rules)]


class RulesWatch:
    """Looks at the file four times a second; live sessions keep the route they started with, limits and keys apply at once."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self._seen = self._stamp()
        self._task: asyncio.Task[None] | None = None

    def running(self) -> None:
        self._announce()
        self._task = asyncio.get_running_loop().create_task(self._watch(), name="rules watch")

    def done(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            stamp = self._stamp()
            if stamp is not None and stamp != self._seen:
                self._seen = stamp
                try:
                    await self._reload()
                except Exception:
                    logger.exception("rules generation %d stays active", self.tap.generation.number)

    async def _reload(self) -> None:
        """Load the file, beside the traffic; on any error the last good rules stay in force."""
        stored = [key.id for key in self.tap.own_keys() if not key.revoked]
        if (made := await asyncio.to_thread(self._made, stored)) is not None:
            self.tap.generation = made
            self.tap.changed.set()
            self._announce()

    def _made(self, stored: list[str]) -> Generation | None:
        """The next generation, tested and compiled; None where it cannot be."""
        loaded = load_file(self.tap.settings.rules, self.tap.environment, stored_keys=stored)
        if loaded.rules is None:
            logger.error("rules generation %d stays active:\n%s", self.tap.generation.number, loaded.render())
            return None
        if (lacking := unsupported(loaded.rules)) is not None:
            logger.error("rules generation %d stays active: %s", self.tap.generation.number, lacking)
            return None
        return generation(self.tap.generation.number + 1, loaded.rules, monitor=self.tap.settings.monitor)

    def _announce(self) -> None:
        logger.info("rules generation %d active", self.tap.generation.number)
        for text in not_yet(self.tap.rules):
            logger.warning("this version: %s", text)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self.tap.settings.rules.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
