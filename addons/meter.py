"""Budgets and rates of keys and routes: asked before a session is let in, and watched while it runs.

What all sessions of a key or route use together counts, as it comes: a session is looked at twice a second and at its end.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from math import ceil
from math import floor
from typing import Final

from mitmproxy import http

from addons.accounts import Accounts
from addons.accounts import Owner
from addons.accounts import owners
from addons.answers import NotAdmitted
from addons.endings import Cut
from addons.tap import Tap
from realtime.budget import WARN_AT
from realtime.budget import Account
from realtime.budget import Level
from realtime.framing import Close
from realtime.recent import Recent
from realtime.session import Session

logger = logging.getLogger(__name__)

HEADER: Final = "x-voicetap-budget"
"""Of the answer to a handshake, an offer or a request for an ephemeral key: the budgets of which 80 % are used."""
LATER: Final = 5
"""Seconds after which a client that found no room may try again."""

_WARNING: Final = "voicetap.budget"
_PREPAID: Final = 4096
"""Ephemeral keys whose first session was counted when they were minted."""


class Meter:
    """`enter` is asked last before a session is let in, `look` at each one that runs."""

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.accounts = Accounts(tap)
        self._prepaid: Recent[str | None, None] = Recent(_PREPAID)
        tap.over.append(self._over)

    def refuses(self, key: str | None, route: str | None, *, token: str | None, counts: bool) -> NotAdmitted | None:
        """Why the key, by the route, may not open one more session now; None where it may.

        `counts` says whether it counts towards a rate; the first session of an ephemeral key did when that was minted.
        """
        self.accounts.refresh()
        now, asked = time.time(), [owner for owner in owners(key, route) if owner in self.accounts.limits]
        fast = counts and token not in self._prepaid
        return self._no_room(asked) or self._spent(asked, now) or (self._too_fast(asked, now) if fast else None)

    def enter(self, key: str | None, route: str | None, *, token: str | None, counts: bool) -> NotAdmitted | None:
        """As `refuses`; where it may, it does so with this call."""
        found = self.refuses(key, route, token=token, counts=counts)
        if found is None and token in self._prepaid:
            self._prepaid.pop(token)
        elif found is None and counts:
            for owner in owners(key, route):
                if (window := self.accounts.windows.get(owner)) is not None:
                    window.take(time.time())
        return found

    def follow(self) -> None:
        """Follow the rules and keys as they are now."""
        self.accounts.refresh()

    def prepaid(self, token: str) -> None:
        """An ephemeral key was minted, which counted as a session."""
        self._prepaid[token] = None

    def warn(self, flow: http.HTTPFlow, key: str | None, route: str | None) -> None:
        """Have the answer to this request say of which budgets little is left."""
        now, budgets = time.time(), self.accounts.budgets
        told = [_header(owner, budgets[owner], now) for owner in owners(key, route) if owner in budgets and _is_low(budgets[owner], now)]
        if told:
            flow.metadata[_WARNING] = ", ".join(told)

    def response(self, flow: http.HTTPFlow) -> None:
        """Behind all that make an answer."""
        if flow.response is not None and flow.response.status_code < 400 and (told := flow.metadata.get(_WARNING)):
            flow.response.headers[HEADER] = told

    def watches(self, session: Session) -> bool:
        """Whether a budget counts what the session uses."""
        return any(owner in self.accounts.budgets for owner in owners(session.principal, session.route))

    def look(self, session: Session, now: float) -> Cut | None:
        """Count what a session used since the last look; why it has to end, None while it may go on. `now` is monotonic."""
        budgets = self.accounts.budgets
        watched = [(owner, budgets[owner]) for owner in owners(session.principal, session.route) if owner in budgets]
        if not watched:
            return None
        used, priced = session.used(now, money=any(account.limits_money for _, account in watched))
        moment, spent = time.time(), None
        for owner, account in watched:
            account.observe(session.id, used, moment)
            level = account.level(moment)
            self._say(owner, account, level, session, moment)
            if account.limits_money and not priced:
                self._say_unpriced(owner, account, session, moment)
            if level.spent and spent is None:
                spent = Cut(Close(1008, f"the budget of {owner} is spent: {level}"), "budget")
        return spent

    def _over(self, session: Session) -> None:
        """A session ended, or did not come about."""
        if session.was_open and session.ended is not None:
            self.look(session, session.ended)
        for account in self.accounts.budgets.values():
            account.forget(session.id)

    def _no_room(self, asked: Sequence[Owner]) -> NotAdmitted | None:
        """Of keys it was asked before, with the limits of the proxy."""
        for owner in asked:
            most = self.accounts.limits[owner].sessions
            if owner.kind == "route" and most is not None and (open_now := self.tap.open_sessions(route=owner.name)) >= most:
                return NotAdmitted(
                    429, "too_many_sessions", f"{open_now} sessions are open on {owner}, at most {most} are allowed", retry_after=LATER
                )
        return None

    def _spent(self, asked: Sequence[Owner], now: float) -> NotAdmitted | None:
        for owner in asked:
            account = self.accounts.budgets.get(owner)
            if account is None or not (level := account.level(now)).spent:
                continue
            left = account.anew_in(now)
            if left is None:
                return NotAdmitted(429, "budget_spent", f"the budget of {owner} is spent: {level}")
            return NotAdmitted(
                429, "budget_spent", f"the budget of {owner} is spent: {level}; it starts anew in {ceil(left)} s", retry_after=ceil(left)
            )
        return None

    def _too_fast(self, asked: Sequence[Owner], now: float) -> NotAdmitted | None:
        for owner in asked:
            rate, window = self.accounts.limits[owner].rate, self.accounts.windows.get(owner)
            if rate is None or window is None:
                continue
            count, seconds = rate.sessions.count, rate.sessions.seconds
            if wait := ceil(window.wait(count, seconds, now)):
                message = f"{owner} may open {count} sessions in {seconds:g} s, and did; the next one in {wait} s"
                return NotAdmitted(429, "rate_limit_exceeded", message, retry_after=wait)
        return None

    def _say(self, owner: Owner, account: Account, level: Level, session: Session, now: float) -> None:
        """Once in a period: that little is left, and that nothing is."""
        if level.share >= WARN_AT and account.first("warned", now):
            share = f"{floor(level.share * 100)}%"
            logger.warning("%s: %s of its budget is used: %s", owner, share, level)
            reason = f"{share} of the budget of {owner} is used: {level}"
            self.tap.findings.record(session, "budget", "warn", detail={"code": "budget_warning", "owner": str(owner), "reason": reason})
        if level.spent and account.first("spent", now):
            logger.warning("%s: its budget is spent: %s", owner, level)

    def _say_unpriced(self, owner: Owner, account: Account, session: Session, now: float) -> None:
        """Once in a period for each model: a price is not known, so that the budget does not see what it costs."""
        model = f"{session.provider}/{session.model or session.provider_model or '-'}"
        if account.first(f"unpriced {model}", now):
            reason = f"what {model} costs is not known in full, and is missing in the budget of {owner}"
            logger.warning("%s: what %s costs is not known in full, and is missing in the budget of %s", session.id, model, owner)
            self.tap.findings.record(session, "budget", "warn", detail={"code": "unpriced", "owner": str(owner), "reason": reason})


def _is_low(account: Account, now: float) -> bool:
    return account.level(now).share >= WARN_AT


def _header(owner: Owner, account: Account, now: float) -> str:
    """`key=kiosk;usd=16.2/20;used=81%;anew=3600`: seconds until the budget starts anew, where it does."""
    level, left = account.level(now), account.anew_in(now)
    anew = "" if left is None else f";anew={ceil(left)}"
    return f"{owner.kind}={owner.name};{level.unit}={level.used:.6g}/{level.allowed:.6g};used={floor(level.share * 100)}%{anew}"
