"""Every detector by name, and the groups under which several are named at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from realtime.detectors.card import CARDS
from realtime.detectors.detector import Detector
from realtime.detectors.email import EMAILS
from realtime.detectors.iban import ACCOUNTS
from realtime.detectors.keys import KEYS
from realtime.detectors.national import NATIONAL
from realtime.detectors.network import NETWORK
from realtime.detectors.phone import PHONES

GROUPS: Final[Mapping[str, tuple[Detector, ...]]] = {"national_id": NATIONAL, "secret": KEYS}
"""Names that stand for several detectors."""

SINGLE: Final[Mapping[str, Detector]] = {
    detector.id: detector for detector in (*CARDS, *EMAILS, *ACCOUNTS, *NETWORK, *PHONES, *NATIONAL, *KEYS)
}
"""Each detector by its id."""

DETECTORS: Final[Mapping[str, tuple[Detector, ...]]] = {**{name: (detector,) for name, detector in SINGLE.items()}, **GROUPS}
"""Every name that a rule may use, and what looks for it. The lists of the rules themselves come on top."""
