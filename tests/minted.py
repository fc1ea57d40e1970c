"""Ephemeral keys as they are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from store.tokens import Token
from store.tokens import new_token
from store.tokens import sealed


def minted(expires: datetime, **more: Any) -> tuple[Token, str]:
    """One, of the key `web` for a session with a simple model, and its text."""
    token_id, text = new_token()
    fields: dict[str, Any] = {
        "id": token_id,
        "hash": "",
        "principal": "web",
        "provider": "openai",
        "route": None,
        "model": "gpt-realtime",
        "upstream_model": "gpt-realtime",
        "family": "realtime",
        "expires": expires,
        "secret": "ek_canary_of_the_provider",
        **more,
    }
    return sealed(Token(**fields), text), text
