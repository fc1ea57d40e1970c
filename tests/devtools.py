"""Chromium's own DevTools as a reader of HAR files."""

from __future__ import annotations

from typing import Any
from typing import Final

from playwright.async_api import Browser

DEVTOOLS: Final = "devtools://devtools/bundled/devtools_app.html"
_IMPORT: Final = """async har => {
  const {HARFormat, Importer} = await import('./models/har/har.js');
  const found = Importer.Importer.requestsFromHARLog(new HARFormat.HARRoot(JSON.parse(har)).log);
  return found.map(request => ({
    url: request.url(), type: request.resourceType().name(), method: request.requestMethod, status: request.statusCode,
    begin: request.startTime, end: request.endTime, agent: request.requestHeaderValue('User-Agent'),
    frames: request.frames().map(frame => [frame.type, frame.time, frame.opCode, frame.text]),
  }));
}"""


async def imported(browser: Browser, har: str) -> list[dict[str, Any]]:
    """What the importer of the Network panel makes of an archive."""
    page = await browser.new_page()
    await page.goto(DEVTOOLS)
    found: list[dict[str, Any]] = await page.evaluate(_IMPORT, har)
    await page.close()
    return found
