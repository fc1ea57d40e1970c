"""Descriptions that tests offer and answer: one as Chromium wrote it, one in the shape of OpenAI's answers, and ways to change them."""

from __future__ import annotations

from pathlib import Path

from sidecar.mirror import LocalTransport

FOLDER = Path(__file__).parent / "descriptions"

OURS = LocalTransport(
    ufrag="ours",
    password="a-password-of-our-own-0123456789".replace("-", "+"),
    candidates=("1 1 udp 2130706431 127.0.0.1 40000 typ host", "2 1 udp 2130706175 ::1 40001 typ host"),
    fingerprints=(("sha-256", ":".join(["AB"] * 32)),),
    address="127.0.0.1",
    port=40000,
)


def chromium_offer() -> str:
    """Recorded from Chromium 156 with a microphone, addresses replaced."""
    return _read("chromium_offer.sdp")


def openai_answer() -> str:
    """Written after the public samples of OpenAI's answers."""
    return _read("openai_answer.sdp")


def without(text: str, *starts: str) -> str:
    """The text without its lines that start so."""
    return "\r\n".join(line for line in text.split("\r\n") if not line.startswith(starts))


def lines_of(text: str, section: int | None) -> list[str]:
    """The lines of a section by its place, or of the session."""
    parts = text.rstrip("\r\n").split("\r\nm=")
    return parts[0].split("\r\n") if section is None else ("m=" + parts[section + 1]).split("\r\n")


def _read(name: str) -> str:
    return "\r\n".join(FOLDER.joinpath(name).read_text().splitlines()) + "\r\n"
