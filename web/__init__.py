"""The control port: the session log and the live sessions over HTTP, on its own listener with its own token."""
