"""One data channel of a leg, and what it was opened with.

Strings stay strings and bytes stay bytes. Sending never raises anything but ChannelError, and what a callback raises ends the leg with a
reason instead of killing its transport silently.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from typing import Literal

from aiortc import RTCDataChannel
from aiortc import RTCDataChannelParameters

from sidecar.association import Association

MAX_BUFFERED: Final = 4 * 1024 * 1024
"""Bytes that wait in a channel before sending fails."""

logger = logging.getLogger(__name__)

ErrorCode = Literal["not_open", "too_large", "overflow", "no_channels"]


class ChannelError(Exception):
    """A message that was not sent: `code` is stable, `message` says what was seen and what is allowed."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """What makes a channel: open one with the spec of another to mirror it."""

    label: str
    ordered: bool = True
    max_retransmits: int | None = None
    max_packet_lifetime: int | None = None
    """Milliseconds."""
    protocol: str = ""

    def parameters(self) -> RTCDataChannelParameters:
        """As aiortc wants them."""
        return RTCDataChannelParameters(
            label=self.label,
            ordered=self.ordered,
            maxRetransmits=self.max_retransmits,
            maxPacketLifeTime=self.max_packet_lifetime,
            protocol=self.protocol,
        )


class Channel:
    """A data channel. Set the callbacks in the same tick as you get it: nothing is replayed."""

    def __init__(self, channel: RTCDataChannel, largest: int, fail: Callable[[str], None]) -> None:
        """`largest`: bytes of the biggest message that we advertise; `fail`: ends the leg with a reason."""
        self.on_open: Callable[[], None] = _ignore
        self.on_message: Callable[[str | bytes], None] = _ignore_message
        self.on_close: Callable[[], None] = _ignore
        self.spec = ChannelSpec(channel.label, channel.ordered, channel.maxRetransmits, channel.maxPacketLifeTime, channel.protocol)
        self._channel = channel
        self._largest = largest
        self._fail = fail
        channel.on("message", self._received)
        channel.on("open", lambda: self._call(lambda: self.on_open()))
        channel.on("close", lambda: self._call(lambda: self.on_close()))

    @property
    def state(self) -> str:
        """`connecting`, `open`, `closing` or `closed`."""
        return self._channel.readyState

    @property
    def buffered(self) -> int:
        """Bytes that wait to be sent."""
        return self._channel.bufferedAmount

    @property
    def undelivered(self) -> bool:
        """Whether the other end has yet to confirm something that was sent on the leg's channels."""
        association = self._channel.transport
        return isinstance(association, Association) and association.waiting

    def send(self, message: str | bytes) -> None:
        """Raises ChannelError: not_open, too_large (for the other end), overflow (over MAX_BUFFERED bytes wait)."""
        if self.state != "open":
            raise ChannelError("not_open", f"the data channel {self.spec.label!r} is {self.state}")
        if self.buffered > MAX_BUFFERED:
            raise ChannelError("overflow", f"{self.buffered} bytes wait in the data channel, at most {MAX_BUFFERED} may")
        try:
            self._channel.send(message)
        except ValueError as error:
            raise ChannelError("too_large", str(error)) from error

    def close(self) -> None:
        """Closes this channel alone; repeating it is harmless."""
        self._channel.close()

    def _received(self, message: str | bytes) -> None:
        size = len(message.encode()) if isinstance(message, str) else len(message)
        if size > self._largest:
            self._fail(f"a data channel message has {size} bytes, at most {self._largest} are allowed")
        else:
            self._call(lambda: self.on_message(message))

    def _call(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as error:
            logger.exception("A callback of the data channel %r failed", self.spec.label)
            self._fail(f"internal error: {type(error).__name__}")


def _ignore() -> None:
    """What a callback is until it is set."""


def _ignore_message(_message: str | bytes) -> None:
    """What `on_message` is until it is set."""
