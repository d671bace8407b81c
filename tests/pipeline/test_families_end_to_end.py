"""The same code path, from recordings to ranked features, on every family of models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.jobs.events import EventLog
from backend.jobs.job import Job
from backend.stages import pipeline
from backend.store.activations import ActivationStore
from backend.store.clips import ClipTable
from backend.store.retrieval import STATUS, RetrievalFile
from backend.study.configuration import load_settings
from builders.tiny_models import tiny_hubert, tiny_qwen2_audio, tiny_whisper
from builders.tiny_study import finished_study

FAMILIES = [
    (tiny_qwen2_audio, "decoder.1"),
    (tiny_qwen2_audio, "encoder.0"),
    (tiny_whisper, "encoder.last"),
    (tiny_hubert, "encoder.1"),
]


@pytest.mark.parametrize(("build", "layer"), FAMILIES)
def test_study_reaches_ranked_features(build: Callable[[Path], Path], layer: str, tmp_path: Path) -> None:
    study = finished_study(tmp_path, build=build, layer=layer, train={"steps": 30})
    (name,) = study.feature_ids()
    clips = ClipTable(study.clips())
    (stored,) = (study.root / "activations").glob("*/*/manifest.json")
    store = ActivationStore(stored.parent)
    with RetrievalFile(study.retrieval(name)) as file:
        table = file.table()
        tokens = [file.tokens(i) for i in range(len(clips))]
        feature = int(np.argmax(table["support"]))
        view = file.feature(feature)
    assert sum(tokens) == store.tokens
    assert STATUS[table["status"][feature]] == "ok"
    assert list(view.most_scores) == sorted(view.most_scores, reverse=True)
    assert view.most_scores[0] == table["max_score"][feature]
    strongest = view.traces[int(view.most_clips[0])]
    total, count, length = strongest.value.sum(dtype=np.float64), len(strongest.token), tokens[view.most_clips[0]]
    assert view.most_scores[0] == pytest.approx(total * count / length**2, rel=1e-6)


def test_ten_seconds_give_qwen2_audio_250_tokens_a_clip(tmp_path: Path) -> None:
    study = finished_study(tmp_path, build=tiny_qwen2_audio, layer="decoder.0", train={"steps": 5})
    clips = ClipTable(study.clips())
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        for i in range(len(clips)):
            samples = round(float(clips.numbers["duration"][i]) * 16000)
            mel = -(-samples // 160)
            assert file.tokens(i) == (((mel - 1) // 2 + 1) - 2) // 2 + 1


def test_a_second_run_finds_everything_current(tmp_path: Path) -> None:
    study = finished_study(tmp_path, train={"steps": 10})
    events: list[dict[str, object]] = []
    pipeline.run(study, load_settings(study.toml), Job(EventLog(None, "again", (events.append,))))
    assert {e["stage"] for e in events if e.get("state") == "current"} == set(pipeline.ORDER)
