"""Virtual keys: made from given randomness, known by their hash alone, looked up in constant time."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Final
from typing import Literal

from rules.access import Key

PREFIX: Final = "vt_"
RANDOM_BYTES: Final = 32

State = Literal["ok", "revoked", "expired"]


def new_key(randomness: bytes) -> str:
    """A key made of 32 random bytes. Raises ValueError for any other number of bytes."""
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"a key is made of {RANDOM_BYTES} random bytes, not {len(randomness)}")
    return PREFIX + urlsafe_b64encode(randomness).rstrip(b"=").decode()


def hash_key(key: str) -> str:
    """`sha256:` and 64 hexadecimal digits. A plain digest is enough because keys are generated, with 256 random bits."""
    return "sha256:" + sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def find_key(keys: Iterable[Key], presented: str) -> Key | None:
    """The key whose hash is that of `presented`. Compares with every key, each in constant time."""
    digest = hash_key(presented).encode()
    found = None
    for key in keys:
        if hmac.compare_digest(key.hash.encode(), digest) and found is None:
            found = key
    return found


def state(key: Key, now: datetime) -> State:
    """Whether `key` works at `now` (an aware time)."""
    if key.revoked:
        return "revoked"
    return "expired" if key.expires is not None and now >= key.expires else "ok"


def allows(key: Key, model: str, provider: str) -> bool:
    """Whether `key` may use `model` (its catalogue name) at `provider`; a glob may name the model alone or provider/model."""
    if key.models is None:
        return True
    names = (model, f"{provider}/{model}")
    return any(fnmatchcase(name, glob) for glob in key.models for name in names)
