"""A study of any size that no model ran for: real files of every kind, made by the real writers from drawn numbers.

Clips come from the index stage, lists, traces and histograms from the real merge of retrieval, scores from random
embeddings through the real formulas. Nothing in it is about a real model.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.jobs.job import quiet_job
from backend.stages import index
from backend.store import concepts as concepts_store
from backend.store import hdf
from backend.store import scores as scores_store
from backend.store.clips import ClipTable
from backend.store.retrieval import KIND, VERSION, RetrievalFile, RetrievalWriter
from backend.study.atomic import read_json, write_json
from backend.study.configuration import audio_sections, new_settings, write_new
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import read_manifest, write_manifest
from backend.study.settings import Settings, plain
from builders.synthetic_concepts import SOURCES, concepts
from builders.synthetic_sounds import KINDS, sounds

LAYER = "encoder.3"
SECONDS_PER_TOKEN = 0.04
MODEL_SECONDS = 30.0
WIDTH = 32
FAMILY = 16
"""Features whose decoder directions are near each other."""
RUNS = 8
EMBEDDER = {"embedder": "mini", "window": "mean", "model": "synthetic"}


@dataclass(frozen=True)
class Size:
    """How large a synthetic study is to be.

    Attributes
    ----------
    features, clips : int
    files : int
        Sound files that the clips share.
    mean_support : float
        Active clips per feature, on average; one feature is active in nearly all clips, one in twenty in none, and
        one in twenty in at most three.
    list_length : int
    pair_table : bool
        Keep every (feature, clip) pair.
    odd : bool
        Two of the clips are one sample and ten minutes long.
    dead : bool
        No feature is ever active.
    markup : bool
        Captions, labels and names of files and clips look like HTML.
    """

    features: int = 65_536
    clips: int = 118_356
    files: int = 256
    mean_support: float = 150.0
    list_length: int = 64
    pair_table: bool = False
    odd: bool = True
    dead: bool = False
    markup: bool = False


TINY = Size(features=96, clips=200, files=16, mean_support=30.0, list_length=16, odd=False)


def synthetic_study(folder: Path, size: Size = TINY, *, seed: int = 0) -> Study:
    """A study in `folder` with one SAE of `size.features` features, ranked, scored and named."""
    heard = sounds(folder / "sounds", files=size.files, clips=size.clips, seed=seed, odd=size.odd, markup=size.markup)
    study, settings = _indexed(folder, heard.folder, heard.manifest, size, seed)
    table = ClipTable(study.clips())
    home = np.arange(size.features) // FAMILY % len(KINDS)
    sae_id = f"{LAYER}-topk-e{max(1, size.features // WIDTH)}-k16-s{seed}"
    weights = _sae(study, sae_id, size.features, seed)
    _retrieval(study, settings, sae_id, table, heard.kind, home, size, seed, weights)
    _scores(study, settings, sae_id, heard.kind, seed)
    _concepts(study, settings, sae_id, table, home, seed)
    return study


def _indexed(folder: Path, audio: Path, manifest: Path, size: Size, seed: int) -> tuple[Study, Settings]:
    settings = new_settings(
        "default",
        {"path": "synthetic/none", "layers": [LAYER], "device": "cpu"},
        audio_sections([audio], "folder", str(manifest)),
        f"5e7{seed:05d}-0000-4000-8000-{size.features % 10**12:012d}",
    )
    settings.retrieve.pair_table, settings.retrieve.list_length = size.pair_table, size.list_length
    settings.scores.top = size.features
    study = Study(folder.resolve())
    write_new(study.toml, settings)
    index.run(study, settings, quiet_job())
    return study, settings


def _sae(study: Study, sae_id: str, features: int, seed: int) -> str:
    """Families of similar decoder directions; returns the weights' hash."""
    import torch

    from backend.sae.base import build
    from backend.sae.config import SaeConfig
    from backend.sae.files import save_sae

    began = time.monotonic()
    config = SaeConfig("topk", WIDTH, features, min(16, features), seed=seed)
    sae = build(config)
    draw = np.random.default_rng(seed + 1)
    centres = draw.standard_normal((features // FAMILY + 1, WIDTH))
    rows = centres[np.arange(features) // FAMILY] + 0.5 * draw.standard_normal((features, WIDTH))
    with torch.no_grad():
        sae.W_dec.copy_(torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True)))
        sae.W_enc.copy_(sae.W_dec)
    weights = save_sae(study.sae(sae_id), sae)
    write_manifest(
        study.sae(sae_id) / "manifest.json", stage="train", fingerprint=fingerprint([sae_id, weights]),
        settings={"layer": LAYER, "sae": config.to_json(), "seed": seed}, inputs={"clips": _clip_list(study)},
        outputs={"id": sae_id, "layer": LAYER, "weights": "sae.safetensors", "weights_hash": weights},
        seconds=time.monotonic() - began,
    )  # fmt: skip
    return weights


def _clip_list(study: Study) -> str:
    return str(read_manifest(study.index_manifest)["outputs"]["clip_list"])


def _retrieval(
    study: Study, settings: Settings, sae_id: str, table: ClipTable, kind: np.ndarray, home: np.ndarray, size: Size,
    seed: int, weights: str,
) -> None:  # fmt: skip
    from backend.retrieval.merge import Probing, Scoring, merge
    from backend.retrieval.neighbours import decoder_neighbours
    from backend.retrieval.result import make_ranker
    from backend.retrieval.spill import places
    from backend.sae.files import load_sae

    began, section = time.monotonic(), settings.retrieve
    seconds = table.numbers["duration"].astype(np.float64)
    tokens = np.ceil(np.clip(seconds, 1e-6, MODEL_SECONDS) / SECONDS_PER_TOKEN).astype(np.int64)
    values = {k: v for k, v in plain(section).items() if k not in ("memory_mb", "raw_units", "raw_reading")}
    inputs = {"sae": sae_id, "weights": weights, "clips": _clip_list(study)}
    print_ = fingerprint({"settings": values, "inputs": inputs})
    path = study.features(sae_id) / f"retrieval-{print_}.h5"
    spill = path.with_name("spill.h5")
    _spill(spill, _pairs(kind, home, size, seed), tokens, size.features, seed)
    near, cosine = decoder_neighbours(load_sae(study.sae(sae_id)).W_dec, section.neighbours)
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        writer = RetrievalWriter(
            handle, features=size.features, clips=len(table), settings=plain(section),
            seconds_per_token=SECONDS_PER_TOKEN, largest_token=int(tokens.max()),
        )  # fmt: skip
        figures = merge(
            writer, places(spill), Probing(tokens, False), make_ranker(table, tokens, section, [None] * len(table)),
            Scoring(section.score, section.max_tokens_window, section.p), memory=2**29,
            clip_features=section.clip_features,
        )  # fmt: skip
        writer.finish({"neighbours/feature": near, "neighbours/cosine": cosine})
    spill.unlink()
    _publish(study, sae_id, path, "retrieval", print_, "retrieve", {"layer": LAYER, **values}, inputs, figures, began)


def _pairs(kind: np.ndarray, home: np.ndarray, size: Size, seed: int) -> np.ndarray:
    """feature · clips + clip of every active pair, ascending; most clips of a feature are of the kind it likes."""
    if size.dead:
        return np.empty(0, np.int64)
    draw = np.random.default_rng(seed + 2)
    popularity = draw.permutation(np.arange(1, size.features + 1) ** -0.7)
    popularity[draw.random(size.features) < 0.05] = 0
    wanted = size.mean_support * size.features * popularity / max(popularity.sum(), 1e-9)
    support = np.minimum(np.ceil(wanted), 0.6 * size.clips).astype(np.int64)
    few = (popularity > 0) & (draw.random(size.features) < 0.05)
    support[few] = draw.integers(1, 4, int(few.sum()))
    feature = np.repeat(np.arange(size.features), support)
    order = np.argsort(kind, kind="stable")
    first = np.searchsorted(kind[order], np.arange(len(KINDS) + 1))
    liked = home[feature]
    clip = draw.integers(0, size.clips, len(feature))
    there = (first[liked + 1] > first[liked]) & (draw.random(len(feature)) < 0.85)
    clip[there] = order[draw.integers(first[liked[there]], first[liked[there] + 1])]
    keys = np.unique(feature * size.clips + clip)
    everywhere = size.features - 1
    keys = keys[keys < everywhere * size.clips]
    return np.concatenate([keys, everywhere * size.clips + np.arange(0.997 * size.clips, dtype=np.int64)])


def _spill(path: Path, keys: np.ndarray, tokens: np.ndarray, features: int, seed: int) -> None:
    """Bursts of activation for every pair, in several runs of clips as a real pass leaves them."""
    from backend.retrieval.spill import SpillWriter, Visit
    from backend.retrieval.statistics import PairRun

    draw, clips = np.random.default_rng(seed + 3), len(tokens)
    strength = np.exp(draw.normal(0, 0.5, features))
    spill = SpillWriter(path, window=False)
    for run in range(RUNS):
        mine = keys[keys % clips % RUNS == run]
        feature, clip = np.divmod(mine, clips)
        length = tokens[clip]
        entries = np.minimum(draw.geometric(1 / 9, len(mine)), length)
        begin = (draw.random(len(mine)) * (length - entries + 1)).astype(np.int64)
        start = np.cumsum(entries) - entries
        inside = np.arange(int(entries.sum())) - np.repeat(start, entries)
        swell = np.sin(np.pi * (inside + 0.5) / np.repeat(entries, entries))
        level = strength[feature] * np.exp(draw.normal(0, 0.6, len(mine)))
        value = (np.repeat(level, entries) * swell * draw.uniform(0.7, 1.3, len(inside))).astype(np.float32)
        total = np.add.reduceat(value.astype(np.float64), start) if len(mine) else np.zeros(0)
        largest = np.maximum.reduceat(value, start) if len(mine) else np.zeros(0, np.float32)
        count = entries.astype(np.int32)
        spill.add(
            PairRun(
                np.searchsorted(feature, np.arange(features + 1)), clip.astype(np.int32), total, count, largest, total,
                count, count, (np.repeat(begin, entries) + inside).astype(np.int32), value,
            )
        )  # fmt: skip
    spill.finish(Visit(np.arange(clips), tokens, seconds_per_token=SECONDS_PER_TOKEN))


def _scores(study: Study, settings: Settings, sae_id: str, kind: np.ndarray, seed: int) -> None:
    """Scores from embeddings that lie around one point per kind of sound."""
    from backend.describe.scores.monosemanticity import monosemanticity

    began, draw = time.monotonic(), np.random.default_rng(seed + 4)
    centres = draw.standard_normal((len(KINDS), 64))
    vectors = (centres[kind] + draw.standard_normal((len(kind), 64))).astype(np.float32)
    with RetrievalFile(study.retrieval(sae_id)) as file:
        columns, figures = monosemanticity(file, vectors, settings.scores)
    values = {k: v for k, v in plain(settings.scores).items() if k != "top"}
    inputs = {"retrieval": _current(study, sae_id)["fingerprint"], "embedder": EMBEDDER, "clips": _clip_list(study)}
    print_ = fingerprint({"settings": values, "inputs": inputs})
    path = study.features(sae_id) / f"scores-{print_}.h5"
    scores_store.write(path, columns, values, EMBEDDER)
    _publish(study, sae_id, path, "scores", print_, "describe", values, inputs, figures, began)


def _concepts(study: Study, settings: Settings, sae_id: str, table: ClipTable, home: np.ndarray, seed: int) -> None:
    began = time.monotonic()
    scores = study.scores(sae_id)
    assert scores is not None
    with RetrievalFile(study.retrieval(sae_id)) as file:
        found = concepts(file, table, scores_store.ScoresFile(scores).ranked(), home, seed)
    inputs = {"scores": scores.stem.removeprefix("scores-"), **SOURCES}
    values = {"top": settings.scores.top, "names": {"namer": "causal-lm", "detection": "embedder"}}
    print_ = fingerprint({"settings": values, "inputs": inputs})
    path = study.features(sae_id) / f"concepts-{print_}.h5"
    concepts_store.write(path, found, SOURCES)
    _publish(
        study, sae_id, path, "concepts", print_, "describe", values, inputs, {"described": len(found)}, began
    )  # fmt: skip


def _current(study: Study, sae_id: str) -> dict[str, Any]:
    path = study.features(sae_id) / "current.json"
    found: dict[str, Any] = read_json(path) if path.exists() else {}
    return found


def _publish(
    study: Study, sae_id: str, path: Path, kind: str, print_: str, stage: str, settings: dict[str, Any],
    inputs: dict[str, Any], figures: dict[str, Any], began: float,
) -> None:  # fmt: skip
    """The manifest, then `current.json`, as the stages do it."""
    manifest = path.with_suffix(".json")
    write_manifest(
        manifest, stage=stage, fingerprint=print_, settings=settings, inputs=inputs,
        outputs={"file": path.name, "bytes": path.stat().st_size}, figures=figures, seconds=time.monotonic() - began,
    )  # fmt: skip
    named = {kind: path.name}
    if kind == "retrieval":
        named |= {"manifest": manifest.name, "fingerprint": print_}
    write_json(study.features(sae_id) / "current.json", {**_current(study, sae_id), **named})
