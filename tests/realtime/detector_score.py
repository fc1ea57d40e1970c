"""How well the detectors do on the labelled lines of `corpus/`, and the tables of docs/detectors.md that say so.

A line has a text and the values in it, each with its detector: `{"kind": "said", "text": "…", "values": [["card", "four one …"]]}`.
Kinds: written, asr (digits as speech recognition writes them), said (in words), plain (nothing to find). All values are invented.
The lines of `unseen.jsonl` were written after the detectors, which were not changed for them. The first letters of keys are
escaped in the files, so that scanners for real keys stay quiet.

Run as a program it writes the tables into the document.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from realtime.detectors import DETECTORS
from realtime.detectors import Finding
from realtime.detectors import Reading

CORPUS = Path(__file__).parent / "corpus"
DOCUMENT = Path(__file__).parents[2] / "docs/detectors.md"
EVERY = tuple(name for name, detectors in DETECTORS.items() if len(detectors) == 1)
GROUPS = {detector.id: name for name, detectors in DETECTORS.items() if len(detectors) > 1 for detector in detectors}


@dataclass(frozen=True)
class Line:
    """A text and where its values are."""

    file: str
    kind: str
    text: str
    values: tuple[Finding, ...]


@dataclass
class Score:
    """Values labelled, those of them found whole, and findings where no value of the detector is."""

    labelled: int = 0
    found: int = 0
    false: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def recall(self) -> str:
        return f"{self.found / self.labelled:.2f}" if self.labelled else "-"

    @property
    def precision(self) -> str:
        return f"{self.found / (self.found + self.false):.2f}" if self.found + self.false else "-"


UNSEEN = "unseen"


def lines() -> Iterator[Line]:
    """The whole corpus."""
    for path in sorted(CORPUS.glob("*.jsonl")):
        for row in path.read_text().splitlines():
            line = json.loads(row)
            yield Line(path.stem, line["kind"], line["text"], tuple(_places(line["text"], line["values"])))


def _places(text: str, values: list[list[str]]) -> Iterator[Finding]:
    start = 0
    for detector, value in values:
        start = text.index(value, start)
        yield Finding(detector, start, start + len(value))
        start += len(value)


def score(corpus: Iterable[Line]) -> dict[tuple[str, str], Score]:
    """By detector, or group, and kind of line; "" for all kinds."""
    scores: dict[tuple[str, str], Score] = {}
    for line in corpus:
        findings = tuple(Reading(line.text).find(EVERY))
        for kind in (line.kind, ""):
            _count(scores, kind, line, findings)
    return scores


def _count(scores: dict[tuple[str, str], Score], kind: str, line: Line, findings: tuple[Finding, ...]) -> None:
    for value in line.values:
        one = scores.setdefault((GROUPS.get(value.detector, value.detector), kind), Score())
        one.labelled += 1
        if any(_covers(finding, value) for finding in findings):
            one.found += 1
        else:
            one.missed.append(line.text)
    for finding in findings:
        if not any(_touches(finding, value) for value in line.values):
            one = scores.setdefault((GROUPS.get(finding.detector, finding.detector), kind), Score())
            one.false += 1
            one.wrong.append(f"{finding.detector}: {line.text}")


def _covers(finding: Finding, value: Finding) -> bool:
    return finding.detector == value.detector and finding.start <= value.start and finding.end >= value.end


def _touches(finding: Finding, value: Finding) -> bool:
    return finding.detector == value.detector and finding.start < value.end and finding.end > value.start


def measured(*, unseen: bool) -> str:
    """A table of figures as it stands in the document."""
    corpus = [line for line in lines() if (line.file == UNSEEN) == unseen]
    scores = score(corpus)
    names = [name for name in DETECTORS if name not in GROUPS]
    rows = ["| detector | values | found | recall | of those said in words | false findings | precision |", "|---|---|---|---|---|---|---|"]
    for name in names:
        one, said = scores.get((name, ""), Score()), scores.get((name, "said"), Score())
        words = f"{said.found} of {said.labelled}" if said.labelled else "-"
        rows.append(f"| `{name}` | {one.labelled} | {one.found} | {one.recall} | {words} | {one.false} | {one.precision} |")
    kinds = Counter(line.kind for line in corpus)
    count = ", ".join(f"{kinds[kind]} {kind}" for kind in ("written", "asr", "said", "plain"))
    return f"{sum(kinds.values())} lines: {count}.\n\n" + "\n".join(rows)


def listed() -> str:
    """The table of detectors as it stands in the document."""
    rows = ["| id | group | what | said in words | confidence | longest |", "|---|---|---|---|---|---|"]
    for name in EVERY:
        (one,) = DETECTORS[name]
        group = f"`{GROUPS[name]}`" if name in GROUPS else ""
        rows.append(f"| `{name}` | {group} | {one.title} | {'yes' if one.spoken else 'no'} | {one.confidence} | {one.longest} |")
    return "\n".join(rows)


def document(text: str) -> str:
    """`text` of the document with its tables as they are now."""
    for name, table in (("detectors", listed()), ("unseen", measured(unseen=True)), ("measured", measured(unseen=False))):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = before + begin + table + "\n" + end + rest.partition(end)[2]
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text()))
