"""The sparse autoencoder that ships with the built-in model, trained by the ordinary pipeline on the whole corpus."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from backend.builtin.examples import RATE, Recording
from backend.jobs.job import Job
from backend.stages import pipeline
from backend.store.clips import tie_id
from backend.study.atomic import read_json, write_json, write_text
from backend.study.configuration import load_settings
from backend.study.creation import new_study, with_changes
from backend.study.folder import Study
from backend.targets.base import Wave


@dataclass(frozen=True)
class DictionarySettings:
    """Settings of the shipped SAE.

    Attributes
    ----------
    layer : str
        "auto": the deepest where the audio positions still drive the answer (`backend.quality.reach`).
    follows : float
        Least share of answers that do, there and at every layer below.
    pairs : int
        Of clips that are exchanged to find that out.
    epochs : float
        Over the audio tokens of the training split.
    """

    layer: str = "auto"
    follows: float = 0.75
    pairs: int = 40
    architecture: str = "topk"
    expansion: int = 8
    k: int = 32
    epochs: float = 60.0


def exchangeable(
    recordings: Sequence[Recording], samples: Callable[[Recording], Wave], count: int, seconds: float = 2.0
) -> list[tuple[Wave, Wave]]:
    """`count` pairs of held-out clips of different categories, the first `seconds` of each; fewer if there are not so
    many. Shorter recordings are repeated, so that every category takes part."""
    by_category: dict[str, list[Recording]] = defaultdict(list)
    for one in sorted((one for one in recordings if one.split == "held_out"), key=lambda r: tie_id(r.id)):
        by_category[one.category].append(one)
    length = round(seconds * RATE)
    between = list(combinations(sorted(by_category), 2))
    found = []
    for number in range(count):
        turn, (first, second) = number // len(between), between[number % len(between)]
        if turn < min(len(by_category[first]), len(by_category[second])):
            both = (by_category[first][turn], by_category[second][turn])
            found.append((np.resize(samples(both[0]), length), np.resize(samples(both[1]), length)))
    return found


def train_dictionary(
    folder: Path,
    model: Path,
    recordings: Sequence[Recording],
    base: Path,
    layer: str,
    settings: DictionarySettings,
    job: Job,
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
    changes = [
        f'model.layers=["{layer}"]', f'sae.architecture=["{settings.architecture}"]',
        f"sae.expansion=[{settings.expansion}]", f"sae.k=[{settings.k}]", f"train.epochs={settings.epochs}",
        "sae.dead_tokens=200000",
    ]  # fmt: skip
    if not study.toml.exists():
        new_study(folder, str(model), [base], manifest=str(manifest))
    # a study that is there keeps its activations, and follows settings that changed
    loaded = with_changes(load_settings(study.toml), changes)
    for name in ("index", "extract", "train"):
        pipeline.stage(name).run(study, loaded, job)
    (product,) = pipeline.stage("train").products(study, loaded)
    return product.manifest.parent


def ship_dictionary(trained: Path, out: Path) -> None:
    """Copy weights, configuration and manifest of a finished SAE into `out`, but not the folders of this machine."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("sae.safetensors", "config.json"):
        shutil.copyfile(trained / name, out / name)
    manifest = read_json(trained / "manifest.json")
    write_json(out / "manifest.json", {name: value for name, value in manifest.items() if name != "command"})
