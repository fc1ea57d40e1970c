"""A file as an answer, in parts where the client asks for one (RFC 9110, section 14): what a player needs to seek."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from io import FileIO
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.responses import StreamingResponse

from web.answers import refused

_RANGE: Final = re.compile(r"bytes\s*=\s*([0-9]*)\s*-\s*([0-9]*)\s*", re.IGNORECASE)
_BLOCK: Final = 256 << 10
_MOST_DIGITS: Final = 18


def file_answer(request: Request, file: FileIO, media_type: str) -> Response:
    """A file, which is closed when it was sent: whole, or the one range that was asked for."""
    size = os.fstat(file.fileno()).st_size
    part = wanted(request.headers.get("range"), size)
    if part is None:
        file.close()
        return refused(416, f"the file has {size} bytes", code="range_not_satisfiable", headers={"content-range": f"bytes */{size}"})
    start, end = part
    headers = {"accept-ranges": "bytes", "content-length": str(end - start)}
    whole = part == (0, size)
    if not whole:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    if request.method == "HEAD":
        file.close()
        return Response(b"", 200 if whole else 206, headers, media_type)
    return StreamingResponse(_blocks(file, start, end), 200 if whole else 206, headers, media_type)


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """Which bytes are asked for, from and up to; None where the file has none of them.

    Anything but one range of bytes (several, another unit, no sense) asks for the whole file.
    """
    found = _RANGE.fullmatch(header) if header else None
    if found is None or found[1] == found[2] == "" or max(map(len, found.groups())) > _MOST_DIGITS:
        return 0, size
    first, last = found.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else None
    if last and int(last) < int(first):
        return 0, size
    end = min(int(last) + 1, size) if last else size
    return (int(first), end) if int(first) < size else None


async def _blocks(file: FileIO, start: int, end: int) -> AsyncIterator[bytes]:
    with file:
        while start < end:
            block = await asyncio.to_thread(os.pread, file.fileno(), min(_BLOCK, end - start), start)
            if not block:
                return
            start += len(block)
            yield block
