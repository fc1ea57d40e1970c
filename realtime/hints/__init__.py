"""Hints for developers: what a session shows of a mistake in the app, or of a provider that did not do what was asked."""

from __future__ import annotations

from realtime.hints.hint import Hint
from realtime.hints.hints import Hints
from realtime.hints.models import replaced

__all__ = ["Hint", "Hints", "replaced"]
