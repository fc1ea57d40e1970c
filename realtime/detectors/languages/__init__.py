"""The languages in which spoken numbers and addresses are read. Another one is one file and one entry here."""

from __future__ import annotations

from typing import Final

from realtime.detectors.languages.english import ENGLISH
from realtime.detectors.languages.french import FRENCH
from realtime.detectors.languages.german import GERMAN
from realtime.detectors.languages.language import Language
from realtime.detectors.languages.spanish import SPANISH

__all__ = ["LANGUAGES", "Language"]

LANGUAGES: Final = (ENGLISH, GERMAN, FRENCH, SPANISH)
