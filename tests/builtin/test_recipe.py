"""The recipe from manifests to a model folder, card, embedder, SAE and clips, on a toy corpus."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from backend.builtin.architecture import Sizes
from backend.builtin.clips import ClipChoice
from backend.builtin.compose import ComposeSettings, Counts
from backend.builtin.dictionary import DictionarySettings
from backend.builtin.embedder import load_embedder
from backend.builtin.evaluate import EvaluateSettings
from backend.builtin.examples import CATEGORIES, RATE, SPLITS, Recording, write_rows
from backend.builtin.recipe import STEPS, Recipe, RecipeSettings
from backend.builtin.train_embedder import EmbedderTraining
from backend.builtin.trainer import TrainSettings
from backend.errors import ArdError
from backend.jobs.job import quiet_job
from backend.sae.files import load_sae
from backend.study.settings import ModelSection
from backend.targets.load import load_target
from builders.tiny_models import tiny_whisper

LABELS = {
    "speech": ("Spanish voice", "a woman speaking Spanish"),
    "music": ("piano", "a piano"),
    "animal": ("dog", "a dog barking"),
    "human": ("laughter", "laughter"),
    "environment": ("rain", "falling rain"),
}
COUNTS = Counts(singles=6, speech=6, ordered=3, together=3, triples=0, silence=1, faint=1, noise=1)
SETTINGS = RecipeSettings(
    vocabulary=700,
    sizes=Sizes(width=32, layers=2, feed_forward=64, head_width=16, key_value_heads=1),
    compose=ComposeSettings(train=COUNTS, others=COUNTS),
    training=TrainSettings(steps=6, batch=4, validate_every=3, device="cpu"),
    evaluation=EvaluateSettings(per_class=1, per_class_unseen=1, device="cpu"),
    embedder=EmbedderTraining(epochs=1, batch=4),
    dictionary=DictionarySettings(layer="decoder.0", k=4, epochs=1.0, pairs=10),
    clips=ClipChoice(per_category=2, shortest=0.4),
)


def write_corpus(work: Path) -> None:
    """Three recordings of each category in each split: a tone of its own, with noise."""
    draw = np.random.default_rng(0)
    rows = []
    for number, category in enumerate(CATEGORIES):
        label, phrase = LABELS[category]
        for split in SPLITS:
            for take in range(3):
                path = work / "sounds" / split / f"{category}-{take}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                time = np.arange(round(draw.uniform(0.5, 1.5) * RATE)) / RATE
                sound = 0.3 * np.sin(2 * np.pi * 200 * 2**number * time) + 0.02 * draw.standard_normal(len(time))
                soundfile.write(path, sound, RATE)
                speaks = {"language": "Spanish", "sex": "woman"} if category == "speech" else {}
                rows.append(
                    Recording(
                        f"toy/{split}/{path.stem}",
                        str(path.relative_to(work)),
                        "toy",
                        category,
                        label,
                        phrase,
                        len(time) / RATE,
                        f"{split}{category}{take}",
                        split,
                        f"{split}{category}{take}",
                        speaks,
                        "CC0",
                        "nobody",
                        shippable=True,
                    )
                )
    write_rows(work / "recordings.jsonl", [row for row in rows if not row.id.endswith("2")])
    write_rows(work / "rendered.jsonl", [row for row in rows if row.id.endswith("2")])


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    work = tmp_path_factory.mktemp("recipe")
    tiny_whisper(work / "sources" / "whisper-tiny-en", window_seconds=30, layers=2)
    write_corpus(work)
    made = Recipe(work, SETTINGS, quiet_job())
    made.run(first="compose")
    return made


def test_model_answers_through_the_ordinary_target(recipe: Recipe) -> None:
    target = load_target(ModelSection(path=str(recipe.model_folder), device="cpu"))
    wave = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)
    assert isinstance(target.generate(wave, "What can be heard?", 8), str)
    assert target.encode([wave], ["decoder.0"])[0].x["decoder.0"].shape == (25, 32)


def test_card_tells_every_source_and_the_balanced_accuracies(recipe: Recipe) -> None:
    text = (recipe.model_folder / "README.md").read_text(encoding="utf-8")
    evaluation = json.loads((recipe.work / "evaluation.json").read_text(encoding="utf-8"))
    assert text.startswith("---\n")
    assert "toy" in text
    assert any(figure["n"] for figure in evaluation["figures"])
    for title in ("The shipped clips", "The embedder", "The SAE"):
        assert f"## {title}\n" in text


def test_embedder_sae_and_clips_are_there_and_load(recipe: Recipe) -> None:
    embedder = load_embedder(recipe.ship / "embedder")
    vector = embedder.embed_rows([torch.randn(5, embedder.config.audio_width)])
    assert vector.norm().item() == pytest.approx(1, abs=1e-5)
    assert load_sae(recipe.ship / "sae").config.n_features == 8 * 32
    assert str(recipe.work) not in (recipe.ship / "sae" / "manifest.json").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in (recipe.ship / "clips" / "clips.jsonl").read_text().splitlines()]
    assert {row["labels"]["category"] for row in rows} == set(CATEGORIES)
    assert all((recipe.ship / "clips" / row["path"]).exists() for row in rows)
    credited = (recipe.ship / "clips" / "CREDITS.md").read_text(encoding="utf-8")
    assert all(row["path"] in credited for row in rows)


def test_second_run_changes_nothing(recipe: Recipe) -> None:
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(recipe.ship.rglob("*")) if p.is_file()}
    Recipe(recipe.work, SETTINGS, quiet_job()).run(first="compose", last="layers")
    kept = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in before}
    assert kept == before


def test_unknown_step_is_named_with_the_known_ones(recipe: Recipe) -> None:
    with pytest.raises(ArdError, match="Steps: fetch"):
        recipe.run(last="tune")
    assert STEPS[0] == "fetch"
