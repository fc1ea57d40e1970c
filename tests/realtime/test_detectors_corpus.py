"""The figures of docs/detectors.md are those of the corpus, and do not get worse unnoticed."""

import detector_score
import pytest

from realtime.detectors import DETECTORS


def test_the_document_has_the_measured_figures() -> None:
    text = detector_score.DOCUMENT.read_text()
    assert text == detector_score.document(text), "run python tests/realtime/detector_score.py"


def test_the_corpus_is_large_and_speaks_of_every_detector() -> None:
    lines = list(detector_score.lines())
    assert len(lines) >= 300
    assert len({line.text for line in lines}) == len(lines)
    assert {value.detector for line in lines for value in line.values} == set(detector_score.EVERY)
    assert not any(line.values for line in lines if line.kind == "plain")
    assert sum(line.kind == "plain" for line in lines) > 100
    assert sum(line.file == detector_score.UNSEEN for line in lines) > 100


@pytest.mark.parametrize("name", [name for name in DETECTORS if name not in detector_score.GROUPS])
def test_the_floor(name: str) -> None:
    """A change that loses values or finds many that are none has to say so here."""
    score = detector_score.score(detector_score.lines())[name, ""]
    assert score.found >= 0.8 * score.labelled, score.missed
    assert score.false <= 0.15 * (score.found + score.false), score.wrong
