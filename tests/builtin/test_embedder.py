from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.builtin.embedder import (
    CONFIG,
    WEIGHTS,
    Embedder,
    EmbedderConfig,
    contrastive_loss,
    load_embedder,
    save_embedder,
)  # fmt: skip
from backend.builtin.train_embedder import EmbedderTraining, recall_at, train_embedder
from backend.errors import ArdError
from backend.jobs.job import quiet_job

CONFIGURATION = EmbedderConfig(audio_width=6, vocabulary=10, pad=0, width=12, heads=3, blocks=1, dimensions=8)


def embedder() -> Embedder:
    torch.manual_seed(0)
    return Embedder(CONFIGURATION).eval()


def test_loss_of_perfect_pairs_is_log_of_the_others_share() -> None:
    same = torch.eye(2, dtype=torch.bool)
    loss = contrastive_loss(torch.eye(2), torch.eye(2), torch.tensor(3.0), same)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-3)), rel=1e-6)


def test_clips_of_equal_captions_do_not_repel_each_other() -> None:
    alike = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = contrastive_loss(alike, alike, torch.tensor(20.0), torch.ones(2, 2, dtype=torch.bool))
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)


def test_embedding_of_a_clip_does_not_depend_on_its_company() -> None:
    model, draw = embedder(), torch.Generator().manual_seed(1)
    short, long = torch.randn(3, 6, generator=draw), torch.randn(9, 6, generator=draw)
    torch.testing.assert_close(model.embed_rows([short, long])[0], model.embed_rows([short])[0])
    torch.testing.assert_close(model.embed_ids([[1, 2], [3, 4, 5, 6]])[0], model.embed_ids([[1, 2]])[0])


def test_clip_without_a_token_is_refused() -> None:
    with pytest.raises(ValueError, match="without a token"):
        embedder().embed_rows([torch.empty(0, 6)])


def test_saved_embedder_gives_the_same_vectors_to_half_precision(tmp_path: Path) -> None:
    model = embedder()
    save_embedder(tmp_path, model)
    rows = [torch.randn(4, 6)]
    torch.testing.assert_close(load_embedder(tmp_path).embed_rows(rows), model.embed_rows(rows), atol=2e-3, rtol=0)


def test_missing_and_damaged_weights_are_named(tmp_path: Path) -> None:
    save_embedder(tmp_path, embedder())
    (tmp_path / WEIGHTS).write_bytes(b"nonsense")
    with pytest.raises(ArdError, match="damaged"):
        load_embedder(tmp_path)
    (tmp_path / WEIGHTS).unlink()
    with pytest.raises(ArdError, match="missing"):
        load_embedder(tmp_path)
    assert (tmp_path / CONFIG).exists()


def test_training_learns_which_caption_belongs_to_which_sound() -> None:
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(4, 6)).astype(np.float32)
    rows = {
        f"{c}-{i}": centres[c] + 0.1 * draw.normal(size=(5, 6)).astype(np.float32) for c in range(4) for i in range(8)
    }
    said = {key: f"kind {key[0]}" for key in rows}
    settings = EmbedderTraining(epochs=30, batch=16, warmup_steps=5, row_dropout=0.0)

    def tokenize(text: str) -> list[int]:
        return [1, 2 + int(text[-1])]

    model = train_embedder(
        CONFIGURATION, list(rows), rows, lambda key, epoch: said[key], tokenize, settings, quiet_job()
    )  # fmt: skip
    found = recall_at(model, list(rows.values()), list(said.values()), tokenize, k=1)
    assert found["recall_at_1"] == 1
    assert found["chance"] == pytest.approx(0.25)
    assert (found["queries"], found["clips"]) == (4, 32)
