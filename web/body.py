"""A large answer in parts, so that nobody who is served beside it waits until all of it was moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Iterable
from io import BytesIO
from pickle import PickleBuffer
from typing import Final
from typing import SupportsIndex

PART: Final = 1 << 16
"""The most bytes of a part."""


class Body:
    """Pickled with the protocol 5, its parts go beside the pickle, each by itself."""

    __slots__ = ("parts",)

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts

    @classmethod
    def of(cls, pieces: Iterable[bytes]) -> Body:
        """All pieces after each other, however small or large they are."""
        made = BytesIO()
        made.writelines(pieces)
        made.seek(0)
        return cls(*iter(lambda: made.read(PART), b""))

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type[Body], tuple[PickleBuffer, ...]]:
        return Body, tuple(map(PickleBuffer, self.parts))

    async def sent(self) -> AsyncIterator[bytes]:
        """The parts, one after the other; others have their turn between them."""
        for part in self.parts:
            yield part
            await asyncio.sleep(0)
