"""The sound that recorded messages were kept without, cut out of the session's WAV files where each piece of it stands in them.

The model's is that of its turn's file, from the first of its messages on. The user's is the left channel of the whole session, where
`realtime/soundtrack.py` puts what arrived. What is not in the files (nothing was recorded, it was silenced, nobody heard it) is silence.
"""

from __future__ import annotations

import wave
from array import array
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from mmap import ACCESS_READ
from mmap import mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final
from typing import Literal
from typing import NamedTuple

from cli.records import Record
from realtime.audio import AudioFormat
from realtime.audio import base64_size
from realtime.audio import parse_format
from realtime.frame import Frame
from realtime.g711 import LAWS
from realtime.soundtrack import Arrival
from realtime.soundtrack import Delta
from realtime.soundtrack import played
from realtime.soundtrack import spoken
from store.export.sound import NoSound
from store.export.sound import opened
from store.framereader import Frames
from store.framereader import Wanted
from store.frames import Direction
from store.frames import Event
from store.frames import Sound
from store.pcm import WIDTH
from store.pcm import Resampler
from store.soundfolder import STEREO
from store.soundfolder import clip

Source = Literal["none", "kept", "recorded", "silent"]
"""Of a message's sound: it has none, it is as it was sent, it is from the recording, it is silence as long as it was."""

_BLOCK: Final = 48_000
"""Samples that are read at once."""
_OPEN: Final = 8
"""Files that are kept open."""
_SPOKEN: Final = frozenset({"speech_stopped", "commit", "append"})
"""What `clocks.since` has where the user spoke."""
_ROUNDED: Final = 0.001
"""Seconds by which the moments of records may be off."""


class _Piece(NamedTuple):
    """Sound that was left out of a message: where it begins in its file, and how many samples and bytes it has."""

    form: AudioFormat
    turn: int
    start: int
    length: int


class RecordedSound:
    """The sound of one session. Its files are opened when the first piece is asked for."""

    def __init__(self, data: Path, record: Record, turns: list[Record], frames: Frames) -> None:
        self._data = data
        self._record = record
        self._turns = turns
        self._frames = frames
        self._pieces: dict[Direction, dict[tuple[int, int], _Piece]] = {}
        self._track = lru_cache(_OPEN)(self._made)

    def of(self, event: Event) -> tuple[list[bytes], Source]:
        """What stood in the places that a message was kept without, in their order, and where it comes from. Raises OSError."""
        if event.from_ not in self._pieces:
            self._pieces[event.from_] = dict(self._user() if event.from_ == "client" else self._model())
        pieces = [self._pieces[event.from_].get((event.n, number)) for number in range(len(event.elided))]
        found = [self._cut(event.from_, piece) if piece is not None else None for piece in pieces]
        if not any(found):
            return [], "silent"
        return [_as_it_stood(place, pcm or b"") for place, pcm in zip(event.elided, found, strict=True)], "recorded"

    def turn(self, number: int, form: AudioFormat) -> bytes:
        """All that was heard of the answer of a turn, in a format; nothing where there is no sound of it. Raises OSError."""
        track = self._track(clip(number, "model"), form)
        return track[:] if track is not None else b""

    @property
    def seconds(self) -> float:
        """How long the session's file is; 0 without one."""
        return float((self._record.get("recording") or {}).get("seconds") or 0)

    def user(self, form: AudioFormat, start: int, length: int) -> bytes:
        """Samples of the user's side of the whole session, silence after its end; nothing without a file. Raises OSError."""
        track, width = self._track(STEREO, form), 1 if form.encoding in LAWS else WIDTH
        found = track[start * width : (start + length) * width] if track is not None else b""
        return found.ljust(length * width, _quiet(form)) if track is not None else b""

    def _cut(self, side: Direction, piece: _Piece) -> bytes | None:
        """None where nothing of it is there."""
        track = self._track(STEREO if side == "client" else clip(piece.turn, "model"), piece.form)
        width = 1 if piece.form.encoding in LAWS else WIDTH
        found = track[piece.start * width : (piece.start + piece.length) * width] if track is not None and piece.start >= 0 else b""
        return found.ljust(piece.length * width, _quiet(piece.form)) if found else None

    def _model(self) -> Iterator[tuple[tuple[int, int], _Piece]]:
        """Each turn's messages as they were played one after the other."""
        turns: dict[tuple[int, AudioFormat], list[tuple[tuple[int, int], Delta]]] = defaultdict(list)
        items: dict[str | None, int] = {}
        for event, number, form, length in self._left_out("server"):
            if event.turn is not None:
                item = items.setdefault(Frame(False, (event.payload or "").encode()).head.item_id, len(items))
                delta = Delta(round(event.at * form.rate / 1e6), length, event.turn, item)
                turns[event.turn, form].append(((event.n, number), delta))
        for (turn, form), deltas in turns.items():
            pieces = played([delta for _, delta in deltas], form.rate)
            for (name, _), piece in zip(deltas, pieces, strict=True):
                yield name, _Piece(form, turn, piece.start - pieces[0].start, piece.whole)

    def _user(self) -> Iterator[tuple[tuple[int, int], _Piece]]:
        formats: dict[AudioFormat, list[tuple[tuple[int, int], Arrival]]] = defaultdict(list)
        for event, number, form, length in self._left_out("client"):
            formats[form].append(((event.n, number), Arrival(round(event.at * form.rate / 1e6), length)))
        for form, arrivals in formats.items():
            ends = sorted(round((end + _ROUNDED) * form.rate) for end in self._ends())
            starts = spoken([arrival for _, arrival in arrivals], form.rate, ends)
            for (name, arrival), start in zip(arrivals, starts, strict=True):
                yield name, _Piece(form, 0, start, arrival.length)

    def _ends(self) -> Iterator[float]:
        """When the user's side of each turn was complete, in seconds since the session began."""
        began = datetime.fromisoformat(self._record["started_at"])
        for turn in self._turns:
            ended = turn.get("moments", {}).get("user_ended")
            if ended is not None and turn["clocks"].get("since") in _SPOKEN:
                yield (datetime.fromisoformat(turn["started_at"]) - began).total_seconds() + ended / 1000

    def _left_out(self, side: Direction) -> Iterator[tuple[Event, int, AudioFormat, int]]:
        """Every piece of sound that messages were kept without: message, number in it, format, samples. Formats without a rate are none."""
        for event in self._frames.events(Wanted(direction=side)):
            if event.outcome != "dropped":
                for number, place in enumerate(event.elided):
                    form = _format(place)
                    if form is not None:
                        yield event, number, form, _bytes(place, form) // (1 if form.encoding in LAWS else WIDTH)

    def _made(self, name: str, form: AudioFormat) -> mmap | None:
        """A file's first channel in a format; None where there is no such sound. Raises OSError."""
        with suppress(NoSound, FileNotFoundError), opened(self._data, self._record, name) as file, wave.open(file) as source:
            return _converted(source, form)
        return None


def _converted(source: wave.Wave_read, form: AudioFormat) -> mmap | None:
    with TemporaryFile() as made:
        resampler = Resampler(source.getframerate(), form.rate)
        while block := source.readframes(_BLOCK):
            samples = array("h", block)[:: source.getnchannels()]
            made.write(_encoded(resampler.feed(samples.tobytes()), form))
        made.write(_encoded(resampler.flush(), form))
        made.flush()
        return mmap(made.fileno(), 0, access=ACCESS_READ) if made.tell() else None


def _quiet(form: AudioFormat) -> bytes:
    return LAWS[form.encoding].encode((0,)) if form.encoding in LAWS else b"\0"


def _format(place: Sound) -> AudioFormat | None:
    """As it was declared; None for one that has no rate."""
    name, _, rate = (place.format or "").partition("/")
    form = parse_format(name, int(rate)) if rate.isdigit() else None
    return None if form is None or form.encoding == "other" else AudioFormat(form.encoding, int(rate))


def _bytes(place: Sound, form: AudioFormat) -> int:
    """Behind the characters that stood at a place; of samples of two bytes an even number."""
    size = base64_size(place.size, place.padding) if place.path else place.size
    return size if form.encoding in LAWS else size - size % WIDTH


def _as_it_stood(place: Sound, sound: bytes) -> bytes:
    return b64encode(sound).ljust(place.size, b"A")[: place.size] if place.path else sound.ljust(place.size, b"\0")


def _encoded(pcm: bytes, form: AudioFormat) -> bytes:
    return LAWS[form.encoding].encode(array("h", pcm)) if form.encoding in LAWS else pcm
