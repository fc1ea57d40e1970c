"""The word lists of rules.yaml: words of the operator's own that policies look for as `words.<name>`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from typing import Any
from typing import Final

from pydantic import AfterValidator
from pydantic import BeforeValidator
from pydantic import WithJsonSchema

from realtime.detectors import Detector
from realtime.detectors import word_list
from rules.section import as_text
from rules.section import fault
from rules.section import not_empty

_LONGEST: Final = 100


def _word(value: Any) -> str:
    text = as_text(value, "a word or a phrase")
    if not any(map(str.isalnum, text)):
        raise fault("VT011", "should have a letter or a digit")
    if len(text) > _LONGEST:
        raise fault("VT011", f"should have at most {_LONGEST} characters")
    return text


Word = Annotated[str, BeforeValidator(_word), WithJsonSchema({"type": "string", "maxLength": _LONGEST})]
WordList = Annotated[tuple[Word, ...], AfterValidator(not_empty)]


def word_lists(words: Mapping[str, tuple[str, ...]]) -> dict[str, Detector]:
    """The detector of each list by the name that policies use for it."""
    made = (word_list(name, entries) for name, entries in words.items())
    return {detector.id: detector for detector in made}
