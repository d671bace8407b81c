"""Score the real, generated answers of a model folder: balanced accuracies, baselines and every failure.

The answers come from `Qwen2AudioForConditionalGeneration.generate`, greedy, and are read by `answers.read_answer`.
Beside each figure stand what always telling the most frequent training class would give, and a linear classifier on
the mean-pooled audio tower, trained on the training split.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.builtin.answers import Vocabulary, outside_vocabulary, read_answer
from backend.builtin.examples import Example, Recording
from backend.builtin.figures import BOTH, FIGURES, Asked, Figure, Origin, Reply
from backend.builtin.probe import train_probe
from backend.builtin.questions import all_questions
from backend.builtin.scores import Outcome, Score, majority, score
from backend.builtin.wording import FILE
from backend.errors import ArdError
from backend.resources import resource
from backend.study.atomic import read_json, write_json
from backend.study.fingerprint import file_hash, fingerprint
from backend.study.settings import ModelSection

CLIPS_AT_A_TIME = 256
Features = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Told how many clips of how many are answered."""


@dataclass(frozen=True)
class EvaluateSettings:
    """How much is asked.

    Attributes
    ----------
    per_class, per_class_unseen : int
        Most answers of each class of a figure, to phrasings of training and to unseen ones; they are spread evenly
        over the groups (recordings, voices) of the class.
    seed : int
        Of the bootstrap.
    device : str
        As in `ModelSection`.
    """

    per_class: int = 100
    per_class_unseen: int = 30
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class Corpus:
    """What is evaluated, and what the model was trained on.

    Attributes
    ----------
    examples : sequence of Example
        Of all splits.
    recordings : sequence of Recording
        All that the examples use, of all splits.
    rendered : collection of str
        Ids of the recordings that a program made.
    pooled : array [examples, d] or None
        Mean over time of the audio tower's output, row by row of `examples`; None leaves the probe out.
    """

    examples: Sequence[Example]
    recordings: Sequence[Recording]
    rendered: Collection[str]
    pooled: Features | None = None

    def __post_init__(self) -> None:
        if self.pooled is not None and len(self.pooled) != len(self.examples):
            raise ArdError(f"{len(self.examples)} examples have {len(self.pooled)} rows of features")


def _silent(done: int, total: int) -> None:
    """No progress."""


def write_evaluation(
    path: Path,
    model: Path,
    corpus: Corpus,
    wave: Callable[[Example], Wave],
    settings: EvaluateSettings,
    progress: Progress = _silent,
) -> dict[str, Any]:
    """Evaluate `model` into the JSON file `path`; if it is already made from the same things, only read it.

    Raises as `evaluate` does.
    """
    made_from = _fingerprint(model, corpus, settings)
    if path.exists() and (found := read_json(path)).get("made_from") == made_from:
        return dict(found)
    result = {"made_from": made_from, **evaluate(model, corpus, wave, settings, progress)}
    write_json(path, result)
    return result


def evaluate(
    model: Path,
    corpus: Corpus,
    wave: Callable[[Example], Wave],
    settings: EvaluateSettings,
    progress: Progress = _silent,
) -> dict[str, Any]:
    """All figures of `FIGURES` and all failures, ready for JSON.

    Parameters
    ----------
    model : Path
        Folder that `from_pretrained` loads.
    wave : function of Example to array
        Makes the waveform, mono float32 at 16 kHz.

    Raises
    ------
    ArdError
        The model cannot be loaded, or an example names a recording that is not there.
    """
    asked = questions_to_ask(corpus, settings)
    vocabulary = Vocabulary(sound for example in corpus.examples for sound in example.facts.sounds)
    texts = _answers(model, asked, wave, settings.device, progress)
    replies = [
        Reply(
            one,
            text,
            read_answer(one.dialogue.kind, text, vocabulary),
            tuple(outside_vocabulary(text, one.example.facts, vocabulary)),
        )
        for one, text in zip(asked, texts, strict=True)
    ]
    return {
        "model": {"parameters_file": "model.safetensors", "sha256": _weights_hash(model)},
        "settings": asdict(settings),
        "corpus": describe_corpus(corpus),
        "figures": figures(replies, corpus, seed=settings.seed),
        "failures": failures(replies),
    }


def questions_to_ask(corpus: Corpus, settings: EvaluateSettings) -> list[Asked]:
    """Every question that a figure counts, in phrasings of training and in unseen ones."""
    origins = _Origins(corpus)
    evaluated = [(example, origins.of(example)) for example in corpus.examples if example.split in BOTH]
    recordings_of = Counter(one.label for one in corpus.recordings)
    found: list[Asked] = []
    for unseen, most in ((False, settings.per_class), (True, settings.per_class_unseen)):
        asked = [
            Asked(example, origin, dialogue, unseen)
            for example, origin in evaluated
            for dialogue in all_questions(example, unseen=unseen)
        ]
        counted: dict[int, set[str]] = defaultdict(set)
        for figure in FIGURES:
            for number in _chosen(figure, asked, recordings_of, most):
                counted[number].add(figure.name)
        found += [replace(asked[number], figures=frozenset(names)) for number, names in sorted(counted.items())]
    return found


def _chosen(figure: Figure, asked: Sequence[Asked], recordings_of: Mapping[str, int], most: int) -> list[int]:
    """Places of the questions that a figure counts: of each class `most`, from as many groups as possible."""
    classes: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(asked):
        if one.example.split in figure.splits and figure.asks(one):
            classes[figure.truth(one)].append(number)
    chosen = []
    for name, members in classes.items():
        if recordings_of[name] < figure.least_recordings:
            continue
        # the first of every group in an arbitrary but lasting order, then the second of every group, and so on
        members.sort(key=lambda number: fingerprint([asked[number].example.id, asked[number].dialogue.question]))
        before: Counter[str] = Counter()
        turns = []
        for place, number in enumerate(members):
            group = asked[number].origin.group
            turns.append((before[group], place, number))
            before[group] += 1
        chosen += [number for _, _, number in sorted(turns)[:most]]
    return chosen


def figures(replies: Sequence[Reply], corpus: Corpus, *, seed: int = 0) -> list[dict[str, Any]]:
    """One entry for each of `FIGURES`; balanced accuracy None where no answer counts.

    The figure itself is over phrasings of training; "unseen_phrasing" holds the same over the others.
    """
    training = _Training(corpus)
    found = []
    for figure in FIGURES:
        counted = [reply for reply in replies if figure.name in reply.asked.figures]
        seen = [reply for reply in counted if not reply.asked.unseen]
        told = score(_outcomes(figure, seen), seed=seed)
        baselines = training.baselines(figure, [reply.asked for reply in seen], seed) if figure.is_a_choice else {}
        found.append(
            {
                "name": figure.name,
                "title": figure.title,
                "splits": list(figure.splits),
                "goal": figure.goal,
                "reached": _reached(told, figure.goal),
                **told.plain(),
                "unseen_phrasing": score(
                    _outcomes(figure, [reply for reply in counted if reply.asked.unseen]), seed=seed
                ).plain(),
                "majority": baselines.get("majority"),
                "probe": baselines.get("probe"),
                "speakers": _speakers(figure, seen) if figure.speakers else None,
                "confusions": _confusions(figure, seen),
            }
        )
    return found


def failures(replies: Iterable[Reply]) -> list[dict[str, Any]]:
    """Every answer that a figure counts as wrong, with all figures that do."""
    found = []
    for reply in replies:
        asked = reply.asked
        wrong = [figure.name for figure in FIGURES if figure.name in asked.figures and not figure.right(reply)]
        if wrong:
            found.append(
                {
                    "figures": wrong,
                    "example": asked.example.id,
                    "split": asked.example.split,
                    "recordings": [part.recording for part in asked.example.parts],
                    "question": asked.dialogue.question,
                    "unseen_phrasing": asked.unseen,
                    "kind": asked.dialogue.kind,
                    "expected": asked.dialogue.key,
                    "read": reply.read,
                    "answer": reply.text,
                    "outside": list(reply.outside),
                }
            )
    return found


def describe_corpus(corpus: Corpus) -> dict[str, Any]:
    """Examples, recordings and rendered ones of every split."""
    recordings = Counter(one.split for one in corpus.recordings)
    rendered = Counter(one.split for one in corpus.recordings if one.id in corpus.rendered)
    examples = Counter(one.split for one in corpus.examples)
    return {
        split: {"examples": examples[split], "recordings": recordings[split], "rendered": rendered[split]}
        for split in sorted({*recordings, *examples})
    }


class _Origins:
    """Origin of every example of a corpus."""

    def __init__(self, corpus: Corpus) -> None:
        self.recordings = {one.id: one for one in corpus.recordings}
        self.rendered = frozenset(corpus.rendered)
        self.known = {_speaker(one) for one in corpus.recordings if one.split == "train"}

    def of(self, example: Example) -> Origin:
        """ArdError if the example names a recording that is not in the corpus."""
        parts = [self._recording(example, part.recording) for part in example.parts]
        distinct = {one.id: one for one in parts}
        speaker = _speaker(parts[0]) if len(distinct) == 1 else ""
        return Origin(
            group=" + ".join(sorted({one.group for one in parts})) or example.id,
            rendered=bool(parts) and all(one.id in self.rendered for one in parts),
            speaker=speaker,
            known_speaker=speaker in self.known,
        )

    def _recording(self, example: Example, wanted: str) -> Recording:
        if wanted not in self.recordings:
            raise ArdError(
                f"the example '{example.id}' uses the recording '{wanted}', which no manifest lists",
                todo="Compose the examples again.",
            )
        return self.recordings[wanted]


class _Training:
    """The classes of the training and validation split, and what the baselines make of them."""

    def __init__(self, corpus: Corpus) -> None:
        self.pooled = corpus.pooled
        self.row = {example.id: row for row, example in enumerate(corpus.examples)}
        nobody = Origin("", False, "", True)
        self.asked: dict[str, list[Asked]] = defaultdict(list)
        for example in corpus.examples:
            if example.split in ("train", "validation"):
                self.asked[example.split] += [Asked(example, nobody, one) for one in all_questions(example)]

    def baselines(self, figure: Figure, asked: Sequence[Asked], seed: int) -> dict[str, Any]:
        """Scores of the most frequent class and of the probe on the same questions; empty if nothing was trained."""
        everyone = replace(figure, among=lambda one: True)
        train, validation = (
            [one for one in self.asked[split] if everyone.asks(one)] for split in ("train", "validation")
        )
        always = majority(figure.truth(one) for one in train)
        if not asked or always is None:
            return {}
        found: dict[str, Any] = {
            "majority": {"class": always, **_shortly(_told(figure, asked, [always] * len(asked)), seed)}
        }
        if self.pooled is not None:
            probe = train_probe(
                self._x(train), [figure.truth(one) for one in train],
                (self._x(validation), [figure.truth(one) for one in validation]),
            )  # fmt: skip
            if probe is not None:
                told = _told(figure, asked, probe.predict(self._x(asked)))
                found["probe"] = {"penalty": probe.penalty, **_shortly(told, seed)}
        return found

    def _x(self, asked: Sequence[Asked]) -> Features:
        assert self.pooled is not None
        return self.pooled[[self.row[one.example.id] for one in asked]]


def _answers(
    model: Path,
    asked: Sequence[Asked],
    wave: Callable[[Example], Wave],
    device: str,
    progress: Progress,
) -> list[str]:
    """The generated answer to every question, in order."""
    from backend.builtin.interview import interview
    from backend.targets.load import load_target
    from backend.targets.qwen2_audio import Qwen2Audio

    target = load_target(ModelSection(path=str(model), device=device, local_files_only=True))
    if not isinstance(target, Qwen2Audio):
        raise ArdError("this is not a model of the Qwen2-Audio class", path=model)
    places: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(asked):
        places[one.example.id].append(place)
    clips = list(places.values())
    texts = [""] * len(asked)
    for start in range(0, len(clips), CLIPS_AT_A_TIME):
        some = clips[start : start + CLIPS_AT_A_TIME]
        waves = [wave(asked[clip[0]].example) for clip in some]
        questions = [[asked[place].dialogue.question for place in clip] for clip in some]
        for clip, answers in zip(some, interview(target, waves, questions), strict=True):
            for place, answer in zip(clip, answers, strict=True):
                texts[place] = answer
        progress(start + len(some), len(clips))
    return texts


def _outcomes(figure: Figure, replies: Iterable[Reply]) -> list[Outcome]:
    return [Outcome(figure.truth(one.asked), figure.right(one), one.asked.origin.group) for one in replies]


def _told(figure: Figure, asked: Sequence[Asked], told: Sequence[str]) -> list[Outcome]:
    """Outcomes of a baseline that tells `told`."""
    return [
        Outcome(figure.truth(one), figure.truth(one) == said, one.origin.group)
        for one, said in zip(asked, told, strict=True)
    ]


def _shortly(outcomes: Sequence[Outcome], seed: int) -> dict[str, Any]:
    found = score(outcomes, seed=seed)
    return {"balanced": found.balanced, "low": found.low, "high": found.high}


def _reached(found: Score, goal: float | None) -> bool | None:
    return None if goal is None or found.balanced is None else found.balanced >= goal


def _speakers(figure: Figure, replies: Iterable[Reply]) -> dict[str, int]:
    """Number of speakers of every class."""
    found: dict[str, set[str]] = defaultdict(set)
    for reply in replies:
        found[figure.truth(reply.asked)].add(reply.asked.origin.speaker)
    return {name: len(speakers) for name, speakers in sorted(found.items())}


def _confusions(figure: Figure, replies: Iterable[Reply]) -> list[dict[str, Any]]:
    """What was read instead of each class, the most frequent first."""
    counts = Counter((figure.truth(one.asked), one.read or "") for one in replies if not figure.right(one))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"expected": truth, "read": read or None, "n": n} for (truth, read), n in ordered]


def _speaker(recording: Recording) -> str:
    """The voice, or where it is not known the group."""
    return recording.attributes.get("voice") or recording.group


def _weights_hash(model: Path) -> str:
    weights = model / "model.safetensors"
    if not weights.is_file():
        raise ArdError("the model folder has no weights", path=weights, todo="Train the model first.")
    return file_hash(weights)


def _fingerprint(model: Path, corpus: Corpus, settings: EvaluateSettings) -> str:
    pooled = None if corpus.pooled is None else fingerprint(corpus.pooled.astype(np.float64).sum(axis=1).tolist())
    return fingerprint(
        {
            "weights": _weights_hash(model),
            "examples": [repr(example) for example in corpus.examples],
            "recordings": [repr(recording) for recording in corpus.recordings],
            "rendered": sorted(corpus.rendered),
            "pooled": pooled,
            "questions": file_hash(resource(FILE)),
            "figures": [repr((one.name, one.kinds, one.splits, one.goal, one.least_recordings)) for one in FIGURES],
            "settings": asdict(replace(settings, device="")),
        }
    )
