"""What was said, as the log's writer keeps it: texts leave the record, which holds their commitments, for a file of their session.

A text is written before the record that commits to it, and its key before it. Whoever erases a session while it runs ends its
content for good: what is said later is not kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections import deque
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from store.cipher import Cipher
from store.cipher import header
from store.commit import Committer
from store.contentfolder import files_of
from store.contentfolder import key_number
from store.contentfolder import path_of
from store.contentfolder import remove
from store.errors import LogUnavailable
from store.errors import explained
from store.files import private_folder
from store.journal import Journal
from store.keyfile import KeyFile
from store.lines import Row
from store.replay import Ahead
from store.texts import owner
from store.texts import separated
from store.texts import without

_REMEMBERED: Final = 128
"""Texts of a session that are known to be written, so that a record that is written again does not repeat them."""
_REMEMBERED_ERASED: Final = 1_024

Place = tuple[str, str]
"""Day and session."""


class ContentFile(Journal):
    """The file of one session. It is open only while it is written to, since there are as many as there are sessions."""

    rank = 0
    stays_open = False
    """Whether it is left open between writes, for whoever writes often; it is then closed by its writer."""

    def __init__(self, path: Path, keys: KeyFile, session: str, number: int) -> None:
        super().__init__(path, header=header(session, number))
        self.number = number
        self.erased = False
        self.finished = False
        """Of a file beside the texts: whether nothing more will be written to it."""
        self._keys = keys
        self._lock = threading.Lock()

    def append(self, lines: bytes) -> None:
        """As `Journal.append`; writes nothing any more once it was erased."""
        with self._lock:
            if self.erased:
                return
            self._keys.flush()
            try:
                super().append(lines)
            except FileNotFoundError:
                private_folder(self.path.parents[1])
                private_folder(self.path.parent)
                super().append(lines)
            if not self.stays_open:
                self.close()

    def erase(self) -> bool:
        """Remove the file for good; False where there is none. Raises OSError."""
        with self._lock:
            self.erased = True
            self.close()
            return remove(self.path)


class Box:
    """What is kept in memory of one content while it is written."""

    __slots__ = ("_key", "_recent", "beside", "cipher", "file")

    def __init__(self, file: ContentFile, key: bytes) -> None:
        self.file = file
        self.beside: list[ContentFile] = []
        """Files under the same key that somebody else writes to."""
        self.cipher = Cipher(key)
        self._key = key
        self._recent: OrderedDict[bytes, None] = OrderedDict()

    def add[F: ContentFile](self, make: Callable[[int, bytes], F]) -> F:
        """A file beside the texts, made of the key's number and the key."""
        made = make(self.file.number, self._key)
        self.beside.append(made)
        return made

    @property
    def files(self) -> tuple[ContentFile, ...]:
        """All files of the session."""
        return (self.file, *self.beside)

    def lines(self, found: dict[bytes, bytes]) -> bytes:
        """Texts by their commitments as lines, but those that are known to be written."""
        return b"".join(self.cipher.line(commit, text) for commit, text in found.items() if commit not in self._recent)

    def remember(self, found: dict[bytes, bytes]) -> None:
        """These are written."""
        self._recent.update(dict.fromkeys(found))
        while len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)


class Contents:
    """All contents that are written to. `destroy` and `ahead` are called from any thread, the others from the log's alone."""

    def __init__(self, data: Path, committer: Committer, keys: KeyFile) -> None:
        self.keys = keys
        self._data = data
        self._committer = committer
        self._boxes: dict[Place, Box] = {}
        self._erased: dict[str, None] = {}
        """Sessions that were erased: all that run, and the newest that are over."""
        self._over: deque[str] = deque()

    def keep(self, table: str, row: Row, day: str) -> Row:
        """A record of a day without its texts, which are written. Raises LogUnavailable, with nothing written, where they are lost."""
        session = owner(row)
        if session in self._erased:
            return without(table, row)
        found: dict[bytes, bytes] = {}

        def commitment(text: bytes) -> str:
            commit = self._box(day, session).cipher.commit(text)
            found[commit] = text
            return commit.hex()

        made = separated(table, row, commitment)
        if found:
            self._write(self._box(day, session), found)
        return made

    def beside[F: ContentFile](self, day: str, session: str, make: Callable[[int, bytes], F]) -> F:
        """A file of this session that its own writer writes to, erased with the texts; `make` as in `Box`. Raises LogUnavailable."""
        return self._box(day, session).add(make)

    def places(self, session: str) -> list[Place]:
        """The contents of a session that are written to, on the disk yet or not."""
        return [place for place in self._boxes if place[1] == session]

    def expel(self, session: str) -> None:
        """Keep nothing more of a session that runs."""
        self._erased[session] = None

    def forget(self, session: str) -> None:
        """A session is over. What is still told of one that was erased is not kept either."""
        if session in self._erased:
            self._over.append(session)
            while len(self._over) > _REMEMBERED_ERASED:
                self._erased.pop(self._over.popleft(), None)

    def retire(self, live: Collection[str]) -> None:
        """Let go of what belongs to no live session and is written."""
        for place, box in list(self._boxes.items()):
            if place[1] not in live and all(file.finished for file in box.beside) and self._committer.retire(box.file):
                del self._boxes[place]

    def ahead(self, day: str, session: str) -> Ahead | None:
        """How much of a content is acknowledged, and what will follow; None for one that is not written to."""
        box = self._boxes.get((day, session))
        return None if box is None else self._committer.ahead(box.file)

    def destroy(self, places: Iterable[Place]) -> int:
        """Destroy the keys of contents, then remove them; returns how many there were. May be repeated. Raises OSError."""
        files = {place: files_of(self._data, *place) for place in places}
        boxes = {place: box for place in files if (box := self._boxes.get(place)) is not None}
        numbers = {number for paths in files.values() for path in paths if (number := key_number(path)) is not None}
        self.keys.destroy(numbers | {box.file.number for box in boxes.values()})
        return sum(self._gone(paths, boxes.get(place)) for place, paths in files.items())

    def _gone(self, paths: Iterable[Path], box: Box | None) -> bool:
        """Remove the files of a session; False where there are none. Raises OSError."""
        erased = [file.erase() for file in box.files] if box is not None else []
        return any([*erased, *map(remove, paths)])

    def _write(self, box: Box, found: dict[bytes, bytes]) -> None:
        if lines := box.lines(found):
            self._committer.put(box.file, lines)
        box.remember(found)

    def _box(self, day: str, session: str) -> Box:
        box = self._boxes.get((day, session))
        if box is None:
            path = path_of(self._data, day, session)
            try:
                box = self._boxes[day, session] = self._found(path, session) or self._new(path, session)
            except OSError as error:
                raise LogUnavailable(explained(error, path)) from error
        return box

    def _new(self, path: Path, session: str) -> Box:
        number, key = self.keys.new()
        return Box(ContentFile(path, self.keys, session, number), key)

    def _found(self, path: Path, session: str) -> Box | None:
        """A content that an earlier run has begun. Raises LogUnavailable for one whose key is gone."""
        number = key_number(path)
        if number is None and not path.exists(follow_symlinks=False):
            return None
        key = None if number is None else self.keys.get(number)
        if number is None or key is None:
            raise LogUnavailable(f"{path}: its key is gone, nothing can be added to it")
        file = ContentFile(path, self.keys, session, number)
        file.open()
        file.close()
        return Box(file, key)
