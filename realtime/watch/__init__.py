"""Tools and instructions of a session: which it may have, and when they change."""

from __future__ import annotations

from realtime.watch.allowed import ToolList
from realtime.watch.inforce import Change
from realtime.watch.inforce import InForce
from realtime.watch.marks import words
from realtime.watch.watch import CHANGED
from realtime.watch.watch import NOT_ALLOWED
from realtime.watch.watch import Refused
from realtime.watch.watch import Response
from realtime.watch.watch import Watch

__all__ = ["CHANGED", "NOT_ALLOWED", "Change", "InForce", "Refused", "Response", "ToolList", "Watch", "words"]
