"""The I/O shell: mitmproxy hooks, one concern a file."""
