"""The built-in model at toy size, and a task whose answer is only in the audio: is the tone low, middle or high?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.builtin.architecture import Sizes, build, build_extractor, build_processor, build_tower
from backend.builtin.batches import Encoded, encoded_split
from backend.builtin.encode import TowerEncoder, encode_examples
from backend.builtin.examples import Example, Facts, Part, Sound, Split
from backend.builtin.packing import Dialogue
from backend.builtin.tokenizer import train_tokenizer
from backend.jobs.job import quiet_job
from builders.tiny_models import tiny_whisper

RATE = 16_000
TONES = {"low": 200.0, "middle": 1000.0, "high": 4000.0}
SIZES = Sizes(width=32, layers=2, feed_forward=64, head_width=16, key_value_heads=1, window_seconds=2)
QUESTIONS = ("What do you hear?", "Is the tone low, middle or high?", "Is it a high tone?")
SOUNDS = {f"tones/{name}": name for name in TONES}
"""`Recording.sound` by `Recording.id`."""


@dataclass(frozen=True)
class TinyModel:
    """The untrained model and what belongs to it."""

    model: Any
    tokenizer: Any
    processor: Any
    encoder: TowerEncoder


def tiny_model(folder: Path, sizes: Sizes = SIZES) -> TinyModel:
    """Built on a random Whisper of 30 s, which is written below `folder`."""
    whisper = tiny_whisper(folder / "whisper", window_seconds=30, layers=2)
    tower = build_tower(whisper, sizes.window_seconds)
    extractor = build_extractor(sizes)
    texts = [text for name in TONES for pair in dialogue_of(name) for text in pair]
    tokenizer = train_tokenizer(texts * 3, size=700)
    return TinyModel(
        build(tower, tokenizer, sizes), tokenizer, build_processor(tokenizer, extractor), TowerEncoder(tower, extractor)
    )


def tone_example(name: str, number: int, seconds: float, split: Split = "train") -> Example:
    recording = f"tones/{name}"
    facts = Facts((Sound("music", f"{name} tone", f"a {name} tone"),))
    return Example(f"{name}-{number}", split, (Part(recording, 0.0, 0.0, seconds),), facts, seconds)


def tone_examples(each: int = 4) -> list[Example]:
    """`each` training and two validation examples of every tone, 0.4 to 2 s long."""
    lengths = np.random.default_rng(0).uniform(0.4, 2.0, (len(TONES), each + 2))
    return [
        tone_example(name, i, float(seconds), "train" if i < each else "validation")
        for name, row in zip(TONES, lengths, strict=True)
        for i, seconds in enumerate(row)
    ]


def realise_tone(example: Example) -> np.ndarray:
    """A sine of the example's tone; its phase follows from its id."""
    name, number = example.id.rsplit("-", 1)
    time = np.arange(round(example.seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * TONES[name] * time + float(number))).astype(np.float32)


def dialogue_of(name: str) -> list[tuple[str, str]]:
    answers = (f"I hear a {name} tone.", f"The tone is {name}.", "Yes, it is." if name == "high" else "No, it is not.")
    return list(zip(QUESTIONS, answers, strict=True))


def tone_dialogues(example: Example, epoch: int) -> Dialogue:
    """All questions, in an order that changes with the epoch."""
    pairs = dialogue_of(example.id.rsplit("-", 1)[0])
    return pairs[epoch % 3 :] + pairs[: epoch % 3]


def encoded_tones(tiny: TinyModel, folder: Path, each: int = 4) -> tuple[list[Encoded], list[Encoded]]:
    """Training and validation examples, encoded below `folder`."""
    examples = tone_examples(each)
    encoded, keys = encode_examples(
        tiny.encoder, examples, realise_tone, sounds=SOUNDS, folder=folder, job=quiet_job()
    )  # fmt: skip
    train, validation = (encoded_split(examples, keys, encoded, split) for split in ("train", "validation"))
    return train, validation
