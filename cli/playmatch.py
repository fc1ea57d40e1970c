"""What a message of the app has to have in common with the recorded one: all of it but ids that the app made up, times and sound."""

from __future__ import annotations

import json
from collections.abc import Collection
from collections.abc import Iterator
from typing import Any
from typing import Final
from typing import NamedTuple

from realtime.jsonedit import Edit
from realtime.jsonedit import edited
from realtime.jsonpath import Keys
from realtime.jsonpath import Path
from realtime.jsonpath import descend
from realtime.jsonpath import locate
from realtime.jsonpath import written

_NAMES: Final = frozenset(
    ("event_id", "client_event_id", "item_id", "previous_item_id", "call_id", "response_id", "tool_call_id", "approval_request_id", "id")
)
_NO_IDS: Final = frozenset(("prompt", "voice", "model", "agent"))
"""Whose `id` is a choice of the app."""
_METADATA: Final = "metadata"
"""Whatever an app writes into it comes back as it was."""
_TIMES: Final = frozenset(("audio_end_ms", "timestamp", "timestamp_ms", "created_at", "time", "sent_at"))
_MOST: Final = 20
"""Differences of one message that are told."""
_LONGEST: Final = 80
"""Characters of a value that is told."""
_NOTHING: Final = object()


class Difference(NamedTuple):
    """What stands at a place in the recording and here; an absent value reads `nothing`."""

    path: str
    recorded: str
    seen: str


def ids_in(event: Any) -> Iterator[tuple[Keys, str]]:
    """The ids in a message, with their places."""
    return ((keys, value) for keys, value in descend(event) if isinstance(value, str) and value and _is_id(keys))


def _is_id(keys: Keys) -> bool:
    if not keys or not isinstance(keys[-1], str):
        return False
    if _METADATA in keys[:-1]:
        return True
    return keys[-1] in _NAMES and not (keys[-1] == "id" and len(keys) > 1 and keys[-2] in _NO_IDS)


class Matcher:
    """Compares the messages of one connection; `renamed` has the app's own id for each that the app made up in the recording."""

    def __init__(self, theirs: Collection[str], ignored: Collection[Path]) -> None:
        self.renamed: dict[str, str] = {}
        self._theirs = theirs
        self._ignored = ignored

    def differences(self, recorded: Any, seen: Any, without: Collection[Keys] = ()) -> list[Difference]:
        """In which values the two differ, as far as that matters; none where they are the same."""
        skipped = {*without, *(keys for path in self._ignored for event in (recorded, seen) for keys, _ in locate(path, event))}
        found = self._compared((), recorded, seen, skipped)
        return [difference for difference, _ in zip(found, range(_MOST), strict=False)]

    def learn(self, recorded: Any, seen: Any) -> None:
        """The two are one message: where the recording has an id that the app made up, the app says another one now."""
        now = dict(ids_in(seen)) if isinstance(seen, dict) else {}
        for keys, value in ids_in(recorded) if now else ():
            if value not in self._theirs and keys in now and value != now[keys]:
                self.renamed[value] = now[keys]

    def spoken(self, payload: bytes, event: Any) -> bytes:
        """A message of the server with the app's own ids in it."""
        edits = [Edit(keys, self.renamed[value]) for keys, value in ids_in(event) if value in self.renamed]
        return edited(payload, edits) if edits else payload

    def _compared(self, keys: Keys, recorded: Any, seen: Any, skipped: Collection[Keys]) -> Iterator[Difference]:
        if keys in skipped or (keys and keys[-1] in _TIMES):
            return
        if isinstance(recorded, dict) and isinstance(seen, dict):
            for name in dict.fromkeys((*recorded, *seen)):
                yield from self._compared((*keys, name), recorded.get(name, _NOTHING), seen.get(name, _NOTHING), skipped)
        elif isinstance(recorded, list) and isinstance(seen, list) and len(recorded) == len(seen):
            for number, (mine, yours) in enumerate(zip(recorded, seen, strict=True)):
                yield from self._compared((*keys, number), mine, yours, skipped)
        elif recorded != seen and not (_is_id(keys) and self._is_free(recorded, seen)):
            yield Difference(written(keys), _shown(recorded), _shown(seen))

    def _is_free(self, recorded: Any, seen: Any) -> bool:
        """Whether an id need not be that of the recording: the app made it up, and it is the one it says now."""
        if isinstance(recorded, dict | list) or isinstance(seen, dict | list):
            return False
        if recorded is _NOTHING or seen is _NOTHING:
            return recorded not in self._theirs
        return recorded not in self._theirs and self.renamed.get(recorded, seen) == seen


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    text = repr(value) if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
