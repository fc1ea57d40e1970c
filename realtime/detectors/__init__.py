"""Finds sensitive values in text without a network: candidates by RE2, then checks that weed out look-alikes; written and spoken.

Detection is never complete; docs/detectors.md has what is measured and what is known to be missed.
"""

from __future__ import annotations

from realtime.detectors.detector import Detector
from realtime.detectors.detector import Finding
from realtime.detectors.reading import Reading
from realtime.detectors.reading import find
from realtime.detectors.reading import longest
from realtime.detectors.reading import members
from realtime.detectors.table import DETECTORS
from realtime.detectors.wordlist import WORDS
from realtime.detectors.wordlist import word_list

__all__ = ["DETECTORS", "WORDS", "Detector", "Finding", "Reading", "find", "longest", "members", "word_list"]
