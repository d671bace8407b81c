"""The sparse autoencoder that ships with the built-in model, trained by the ordinary pipeline on the whole corpus."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.builtin.examples import Recording
from backend.jobs.job import Job
from backend.stages import pipeline
from backend.study.atomic import write_text
from backend.study.configuration import load_settings
from backend.study.creation import new_study
from backend.study.folder import Study


@dataclass(frozen=True)
class DictionarySettings:
    """Settings of the shipped SAE.

    Attributes
    ----------
    layer : str
        Where the audio positions still drive the answer.
    epochs : float
        Over the audio tokens of the training split.
    """

    layer: str = "decoder.1"
    architecture: str = "topk"
    expansion: int = 8
    k: int = 24
    epochs: float = 60.0


def train_dictionary(
    folder: Path, model: Path, recordings: Sequence[Recording], base: Path, settings: DictionarySettings, job: Job
) -> Path:
    """The finished SAE folder of a study in `folder` on the training recordings; continues a study that is there.

    Parameters
    ----------
    base : Path
        Folder the recordings' paths are relative to.
    """
    study = Study(folder)
    manifest = folder.with_suffix(".jsonl")
    rows = [
        {"path": one.path, "labels": {"category": one.category, "label": one.label}, "source": one.source}
        for one in recordings
        if one.split == "train"
    ]
    write_text(manifest, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    if not study.toml.exists():
        new_study(
            folder, str(model), [base], manifest=str(manifest), layers=[settings.layer],
            changes=[
                f'sae.architecture=["{settings.architecture}"]', f"sae.expansion=[{settings.expansion}]",
                f"sae.k=[{settings.k}]", f"train.epochs={settings.epochs}", "sae.dead_tokens=200000",
            ],
        )  # fmt: skip
    loaded = load_settings(study.toml)
    for name in ("index", "extract", "train"):
        pipeline.stage(name).run(study, loaded, job)
    (product,) = pipeline.stage("train").products(study, loaded)
    return product.manifest.parent


def ship_dictionary(trained: Path, out: Path) -> None:
    """Copy weights, configuration and manifest of a finished SAE into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("sae.safetensors", "config.json", "manifest.json"):
        shutil.copyfile(trained / name, out / name)
