"""The realtime protocol without I/O: no mitmproxy, no asyncio, no clock, no disk. Time and randomness are arguments."""
