"""Fixtures for tests with a browser: one for each worker, and pages that show their faults. To be imported by a conftest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import chromium
import pytest
import pytest_asyncio
from playwright.async_api import Browser
from playwright.async_api import Page
from playwright.async_api import async_playwright
from playwright.async_api import expect

expect.set_options(timeout=20_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Headless, with a profile of its own."""
    path = chromium.found()
    if path is None:
        pytest.fail(f"the tests with a browser need one of {', '.join(chromium.NAMES)}; install it and start again")
    async with async_playwright() as playwright:
        yield await playwright.chromium.launch(executable_path=path, args=list(chromium.FLAGS))


@pytest.fixture
def complaints() -> list[str]:
    """What the page of a test complains about; a test that provokes some takes them away."""
    return []


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, complaints: list[str]) -> AsyncIterator[Page]:
    """A page that asks nobody but this machine; what it complains about fails the test."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860})
    made = await context.new_page()
    made.on("pageerror", lambda error: complaints.append(str(error)))
    made.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    made.on("request", lambda request: _local(request.url) or complaints.append(f"asks {request.url}"))
    yield made
    await context.close()
    assert complaints == []


def _local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob") or parts.hostname == "127.0.0.1"
