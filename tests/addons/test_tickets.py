"""Tickets open one thing, once, for a minute."""

from __future__ import annotations

from typing import Any

import pytest

from addons import tickets
from addons.tickets import Tickets


def issued(made: Tickets, session: Any = None) -> str:
    return made.issue(session, lambda: pytest.fail("nobody asked for the upstream"))


def test_a_ticket_is_good_once():
    made, session = Tickets(), object()
    text = issued(made, session)
    assert text.startswith(tickets.PREFIX)
    ticket = made.take(text)
    assert ticket is not None
    assert ticket.session is session
    assert made.take(text) is None


def test_what_was_never_given_opens_nothing_and_takes_nothing():
    made = Tickets()
    text = issued(made)
    assert [made.take(other) for other in ("", tickets.PREFIX, text[:-1], text + "x", text.upper())] == [None] * 5
    assert made.take(text) is not None


def test_a_ticket_grows_old(monkeypatch: pytest.MonkeyPatch):
    made = Tickets()
    monkeypatch.setattr(tickets, "LIFE", 0.0)
    old = issued(made)
    assert made.take(old) is None


def test_neither_the_ticket_nor_its_session_is_written_anywhere_in_clear():
    made = Tickets()
    text = issued(made)
    assert text not in repr(vars(made))
