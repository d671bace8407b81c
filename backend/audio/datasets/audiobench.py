"""AudioBench sets: questions about sound inside parquet shards (D-5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.audio.content import Samples, cell_sound, open_parquet
from backend.audio.datasets.base import DATASETS, Adapter, expected, inside
from backend.audio.probe import Probe, probe_bytes
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.study.fingerprint import edge_hash_bytes
from backend.study.settings import AudioSection

AUDIO = "context"
EMOTIONS = {
    "frustrat": "frustrated",
    "ang": "angry",
    "excit": "excited",
    "neutral": "neutral",
    "happ": "happy",
    "surpris": "surprised",
    "sad": "sad",
}
GENDERS = {"female": "female", "male": "male"}
"""In this order; both are matched from a word's start, so that "male" is not found in "female"."""


@DATASETS.register("audiobench")
class AudioBench(Adapter):
    """One record a row; labels: emotion or gender (parsed from the answer), question, answer.

    Records are numbered through all shards of a split ("test-00017"), so that another division
    into shards keeps their ids. `source` and `split` are the name before the first "-" of a shard.
    """

    tables = frozenset({".parquet"})

    def records(self, root: Path, section: AudioSection) -> Iterator[ClipRecord | Unreadable]:
        folder = inside(root, "data")
        shards = sorted(p for p in folder.glob("*.parquet") if not p.name.startswith("."))
        if not shards:
            expected(folder / "test-00000-of-00001.parquet", "AudioBench")
        counts: dict[str, int] = {}
        for shard in shards:
            split = shard.stem.split("-")[0]
            first = counts.get(split, 0)
            number = -1
            for number, row in enumerate(_rows(shard)):
                path = shard.relative_to(root).as_posix()
                yield _record(path, f"{split}-{first + number:05d}", split, number, row, shard)
            counts[split] = first + number + 1


def answer_class(answer: str) -> dict[str, str]:
    """The class an answer names: {"emotion": …}, {"gender": …} or nothing.

    Keywords are matched at the start of a word: "ang" must not be found in "language".
    """
    for label, words in (("emotion", EMOTIONS), ("gender", GENDERS)):
        for stem, name in words.items():
            if re.search(rf"\b{stem}", answer, re.IGNORECASE):
                return {label: name}
    return {}


def _rows(shard: Path) -> Iterator[dict[str, Any]]:
    with open_parquet(shard) as handle:
        present = handle.schema_arrow.names
        if AUDIO not in present:
            raise ArdError(
                f"this parquet file has no column '{AUDIO}'; it has {', '.join(present)}",
                path=shard,
                todo="Is it an AudioBench set?",
            )
        columns = [name for name in (AUDIO, "instruction", "answer") if name in present]
        for group in range(handle.metadata.num_row_groups):
            table = handle.read_row_group(group, columns=columns)
            for row in range(table.num_rows):
                yield {name: table.column(name)[row].as_py() for name in columns}


def _record(path: str, name: str, split: str, number: int, row: dict[str, Any], shard: Path) -> ClipRecord | Unreadable:
    member = f"{AUDIO}:{number}"
    try:
        fact = _probe(cell_sound(row[AUDIO], shard, member))
    except ArdError as error:
        return Unreadable(f"{path} [{member}]", error.what)
    if fact.reason:
        return Unreadable(f"{path} [{member}]", fact.reason)
    question, answer = _text(row.get("instruction")), _text(row.get("answer"))
    labels = {**answer_class(answer), "question": question, "answer": answer}
    return ClipRecord(
        record=name,
        path=path,
        member=member,
        duration=fact.duration,
        labels={key: value for key, value in labels.items() if value},
        split=split,
        source=split,
        sample_rate=fact.sample_rate,
        channels=fact.channels,
        hash=fact.hash,
    )


def _text(value: Any) -> str:
    """Instructions and answers are texts, or {"text": …} in some versions of the sets."""
    if isinstance(value, dict):
        value = value.get("text")
    return "" if value is None else str(value).strip()


def _probe(sound: Any) -> Probe:
    if not isinstance(sound, Samples):
        return probe_bytes(sound.getvalue())
    frames, channels = sound.values.shape
    if not frames:
        return Probe("", reason="the entry holds no samples")
    return Probe(edge_hash_bytes(sound.values.tobytes()), frames / sound.rate, sound.rate, channels)
