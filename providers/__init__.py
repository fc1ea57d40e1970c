"""Where to dial, how to authenticate and which dialect: one provider a file, all without I/O.

`KINDS` is the registry; a new provider is one file and one row here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from providers.azure import Azure
from providers.bailian import Bailian
from providers.base import Endpoint
from providers.base import Pairs
from providers.base import ProviderError
from providers.compatible import Compatible
from providers.elevenlabs import ElevenLabs
from providers.gemini import Gemini
from providers.openai import OpenAI
from providers.provider import Provider
from providers.simulator import Simulator
from providers.xai import XAI
from providers.zai import Zai

_ALL: Final[tuple[Provider, ...]] = (
    OpenAI(),
    Azure(),
    XAI(),
    Bailian(),
    Zai(),
    ElevenLabs(),
    Gemini(),
    Compatible(),
    Simulator(),
)
KINDS: Final[Mapping[str, Provider]] = {provider.kind: provider for provider in _ALL}


def provider(kind: str) -> Provider:
    """The provider of a kind. Raises ProviderError 500 `unknown_kind`, which lists the known ones."""
    try:
        return KINDS[kind]
    except KeyError:
        raise ProviderError(500, "unknown_kind", f"no provider is of kind {kind[:40]!r}; known: {', '.join(KINDS)}") from None


def recognise(host: str, path: str, query: Pairs = ()) -> Endpoint | None:
    """What a request to a provider's own public host means; None for other hosts and for what is no realtime traffic."""
    return next((found for known in _ALL if (found := known.recognises(host, path, query))), None)
