"""The rules of a running proxy, changed for a while."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxying import Proxy


async def said(proxy: Proxy, pattern: str, after: int = 0) -> str:
    """Wait for a line of the operator's log, from number `after` on, in which the pattern is found; returns it."""
    for _ in range(400):
        for line in proxy.output[after:]:
            if re.search(pattern, line):
                return line
        await asyncio.sleep(0.05)
    raise AssertionError(f"{pattern!r} is not in:\n{''.join(proxy.output[after:])}")


async def reload(proxy: Proxy, rules: str) -> None:
    """Put the rules in place, all of them at once, and wait until they are in force."""
    before = len(proxy.output)
    whole = proxy.rules.with_suffix(".new")
    whole.write_text(rules)
    whole.replace(proxy.rules)
    await said(proxy, r"rules generation \d+ active", before)


@asynccontextmanager
async def reloaded(proxy: Proxy, *change: str) -> AsyncIterator[None]:
    """One piece of the rules replaced by another, in force while the block lasts."""
    text = proxy.rules.read_text()
    old, new = change
    assert old in text
    await reload(proxy, text.replace(old, new))
    try:
        yield
    finally:
        await reload(proxy, text)
