"""The SCTP association of a leg: aiortc's own, with the checks that it leaves out on what the other end sends.

Whatever the other end sends, an exception never reaches the DTLS task that called: the association reports that it is broken, once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from struct import pack
from typing import Final

from aiortc import RTCDataChannel
from aiortc import RTCDtlsTransport
from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import Chunk
from aiortc.rtcsctptransport import DataChunk

MAX_OPENED: Final = 16
"""Data channels that the other end may open in the life of a leg."""

LENGTHS: Final = slice(8, 12)
"""Where an OPEN message has the lengths of label and protocol (RFC 8832, 5.1)."""

logger = logging.getLogger(__name__)


class Association(RTCSctpTransport):
    """`broken` is called with a reason when the other end breaks the protocol."""

    def __init__(self, transport: RTCDtlsTransport, port: int, broken: Callable[[str], None]) -> None:
        super().__init__(transport, port)
        self._broken = broken
        self.opened = 0

    @property
    def waiting(self) -> bool:
        """Whether messages wait to be sent or acknowledged; for an end that never came they do so elsewhere, and may."""
        return self.state == "connected" and bool(self._data_channel_queue or self._outbound_queue or self._sent_queue)

    @property
    def acknowledged(self) -> int:
        """The last TSN that the other end acknowledged: it changes while messages move."""
        return self._last_sacked_tsn

    async def _handle_data(self, data: bytes) -> None:
        try:
            await super()._handle_data(data)
        except ConnectionError:
            raise
        except Exception as error:
            logger.info("SCTP ended by what the other end sent", exc_info=True)
            self._broken(f"invalid data channel traffic ({type(error).__name__})")

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        await super()._receive_data_chunk(chunk)
        if self._advertised_rwnd < 0:
            self._broken("unfinished data channel messages of over 1048576 bytes")

    async def _data_channel_receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        known = len(self._data_channels)
        await super()._data_channel_receive(stream_id, pp_id, data)
        self.opened += len(self._data_channels) > known
        if self.opened > MAX_OPENED:
            self._broken(f"over {MAX_OPENED} data channels opened")

    def _data_channel_open(self, channel: RTCDataChannel) -> None:
        """aiortc counts characters in the lengths of label and protocol; the standard counts bytes."""
        super()._data_channel_open(channel)
        queued, kind, data = self._data_channel_queue.pop()
        lengths = pack("!HH", len(channel.label.encode()), len(channel.protocol.encode()))
        self._data_channel_queue.append((queued, kind, data[: LENGTHS.start] + lengths + data[LENGTHS.stop :]))

    async def _send_chunk(self, chunk: Chunk) -> None:
        """A chunk that finds the transport gone is dropped: the end of the transport ends the leg."""
        with suppress(ConnectionError):
            await super()._send_chunk(chunk)
