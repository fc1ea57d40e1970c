"""What a text slot is, and the readers from which the tables of the dialects are made. Nothing in an event makes one raise."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import Literal
from typing import NamedTuple
from typing import get_args

from realtime.dialects.fields import Fields
from realtime.dialects.fields import obj
from realtime.dialects.fields import text
from realtime.dialects.fields import whole
from realtime.frame import LONGEST_WORD
from realtime.jsonpath import Keys
from realtime.jsonpath import Path
from realtime.jsonpath import compile_path
from realtime.jsonpath import descend
from realtime.jsonpath import locate

Kind = Literal[
    "user_text",
    "user_transcript",
    "model_text",
    "model_transcript",
    "instructions",
    "tool_schema",
    "tool_arguments",
    "tool_result",
    "mcp",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SPOKEN: Final[tuple[Kind, ...]] = ("model_transcript", "model_text")
"""What the model says."""

Part = Literal["whole", "delta", "draft", "final"]
"""`delta`: what is added to a text; `draft`: all of it so far, to be replaced; `final`: all of it; `whole`: it came in one piece."""


class Stream(NamedTuple):
    """The text that a delta, draft or final belongs to: of which answer and item, and under which of two names it comes."""

    owner: str | None
    item: str | None
    content: int
    kind: Kind
    name: str = ""

    @property
    def words(self) -> tuple[str | None, int, Kind]:
        """What is the same for every event that carries this text."""
        return self.item or self.owner, self.content, self.kind


class Text(NamedTuple):
    """Words of an event. `keys` is where they stand; `value` is the text, or a number in writing."""

    kind: Kind
    keys: Keys
    value: str
    stream: Stream | None = None
    part: Part = "whole"


Read = Callable[[Any, Keys, Fields], Iterator[Text]]
"""Takes a value, where it stands, and the event with the ids."""


class Slot(NamedTuple):
    """A path of an event and how what stands there is read."""

    path: Path
    read: Read


Slots = tuple[Slot, ...]
Table = Mapping[str, Slots]
"""Event type to its slots."""


def slots(*rows: tuple[str, Read]) -> Slots:
    """Slots by their paths, `$.item.content[*].text`."""
    return tuple(Slot(compile_path(path), read) for path, read in rows)


def gather(found: Slots, event: Fields, value: Any = None, keys: Keys = ()) -> Iterator[Text]:
    """The texts of all slots in `value`, which stands at `keys` of `event`; in the event itself where there is none."""
    within = event if value is None else value
    for path, read in found:
        for inner, seen in locate(path, within):
            yield from read(seen, (*keys, *inner), event)


def words(kind: Kind) -> Read:
    """A text by itself."""

    def read(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
        if isinstance(value, str) and value:
            yield Text(kind, keys, value)

    return read


def leaves(kind: Kind) -> Read:
    """A text, or every text and number inside an object or array."""

    def read(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
        for inner, leaf in descend(value):
            if (isinstance(leaf, str) and leaf and not is_sound(inner, leaf)) or type(leaf) in (int, float):
                yield Text(kind, (*keys, *inner), str(leaf))

    return read


def streamed(kind: Kind, part: Part, name: str = "") -> Read:
    """A piece, a draft or the end of a text whose ids stand in the event."""

    def read(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
        if isinstance(value, str) and (value or part == "final"):
            yield Text(kind, keys, value, stream_of(event, kind, name), part)

    return read


def stream_of(event: Fields, kind: Kind, name: str = "") -> Stream:
    """The stream that the ids of an event name."""
    return Stream(owner_of(event), text(event, "item_id", "call_id"), whole(event, "content_index") or 0, kind, name)


def owner_of(event: Fields) -> str | None:
    """The id of the answer that an event belongs to."""
    return text(event, "response_id") or text(obj(event, "response"), "id")


def nested(slots_of: Slots) -> Read:
    """A value with slots of its own."""

    def read(value: Any, keys: Keys, event: Fields) -> Iterator[Text]:
        if isinstance(value, dict):
            yield from gather(slots_of, event, value, keys)

    return read


_SOUND: Final = frozenset(("audio", "data", "delta", "image", "video_frame", "audio_base_64", "user_audio_chunk"))


def is_sound(keys: Keys, value: str) -> bool:
    """Whether a text is sound or a picture in base64: long, under a name for that, and without any sign of writing."""
    if len(value) <= LONGEST_WORD or not keys or keys[-1] not in _SOUND or not value.isascii():
        return False
    return not (" " in value or '"' in value or "@" in value or "," in value or ":" in value or "." in value)
