"""What the model says of the clips that ship with it: every question that can be asked of each, right or wrong.

Questions about something that is not there ("Which animal is it?" of a piano) are a type of their own, "absent".
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile

from backend.builtin.answers import Vocabulary, read_answer
from backend.builtin.clips import MANIFEST
from backend.builtin.examples import RATE, Example, Facts, Part, Sound
from backend.builtin.questions import PAPER_PROMPT, Dialogue, all_questions
from backend.builtin.statements import NONE
from backend.errors import ArdError
from backend.study.atomic import read_json, write_json

if TYPE_CHECKING:
    from backend.jobs.job import Job
    from backend.quality.splice import SpliceReport
    from backend.targets.base import Target, Wave
    from backend.targets.qwen2_audio import Qwen2Audio

VOCABULARY = "vocabulary.json"
LONGEST_ANSWER = 64
ABSENT = "absent"


@dataclass(frozen=True)
class ClipAnswer:
    """One answer about a shipped clip.

    Attributes
    ----------
    type : str
        `Dialogue.kind`, or "absent".
    expected, read : str, str or None
        Keys, as in `read_answer`.
    """

    clip: str
    type: str
    question: str
    expected: str
    answer: str
    read: str | None

    @property
    def right(self) -> bool:
        return self.read == self.expected


def write_vocabulary(folder: Path, sounds: Sequence[Sound]) -> None:
    """Write every different sound that the model was told of beside its weights: what its answers can name."""
    known = ("language", "sex", "family")
    told = {
        (one.category, one.label, one.phrase, tuple((k, v) for k, v in sorted(one.attributes.items()) if k in known))
        for one in sounds
    }
    rows = [{"category": c, "label": label, "phrase": p, "attributes": dict(a)} for c, label, p, a in sorted(told)]
    write_json(folder / VOCABULARY, rows)


def read_vocabulary(folder: Path) -> Vocabulary:
    """The vocabulary in a model folder; ArdError if it is missing or damaged."""
    try:
        return Vocabulary(Sound(**row) for row in read_json(folder / VOCABULARY))
    except TypeError as error:
        raise ArdError("the model's vocabulary is damaged", path=folder / VOCABULARY) from error


def clip_examples(folder: Path) -> list[Example]:
    """One example for each clip in `folder`, from its manifest alone; `Example.id` is the clip's path in the folder."""
    found = []
    for line in (folder / MANIFEST).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        labels = dict(row["labels"])
        sound = Sound(labels.pop("category"), labels.pop("label"), row["caption"], labels)
        seconds = float(soundfile.info(folder / row["path"]).duration)
        part = Part(row["path"], 0.0, 0.0, seconds)
        found.append(Example(row["path"], "held_out", (part,), Facts((sound,)), seconds))
    return found


def clip_wave(folder: Path, name: str) -> Wave:
    """Samples of the clip `name` (`Example.id`) in `folder`, mono float32 at `RATE`."""
    from backend.audio.load import load_wave
    from backend.store.clips import Clip

    return load_wave(Clip(record=name, path=name, root=str(folder)), RATE)


def ask_shipped(
    target: Qwen2Audio, folder: Path, vocabulary: Vocabulary, chosen: slice = slice(None)
) -> list[ClipAnswer]:
    """Ask `target` everything that can be asked of every clip in `folder`, or of the chosen ones."""
    from backend.builtin.interview import interview

    examples = clip_examples(folder)[chosen]
    asked = [all_questions(example) for example in examples]
    waves = [clip_wave(folder, one.id) for one in examples]
    texts = interview(target, waves, [[one.question for one in some] for some in asked])
    return [
        ClipAnswer(example.id, type_of(one), one.question, one.key, text, read_answer(one.kind, text, vocabulary))
        for example, some, told in zip(examples, asked, texts, strict=True)
        for one, text in zip(some, told, strict=True)
    ]


def splice_shipped(target: Target, sae: Path, folder: Path, job: Job) -> SpliceReport:
    """The paper's captioning prompt about every clip in `folder`, with and without the SAE in the residual stream."""
    from backend.quality.splice import splice
    from backend.sae.files import load_sae
    from backend.study.manifest import read_manifest

    examples = clip_examples(folder)
    asked = ((one.id, clip_wave(folder, one.id), PAPER_PROMPT) for one in examples)
    layer = str(read_manifest(sae / "manifest.json")["settings"]["layer"])
    return splice(
        target, load_sae(sae), layer, asked,
        max_new_tokens=LONGEST_ANSWER, job=job, total=len(examples),
    )  # fmt: skip


def type_of(dialogue: Dialogue) -> str:
    """The type under which an answer is counted."""
    nothing_there = dialogue.key == NONE or (dialogue.kind == "order" and dialogue.key == "one")
    return ABSENT if nothing_there else dialogue.kind


def shares(answers: Sequence[ClipAnswer]) -> dict[str, tuple[int, int]]:
    """Right answers and all answers of each type."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in answers:
        found[one.type][0] += one.right
        found[one.type][1] += 1
    return {name: (right, total) for name, (right, total) in sorted(found.items())}


def as_json(answers: Sequence[ClipAnswer]) -> dict[str, Any]:
    """Shares and failures, for the card."""
    return {
        "clips": len({one.clip for one in answers}),
        "types": {name: {"right": right, "n": total} for name, (right, total) in shares(answers).items()},
        "failures": [asdict(one) for one in answers if not one.right],
    }
