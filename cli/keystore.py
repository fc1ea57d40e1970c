"""Keys of the data folder: read, added and revoked in the state that a running proxy follows. Documents have the fields of `Key`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import Final

from tinydb import where

from cli.errors import Failure
from rules.access import Key
from rules.keys import hash_key
from rules.keys import new_key
from store.errors import StoreError
from store.state import State

FIRST: Final = "default"
"""The id of the key that the first start makes."""


def stored_keys(data: Path) -> tuple[Key, ...]:
    """Every key of the folder, revoked ones too; none where there is no folder yet. Raises Failure VT102."""
    with open_state(data) as state:
        return tuple(Key.model_validate(dict(document)) for document in state.keys.all())


def stored_ids(data: Path) -> list[str]:
    """The ids of the keys that are not revoked."""
    return [key.id for key in stored_keys(data) if not key.revoked]


def add_key(data: Path, record: Mapping[str, Any]) -> None:
    """Keep a key. Raises Failure VT104 when its id was used before, revoked or not: records must stay unambiguous."""
    with open_state(data) as state, state.exclusive():
        if state.keys.contains(where("id") == record["id"]):
            raise Failure("VT104", f"there is a key {record['id']!r} already, or was one", "choose another name")
        state.keys.insert(record)


def revoke_key(data: Path, name: str) -> bool:
    """Revoke a key; False when the folder has none of this id."""
    with open_state(data) as state:
        return bool(state.keys.update({"revoked": True}, where("id") == name))


def make_first_key(data: Path) -> str:
    """Make and keep the first key of a folder; returns the key itself."""
    secret = new_key(os.urandom(32))
    add_key(data, {"id": FIRST, "hash": hash_key(secret)})
    return secret


def forget_first_key(data: Path) -> None:
    """Take back a first key that nobody was shown."""
    with open_state(data) as state:
        state.keys.remove(where("id") == FIRST)


@contextmanager
def open_state(data: Path) -> Iterator[State]:
    """The state of a data folder. Raises Failure VT102, also for what fails inside of the block."""
    state = None
    try:
        state = State(data)
        yield state
    except StoreError as error:
        raise Failure("VT102", str(error), f"check {data}") from None
    except OSError as error:
        raise Failure("VT102", f"{error.filename}: {error.strerror}", f"check {data}") from None
    finally:
        if state is not None:
            state.close()
