"""Checks a log, or a copy of one: its chains, what their seals and the files after them say of their ends, and its contents.

Nothing is written, and no proxy is needed. Of each file the first record is named that is not as it was written.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from functools import partial
from pathlib import Path

import msgspec

from store.chain import BEGINNING
from store.chain import Head
from store.chain import beginning_of
from store.days import days_in
from store.days import file_of
from store.days import folder_of
from store.files import blocks
from store.files import end_of_lines
from store.files import open_reading
from store.lock import LOCK
from store.lock import is_closed
from store.seal import PUBLIC
from store.seal import SUFFIX
from store.seal import BadSeal
from store.seal import checked
from store.seal import read_public
from store.verifycontent import ContentCheck
from store.verifyfile import Bad
from store.verifyfile import Walk
from store.verifyfile import Witness
from store.verifyseals import Unsealed


@dataclass(slots=True)
class FileReport:
    """What was found of one file.

    `sealed` is the last line that is vouched for from outside, `torn` are bytes of an unfinished line. `warning` is what looks as if
    something was taken away, and may have another reason.
    """

    file: str
    lines: int = 0
    bytes: int = 0
    chain: str | None = None
    unchained: int = 0
    sealed: int = 0
    torn: int = 0
    warning: str | None = None
    bad: Bad | None = None


@dataclass(slots=True)
class Report:
    """What was found. `key` is the id of the public key that the seals were checked with."""

    key: str | None = None
    files: list[FileReport] = field(default_factory=list)
    seals: int = 0
    texts: int = 0
    erased: int = 0
    seconds: float = 0.0

    @property
    def bad(self) -> FileReport | None:
        """The first file with a bad record."""
        return next((report for report in self.files if report.bad is not None), None)

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(report.bytes for report in self.files)


def verify(data: Path, *, public: Path | None = None, anchor: Path | None = None) -> Report:
    """Check the log of a data folder. `public` is the key to trust instead of the folder's own, `anchor` a file of seals from elsewhere.

    Raises OSError, and ValueError for a key that is none.
    """
    began = time.perf_counter()
    verification = _Verification(data, public, anchor)
    report = verification.run()
    report.seconds = time.perf_counter() - began
    return report


class _Verification:
    def __init__(self, data: Path, public: Path | None, anchor: Path | None) -> None:
        self._folder = folder_of(data)
        self._anchor = anchor
        own = data / PUBLIC
        self._keys = read_public(public or own) if public is not None or own.exists(follow_symlinks=False) else {}
        self._report = Report(next(iter(self._keys), None))
        self._files: dict[str, FileReport] = {}
        self._witnesses: dict[str, list[Witness]] = {}
        self._contents = ContentCheck(data)
        self._closed: str | None = None
        """The newest day, where the writer of the log ended properly."""
        self._sealed: set[str] = set()
        """Files of which there is a genuine seal."""

    def run(self) -> Report:
        days = days_in(self._folder)
        self._closed = max(days, default=None) if is_closed(self._folder / LOCK) else None
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            self._seals(path, "a seal")
        if self._anchor is not None:
            self._seals(self._anchor, "the anchor")
        for day in reversed(days):
            self._walk(day)
            self._after(file_of(self._folder, day))
        self._judge(days)
        report = self._report
        report.files = [self._files[name] for name in sorted(self._files)]
        report.texts, report.erased = self._contents.texts, self._contents.erased
        return report

    def _of(self, name: str) -> FileReport:
        return self._files.setdefault(name, FileReport(name))

    def _seals(self, path: Path, by: str) -> None:
        """What a file of seals says, up to the first that is not genuine."""
        for number, line in enumerate(_lines(path), 1):
            try:
                seal = checked(line, self._keys)
            except BadSeal as error:
                self._of(path.name).bad = Bad(number, f"this seal is not genuine: {error}")
                return
            self._report.seals += 1
            self._sealed.add(seal.file)
            self._witnesses.setdefault(seal.file, []).append(Witness(Head(seal.chain, seal.seq, seal.head), f"{by} of {seal.at}"))

    def _after(self, path: Path) -> None:
        """What the first line of a file, unless that is bad itself, says of the file before it."""
        if (bad := self._of(path.name).bad) is not None and bad.line == 1:
            return
        first = next(_lines(path), b"")
        try:
            after = beginning_of(first).after if first.startswith(BEGINNING) else None
        except msgspec.DecodeError:
            return
        if after is not None:
            self._witnesses.setdefault(after.file, []).append(
                Witness(Head(after.chain, after.seq, after.head), f"the first line of {path.name}")
            )

    def _walk(self, day: str) -> None:
        path = file_of(self._folder, day)
        report = self._of(path.name)
        walk, unsealed = Walk(self._witnesses.get(path.name, ()), partial(self._contents.look, day)), Unsealed()
        for line in _lines(path):
            walk.line(line)
            unsealed.line(line)
        found = walk.end()
        report.bytes, report.torn = _size(path)
        report.lines, report.unchained, report.sealed, report.bad = found.lines, found.unchained, found.witnessed, found.bad
        report.chain = found.head.chain if found.head is not None else None
        if path.name not in self._sealed:
            report.bad = report.bad or unsealed.bad(closed=day == self._closed)
            report.warning = unsealed.warning() if self._report.key is not None and report.bad is None else None

    def _judge(self, days: list[str]) -> None:
        """What can be said when everything was seen."""
        self._contents.end()
        for day in days:
            report, bad = self._of(file_of(self._folder, day).name), self._contents.bad(day)
            if bad is not None and (report.bad is None or bad.line < report.bad.line):
                report.bad = bad
        present = {file_of(self._folder, day).name for day in days}
        for name in self._witnesses.keys() - present - self._contents.removed:
            self._of(name).bad = Bad(1, f"the file is missing: {self._witnesses[name][0].by} names it")


def _size(path: Path) -> tuple[int, int]:
    """Bytes of whole lines, and of one that is not."""
    descriptor = open_reading(path)
    try:
        end = end_of_lines(descriptor)
        return end, os.fstat(descriptor).st_size - end
    finally:
        os.close(descriptor)


def _lines(path: Path) -> Iterator[bytes]:
    """The complete lines of a file, without their ends."""
    descriptor = open_reading(path)
    try:
        for block in blocks(descriptor, 0, end_of_lines(descriptor)):
            yield from block[:-1].split(b"\n")
    finally:
        os.close(descriptor)
