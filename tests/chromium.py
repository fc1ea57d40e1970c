"""Where the browser of these tests is. `python chromium.py` prints the path, or ends with code 1 where there is none."""

from __future__ import annotations

import shutil
import sys
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)
"""Nothing is fetched from anywhere; the microphone is a beep twice a second, and the page may use it unasked."""


def found() -> str | None:
    """The path of a Chromium on this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


if __name__ == "__main__":
    sys.exit(print(path) if (path := found()) else 1)
