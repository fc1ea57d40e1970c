"""Ids that a provider gives, by what they are ids of, so that what a client said of one thing can be said of the same thing elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from typing import Final

Thing = tuple[str | int | None, ...]
"""What an id names: the nth answer, the nth item of its kind in that answer, the nth item of its kind outside of answers."""

_ITEM: Final = ("conversation.item.added", "conversation.item.created")
_NAMED: Final = ("id", "item_id", "previous_item_id", "response_id")
"""Fields of a client's message that have such an id."""
_CALLS: Final = ("call_id", "tool_call_id", "id")
_GONE: Final = object()


class Ids:
    """Of the recorded session (`recorded`, `own`) and of the one that replays it (`live`), whose answers are numbered alike."""

    def __init__(self) -> None:
        self._recorded = _Named()
        self._live = _Named()
        self._own: set[str] = set()

    def recorded(self, event: Mapping[str, Any], answer: int) -> None:
        """A message of the provider in the recording; `answer` is the number of the last answer."""
        self._recorded.take(event, answer)

    def live(self, event: Mapping[str, Any], answer: int) -> None:
        """A message of the provider now."""
        self._live.take(event, answer)

    def own(self, event: Mapping[str, Any]) -> None:
        """A message of the client in the recording: ids that it gives stay what they are."""
        item = event.get("item")
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            self._own.add(item["id"])

    def is_foreign(self, name: object) -> bool:
        """Whether this is an id that the recorded provider gave."""
        return isinstance(name, str) and name not in self._own and name in self._recorded.things

    def now(self, name: str) -> str | None:
        """The id that the same thing has now; None where there is no such thing."""
        return self._live.names.get(self._recorded.things[name])

    def rewritten(self, value: Any, missing: list[str]) -> Any:
        """A client's message with ids of now in the place of those of then. Fields with ids of what is not there go to `missing`."""
        if isinstance(value, list):
            return [self.rewritten(member, missing) for member in value]
        if not isinstance(value, dict):
            return value
        made: dict[str, Any] = {}
        for name, member in value.items():
            if name not in _NAMED or not self.is_foreign(member):
                made[name] = self.rewritten(member, missing)
            elif (found := self.now(member)) is not None:
                made[name] = found
            else:
                missing.append(name)
        return made


class _Named:
    """One side's ids."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.names: dict[Thing, str] = {}
        self._counts: Counter[Thing] = Counter()

    def take(self, event: Mapping[str, Any], answer: int) -> None:
        kind, item = event.get("type"), event.get("item")
        if kind == "response.created":
            response = event.get("response")
            self._name(response.get("id") if isinstance(response, dict) else None, ("response", answer))
        elif isinstance(item, dict) and kind == "response.output_item.added":
            owner = self.things.get(str(event.get("response_id")), ("response", answer))
            self._next(item.get("id"), (*owner, item.get("type")))
        elif isinstance(item, dict) and kind in _ITEM:
            self._next(item.get("id"), ("item", item.get("type"), item.get("role")))

    def _next(self, name: object, kind: Thing) -> None:
        if isinstance(name, str) and name not in self.things:
            self._counts[kind] += 1
            self._name(name, (*kind, self._counts[kind]))

    def _name(self, name: object, thing: Thing) -> None:
        if isinstance(name, str) and name not in self.things:
            self.things[name] = thing
            self.names[thing] = name


def with_calls(value: Any, calls: dict[str, str | None]) -> Any:
    """A client's message with the calls of now in the place of the recorded ones; results of calls that are not there go out of lists."""
    if not calls:
        return value
    if isinstance(value, list):
        return [made for member in value if (made := with_calls(member, calls)) is not _GONE]
    if not isinstance(value, dict):
        return value
    named = {name: value[name] for name in _CALLS if isinstance(value.get(name), str) and value[name] in calls}
    if any(calls[name] is None for name in named.values()):
        return _GONE
    return {name: calls[named[name]] if name in named else with_calls(member, calls) for name, member in value.items()}
