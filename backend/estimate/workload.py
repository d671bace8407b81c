"""What is still to be done in a study, in numbers: tokens, steps, features, clips to embed and to caption."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from backend.describe.cache import VectorCache
from backend.describe.heard import Hearing
from backend.describe.result import Result
from backend.describe.sources import captioner_source, embedder_source
from backend.estimate.planned import Planned
from backend.estimate.tokens import ClipLengths, Count, Int, clip_tokens, count_by_header, lengths
from backend.extract.recipe import Recipe, recipes
from backend.sae.config import SaeConfig
from backend.stages import describe, retrieve
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.study.atomic import read_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import is_current
from backend.study.settings import Settings
from backend.targets.identity import ModelIdentity, identify
from backend.train.jobs import SaeJob, sae_jobs

PROMPTED = ("audiollm", "endpoint")
"""Captioners that are asked clip by clip, and whose captions are kept in a file."""


@dataclass(frozen=True)
class Layer:
    """One layer of the study.

    Attributes
    ----------
    tokens : int array [N]
        T of every clip of the table; 0 for one that is not used.
    extracted : bool
        Its activations are current.
    bytes_there : int
        Of shards that an interrupted extraction left.
    """

    recipe: Recipe
    tokens: Int
    extracted: bool
    bytes_there: int

    @property
    def name(self) -> str:
        return self.recipe.layer

    @property
    def d(self) -> int:
        return self.recipe.d


@dataclass(frozen=True)
class Training:
    """One SAE that is to be trained; `done` steps are in its checkpoint."""

    job: SaeJob
    layer: Layer
    steps: int
    done: int

    @property
    def config(self) -> SaeConfig:
        return self.job.config

    @property
    def parameters(self) -> int:
        return parameters(self.config)


@dataclass(frozen=True)
class Ranked:
    """One ranking, and what of it is to be made.

    Attributes
    ----------
    config : SaeConfig or None
        None for raw units.
    features : int
        D, or the number of raw units.
    retrieve, score, describe : bool
    """

    id: str
    layer: Layer
    config: SaeConfig | None
    features: int
    retrieve: bool
    score: bool
    describe: bool


@dataclass(frozen=True)
class Workload:
    """What a study still needs.

    Attributes
    ----------
    layers : list of Layer
        All that the study asks for.
    trainings : list of Training
        Those to be trained.
    ranked : list of Ranked
        All rankings.
    """

    planned: Planned
    table: ClipTable
    identity: ModelIdentity
    clips: ClipLengths
    layers: list[Layer]
    trainings: list[Training]
    ranked: list[Ranked]

    @property
    def settings(self) -> Settings:
        return self.planned.settings

    @property
    def streams(self) -> bool:
        return self.settings.extract.storage == "stream"

    @cached_property
    def to_extract(self) -> list[Layer]:
        return [] if self.streams else [one for one in self.layers if not one.extracted]

    @cached_property
    def to_retrieve(self) -> list[Ranked]:
        return [one for one in self.ranked if one.retrieve]

    @cached_property
    def to_score(self) -> list[Ranked]:
        return [one for one in self.ranked if one.score]

    @cached_property
    def to_describe(self) -> list[Ranked]:
        return [one for one in self.ranked if one.describe]

    @cached_property
    def probed(self) -> Int:
        """Rows of the clips that are ranked."""
        return np.flatnonzero(self.table.probe & (self.clips.windows > 0)).astype(np.int64)

    @cached_property
    def to_embed(self) -> Int:
        """Rows of the clips whose vectors are wanted and not kept yet, each sound once."""
        if not self.to_score and not self.to_describe:
            return np.empty(0, np.int64)
        name = fingerprint({"embedder": embedder_source(self.settings), "part": Hearing(self.settings).identity()})
        known = VectorCache(self.planned.study.root / "describe" / f"embeddings-{name}")
        found = {key: row for row in self.probed.tolist() if (key := clip_key(self.table[row])) not in known}
        return np.array(sorted(found.values()), dtype=np.int64)

    @cached_property
    def captions(self) -> int:
        """Captions that have to be asked of a model; clips of H are taken to be drawn from all alike."""
        settings = self.settings.captions
        if settings.captioner not in PROMPTED or not self.to_describe:
            return 0
        p, top = self.settings.retrieve.p, self.settings.scores.top
        drawn = p * sum(min(top, one.features) for one in self.to_describe)
        if settings.part == "active":
            return drawn
        clips = len(self.probed)
        return max(0, round(clips * -float(np.expm1(-drawn / max(1, clips)))) - self._captioned)

    @cached_property
    def _captioned(self) -> int:
        prompt = describe.prompt_texts(self.planned.study, self.settings)["caption"]
        name = fingerprint([captioner_source(self.settings, prompt), Hearing(self.settings).identity()])
        kept = self.planned.study.root / "describe" / f"captions-{name}.jsonl"
        return len(kept.read_text(encoding="utf-8").splitlines()) if kept.is_file() else 0

    @cached_property
    def seconds(self) -> float:
        """Seconds of sound that the model is shown, of all clips once."""
        return sum(map(sum, self.clips.samples)) / self.clips.rate


def parameters(config: SaeConfig) -> int:
    """Trained numbers of an SAE."""
    own = {"jumprelu": config.n_features}.get(config.architecture, 0)
    return 2 * config.n_features * config.d + config.n_features + config.d + own


def active(config: SaeConfig) -> int:
    """Active features per token to be expected: k, or of a JumpReLU, whose number training decides, a fifth of D."""
    return config.n_features // 5 if config.architecture == "jumprelu" else config.k


def workload(planned: Planned, table: ClipTable, count: Count | None = None) -> Workload:
    """What `planned`, with its clips `table`, still needs; tokens as `count` says, else by clip headers.

    Raises ArdError as `identify` does, for a layer that is not there and for a grid that is not possible.
    """
    study, settings = planned.study, planned.settings
    identity = identify(settings.model)
    clips = lengths(table, settings.clips, identity)
    count = count or count_by_header(settings.model, identity)
    layers = {one.layer: _layer(study, one, clip_tokens(clips, one.layer, count)) for one in recipes(study, settings)}
    trainings = [_training(settings, job, layers[job.layer], table) for job in sae_jobs(study, settings)]
    to_do = [one for one in trainings if not _current(one.job.manifest, one.job.fingerprint)]
    return Workload(
        planned, table, identity, clips, list(layers.values()), to_do, _ranked(study, settings, layers)
    )  # fmt: skip


def _current(manifest: Path, print_: str) -> bool:
    return bool(print_) and is_current(manifest, print_)


def _layer(study: Study, recipe: Recipe, tokens: Int) -> Layer:
    folder = recipe.folder(study)
    there = sum(one.stat().st_size for one in folder.glob("shard-*.h5")) if folder.is_dir() else 0
    return Layer(recipe, tokens, _current(folder / "manifest.json", recipe.fingerprint), there)


def _training(settings: Settings, job: SaeJob, layer: Layer, table: ClipTable) -> Training:
    train = settings.train
    epoch = int(layer.tokens[table.train].sum())
    steps = train.steps if train.steps != "auto" else max(1, round(train.epochs * epoch / train.batch_tokens))
    return Training(job, layer, steps, min(steps, checkpoint_step(job)))


def checkpoint_step(job: SaeJob) -> int:
    """Step of a checkpoint of the same SAE, 0 without one; read without torch."""
    path = job.folder / "checkpoint" / "state.safetensors"
    try:
        with open(path, "rb") as handle:
            header = handle.read(int.from_bytes(handle.read(8), "little"))
        values = json.loads(json.loads(header)["__metadata__"]["values"])
        return int(values["step"]) if values["fingerprint"] == job.fingerprint else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _ranked(study: Study, settings: Settings, layers: dict[str, Layer]) -> list[Ranked]:
    grid = {job.id: job.config for job in sae_jobs(study, settings)}
    by_id = {one.id: one for one in describe.descriptions(study, settings)}
    products = {p.name: p.state for p in retrieve.products(study, settings)}
    found = []
    for one in retrieve.rankings(study, settings):
        layer = layers[one.layer]
        config = None if one.sae is None else grid.get(one.id) or _imported(one.sae)
        units = layer.d * (2 if settings.retrieve.raw_reading == "split" else 1)
        mine = by_id[one.id]
        found.append(
            Ranked(
                one.id,
                layer,
                config,
                units if config is None else config.n_features,
                retrieve=products[one.id] != "finished",
                score=not mine.scores.is_current(study),
                describe=_wanted(study, mine.concepts),
            )
        )
    return found


def _wanted(study: Study, result: Result | None) -> bool:
    return result is not None and not result.is_current(study)


def _imported(folder: Path) -> SaeConfig:
    values: dict[str, Any] = read_json(folder / "config.json")
    return SaeConfig.from_json({k: v for k, v in values.items() if k not in ("input_factor", "weights_hash")})
