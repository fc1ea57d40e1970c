"""The conversation of the demo: an app talks to the simulator at the pace of speech, and one answer takes long."""

from __future__ import annotations

from collections.abc import AsyncIterator

from cli.conversation import Said
from cli.conversation import converse as hold
from cli.demostage import SCRIPT
from simulator.script import load_script


def converse(base_url: str, key: str, model: str) -> AsyncIterator[Said]:
    """As `cli.conversation.converse`, with what the script says."""
    return hold(base_url, key, model, load_script(SCRIPT).transcripts, aloud=True)
