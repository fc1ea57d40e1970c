"""WebRTC calls for the benchmark: callers, their provider, and the relays between them."""
