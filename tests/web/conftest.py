"""Fixtures of the tests of pages: a browser with a page that shows its faults."""

from __future__ import annotations

from browsing import browser as browser
from browsing import complaints as complaints
from browsing import page as page
