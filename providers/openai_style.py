"""The address rules that OpenAI and the servers modelled on it share."""

from __future__ import annotations

import re

from providers.address import Base
from providers.base import Account
from providers.base import Ask
from providers.base import Pairs
from providers.provider import Provider

PATHS = {"realtime": "/realtime", "translations": "/realtime/translations", "live": "/live/sessions"}


def root_of(path: str) -> str:
    """The API root of a base path: what stands before a full session path, else the path, with `/v1` where it ends in no version."""
    root = re.sub(r"/(realtime(/translations)?|live/sessions)$", "", path)
    return root if root != path or re.search(r"/v[0-9][0-9a-z]*$", root) else f"{root}/v1"


def selector(ask: Ask, name: str = "model") -> Pairs:
    """The one parameter that says what the session is: the call, else the transcription intent, else the model."""
    if ask.call_id:
        return (("call_id", ask.call_id),)
    if ask.transcribes:
        return (("intent", "transcription"),)
    return ((name, ask.model),) if ask.model else ()


class OpenAIStyle(Provider):
    """A server whose sessions are at `<root>/realtime` with exactly one of `model`, `call_id` and `intent`."""

    def target(self, account: Account, base: Base, ask: Ask) -> tuple[str, Pairs]:
        return self.root(base) + PATHS[ask.endpoint.endpoint], self.query(ask)

    def root(self, base: Base) -> str:
        return root_of(base.path)

    def query(self, ask: Ask) -> Pairs:
        return () if ask.family == "live" else selector(ask)
