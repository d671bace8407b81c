"""Generated sound files of many kinds, and a manifest in which very many clips share them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000
SECONDS = 8.0
SHORTEST, LONGEST = 0.3, 6.0
WORDS = {
    "animal": "dog bark, rooster, frog chorus, cricket, blackbird, cow, horse snort, cat",
    "human voice": "laughter, cough, sneeze, whisper, crowd, baby cry, applause, humming",
    "speech": "a man counting, a woman reading, a child asking, radio talk, German, Hindi, an argument, a lecture",
    "music": "piano, church organ, drum roll, cello, synthesiser arpeggio, choir, trumpet, guitar chord",
    "water": "rain, a dripping tap, surf, a toilet flush, a boiling kettle, a stream, splashing, thunder",
    "machine": "a drill, a vacuum cleaner, a typewriter, an engine idling, a helicopter, a saw, a fan, a printer",
    "alarm": "a siren, a doorbell, a telephone, a car horn, an alarm clock, church bells, a whistle, a beep",
    "impact": "footsteps, a door, breaking glass, a hammer, fireworks, a gunshot, coins, keyboard clicks",
}
KINDS = tuple((category, word) for category, words in WORDS.items() for word in words.split(", "))
"""(category, label) of every kind of sound."""
WHERE = ("in a hall", "outdoors", "close by", "far away", "in the rain", "over a telephone", "at night", "in a kitchen")


@dataclass(frozen=True)
class Sounds:
    """What was written.

    Attributes
    ----------
    folder, manifest : Path
        The data set's folder and the JSONL manifest beside it.
    kind : int array [clips]
        Position in `KINDS` of each row of the manifest.
    """

    folder: Path
    manifest: Path
    kind: np.ndarray


def sounds(folder: Path, *, files: int, clips: int, seed: int, odd: bool, markup: bool = False) -> Sounds:
    """Write `files` sounds of `SECONDS` s and a manifest of `clips` parts of them.

    With `odd` the last two clips are a file of one sample and one of ten minutes; with `markup` every text looks like
    HTML.
    """
    draw = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number in range(files):
        kind = number % len(KINDS)
        mark = "<img src=x>" if markup else ""
        names.append(f"{mark}{KINDS[kind][0].replace(' ', '-')}/{KINDS[kind][1].replace(' ', '-')}-{number:03d}.wav")
        _write(folder / names[-1], _sound(kind, draw), RATE)
    ordinary = clips - 2 if odd else clips
    file = draw.permutation(np.arange(ordinary) % files)
    seconds = np.round(np.exp(draw.uniform(np.log(SHORTEST), np.log(LONGEST), ordinary)), 3)
    start = np.round(draw.uniform(0, SECONDS - seconds), 3)
    kind = file % len(KINDS)
    place = draw.integers(0, len(WHERE), ordinary)
    rows: list[dict[str, object]] = [
        _row(names[f], i, int(kind[i]), int(place[i]), float(start[i]), float(start[i] + seconds[i]))
        for i, f in enumerate(file.tolist())
    ]
    if markup:
        rows = [_marked(row) for row in rows]
    if odd:
        _write(folder / "odd/one-sample.wav", np.array([0.5]), RATE)
        _write(folder / "odd/ten-minutes.wav", 0.3 * draw.standard_normal(600 * 4000), 4000)
        rows += [{"path": f"odd/{name}.wav", "labels": {"category": "odd"}} for name in ("one-sample", "ten-minutes")]
        kind = np.append(kind, [0, 0])
    manifest = folder / "clips.jsonl"
    manifest.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return Sounds(folder, manifest, kind)


def caption(kind: int, place: int) -> str:
    """One sentence about a sound of a kind."""
    category, word = KINDS[kind]
    return f"The sound of {word} {WHERE[place]}, which a listener would file under {category}."


def _row(path: str, number: int, kind: int, place: int, start: float, end: float) -> dict[str, object]:
    category, word = KINDS[kind]
    return {
        "path": path,
        "record": f"{Path(path).stem}-{number:06d}",
        "start": start,
        "end": round(end, 3),
        "caption": caption(kind, place),
        "split": "train" if number % 10 else "test",
        "speaker": f"s{number % 251:03d}" if category in ("speech", "human voice") else "",
        "licence": "CC0-1.0",
        "source": f"set-{number % 4}",
        "labels": {"category": category, "label": word},
    }


def _marked(row: dict[str, object]) -> dict[str, object]:
    labels = row["labels"]
    assert isinstance(labels, dict)
    marked = {f"<i>{key}</i>": f"<b>{value}</b> &amp;" for key, value in labels.items()}
    return {**row, "record": f"<b>{row['record']}</b>", "caption": f"<u>{row['caption']}</u> & so on", "labels": marked}


def _sound(kind: int, draw: np.random.Generator) -> np.ndarray:
    """A tone with overtones and a band of noise under a rhythm, each in proportions that belong to the kind."""
    t = np.arange(round(SECONDS * RATE)) / RATE
    pitch = 110 * 2 ** (kind % 8 / 2.5) * draw.uniform(0.97, 1.03)
    rhythm = 0.5 + (kind * 7) % 11
    tone = sum(np.sin(2 * np.pi * pitch * h * t) / h for h in range(1, 2 + kind % 5))
    noise = np.convolve(draw.standard_normal(len(t)), np.ones(1 + kind % 13) / (1 + kind % 13), "same")
    share = (kind // 8) / 7
    swell = np.clip(np.sin(2 * np.pi * rhythm * t + draw.uniform(0, 6)), 0.05, 1)
    return 0.4 * swell * ((1 - share) * tone / 2 + share * noise)


def _write(path: Path, wave: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.clip(wave, -1, 1), rate, subtype="PCM_16")
