"""Refuses to start on an aiortc or aioice that the private names used here were not tested with."""

from __future__ import annotations

from importlib import metadata
from typing import Final

TESTED: Final = {"aiortc": ((1, 16, 0), (1, 17)), "aioice": ((0, 13, 0), (0, 14))}
"""Package → versions that the contract tests were run with: from, up to but not including."""


class UnsupportedVersion(RuntimeError):
    """An installed package is outside the tested range."""


def check_versions() -> None:
    """Raises UnsupportedVersion, naming the package, what is installed and what is tested."""
    for package, (first, end) in TESTED.items():
        installed = metadata.version(package)
        seen = tuple(int(part) for part in installed.split(".")[:3] if part.isdigit())
        if not first <= seen < end:
            raise UnsupportedVersion(f"{package} {installed} is installed, voicetap is tested with {_text(first)} up to {_text(end)}")


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
