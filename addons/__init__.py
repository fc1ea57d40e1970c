"""The I/O shell: mitmproxy hooks, one concern a file.

Also a mitmproxy script: `mitmdump -s addons/__init__.py`, the same with mitmweb and mitmproxy.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__.startswith("__mitmproxy_script__"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from addons.stock import Stock

    addons = [Stock()]
