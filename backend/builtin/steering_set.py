"""`python -m backend.builtin.steering_set WORK OUT`: the recipe's recordings as a labelled data set for steering.

What is steered is chosen on recordings that the model and its SAE were trained on, and measured on recordings that
neither has heard (A-51). The test recordings are not shipped, so a manifest names them in the recipe's work folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.builtin.compose import COMPOSED, RECORDED
from backend.builtin.examples import Example, Part, Recording, Sound, read_examples, read_recordings
from backend.builtin.render import MANIFEST as RENDERED
from backend.builtin.statements import SPEECH
from backend.errors import ArdError
from backend.study.atomic import write_text

PARTS = {"train": "selection", "validation": "selection", "held_out": "test", "unseen_source": "unseen_source"}
"""`Recording.split` → split of the manifest."""

ATTRIBUTES = ("language", "sex", "family", "pitch", "rate")


@dataclass(frozen=True)
class SetSettings:
    """How many recordings are for selection; all test recordings are kept.

    Attributes
    ----------
    most : dict
        Category to the most selection recordings of one class: of a label or, of speech, of a language and sex.
    """

    most: Mapping[str, int] = field(
        default_factory=lambda: {"speech": 30, "music": 14, "animal": 14, "human": 16, "environment": 14}
    )


@dataclass(frozen=True)
class Row:
    """A recording, the stretch of it that is asked about, and what is known of it."""

    recording: Recording
    part: Part
    sound: Sound

    @property
    def split(self) -> str:
        return PARTS[self.recording.split]

    @property
    def labels(self) -> dict[str, str]:
        """Each concept's label by the question that asks for it; a question that does not apply has none.

        `group` names what never stands in two splits: recording session, voice, instrument.
        """
        sound = self.sound
        known = {name: sound.attributes[name] for name in ATTRIBUTES if name in sound.attributes}
        if sound.category != SPEECH:
            known.pop("sex", None)
        if sound.category == "animal":
            known["animal"] = sound.label
        if "family" in sound.attributes:
            known["instrument"] = sound.label
        return {"category": sound.category, "label": sound.label, **known, "group": self.recording.group}

    @property
    def kind(self) -> tuple[str, ...]:
        """The class of which there are so many for selection."""
        known = self.sound.attributes
        if self.sound.category == SPEECH:
            return (SPEECH, known.get("language", ""), known.get("sex", ""))
        return (self.sound.category, self.sound.label)

    def as_json(self) -> dict[str, object]:
        return {
            "record": self.recording.id, "path": self.recording.path, "start": self.part.start,
            "end": round(self.part.start + self.part.seconds, 4), "split": self.split, "labels": self.labels,
            "source": self.recording.source, "licence": self.recording.licence,
        }  # fmt: skip


def steering_rows(examples: Iterable[Example], recordings: Sequence[Recording], settings: SetSettings) -> list[Row]:
    """Every recording that an example holds alone, in the stretch of the first such example; few of the training's."""
    known = {one.id: one for one in recordings}
    found: dict[str, Row] = {}
    for one in examples:
        if len(one.parts) == 1 and len(one.facts.sounds) == 1:
            (part,) = one.parts
            found.setdefault(part.recording, Row(known[part.recording], part, one.facts.sounds[0]))
    by_kind: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in found.values():
        if row.split == "selection":
            by_kind[row.kind].append(row)
    selection = [row for kind, rows in by_kind.items() for row in _in_turn(rows, settings.most[kind[0]])]
    return selection + [row for split in ("test", "unseen_source") for row in found.values() if row.split == split]


def _in_turn(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many, one of each group after another, the same ones every time."""
    by_group: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: _lot(row.recording.id)):
        by_group[row.recording.group].append(row)
    groups = sorted(by_group.values(), key=lambda rows: _lot(rows[0].recording.group))
    longest = max(map(len, groups), default=0)
    return [rows[turn] for turn in range(longest) for rows in groups if turn < len(rows)][:most]


def _lot(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def write_steering_set(work: Path, out: Path, settings: SetSettings) -> list[Row]:
    """Write the manifest `out` for the `folder` adapter, whose data set is the folder `work`.

    Raises ArdError if the recipe has not made its manifests, or a recording is no longer there.
    """
    recordings = [*read_recordings(work / RECORDED), *read_recordings(work / RENDERED)]
    rows = steering_rows(read_examples(work / COMPOSED), recordings, settings)
    gone = [row for row in rows if not (work / row.recording.path).exists()]
    if gone:
        raise ArdError(
            f"{len(gone)} of {len(rows)} recordings are not there",
            path=work / gone[0].recording.path,
            todo="Run the recipe's steps fetch and render.",
        )
    write_text(out, "".join(json.dumps(row.as_json(), ensure_ascii=False) + "\n" for row in rows))
    return rows


def main() -> int:
    """Write the manifest; 0 done, 1 an error a person can act on."""
    parser = argparse.ArgumentParser(prog="python -m backend.builtin.steering_set", description=__doc__)
    parser.add_argument("work", type=Path, help="the recipe's work folder, after its step compose")
    parser.add_argument("out", type=Path, help="the manifest to write (JSONL)")
    chosen = parser.parse_args()
    try:
        rows = write_steering_set(chosen.work.resolve(), chosen.out, SetSettings())
    except ArdError as error:
        print(error, file=sys.stderr)
        return 1
    counts = Counter(row.split for row in rows)
    print(f"{chosen.out}: " + ", ".join(f"{n} {split}" for split, n in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
