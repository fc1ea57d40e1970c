"""How loud a page of a session plays: a meter between its player and the loudspeaker, one for each side of the call."""

from __future__ import annotations

from typing import NamedTuple

from playwright.async_api import Page

_METER = """() => {
  const context = new AudioContext();
  const source = context.createMediaElementSource(document.getElementById('sound'));
  const splitter = context.createChannelSplitter(2);
  source.connect(splitter);
  source.connect(context.destination);
  window.loudest = [0, 0];
  for (const side of [0, 1]) {
    const meter = context.createAnalyser();
    splitter.connect(meter, side);
    const samples = new Float32Array(meter.fftSize);
    setInterval(() => {
      meter.getFloatTimeDomainData(samples);
      window.loudest[side] = Math.max(window.loudest[side], ...samples.map(Math.abs));
    }, 20);
  }
}"""


class Loudest(NamedTuple):
    """The highest sample of each side so far, 0 to 1."""

    user: float
    model: float


async def listen(page: Page) -> None:
    """Begin to measure; somebody must have pressed a key or a button before, or browsers play nothing."""
    await page.evaluate(_METER)


async def loudest(page: Page) -> Loudest:
    return Loudest(*await page.evaluate("window.loudest"))


async def played(page: Page) -> float:
    """Where the player is, in seconds."""
    return float(await page.evaluate("document.getElementById('sound').currentTime"))
