"""What an extraction will need, said before it starts (no torch here)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.extract.plan import clip_seconds, used_clips
from backend.extract.recipe import Recipe, recipes
from backend.store.clips import ClipTable
from backend.study.folder import Study
from backend.study.settings import Settings
from backend.targets.identity import identify

RATES = {
    ("qwen2_audio", "decoder"): 25.0,
    ("whisper", "decoder"): 4.0,
}
"""Tokens a second by model type and stack where it is not 50: A-05, and a rate of speech for transcripts."""

BYTES = {"float16": 2, "bfloat16": 2, "float32": 4}
RESERVE = 64 * 1024**2
"""Bytes that must stay free beside the activations: manifests, statistics, logs."""

Count = Callable[[int, str], int | None]


def estimate(study: Study, settings: Settings) -> dict[str, Any]:
    """Tokens and bytes of what is still to be extracted, and the free disk; needs the index, loads no model.

    Returns
    -------
    dict
        ``tokens`` and ``bytes`` over all layers, ``bytes_to_write`` without the shards that are there,
        ``free_bytes``, ``fits``, ``audio_seconds``, ``clips`` and per layer ``layers[name] = {tokens, bytes}``.
    """
    identity = identify(settings.model)
    table = ClipTable(study.clips())

    def by_rate(samples: int, layer: str) -> int:
        rate = RATES.get((identity.model_type, layer.rpartition(".")[0]), 50.0)
        return round(samples / 16000 * rate)

    window = identity.window_seconds if settings.clips.crop != "chunk" else None
    return measure(study, settings, table, recipes(study, settings), by_rate, 16000, window)


def measure(
    study: Study,
    settings: Settings,
    table: ClipTable,
    layers: list[Recipe],
    count: Count,
    rate: int,
    window: float | None,
) -> dict[str, Any]:
    """`estimate` with the token count of a loaded model: `count(samples, layer)`, samples at `rate` hertz."""
    rows = used_clips(table)
    seconds = clip_seconds(table, window_seconds=window)[rows]
    per_layer = {}
    for recipe in layers:
        tokens = expected_tokens(seconds, recipe.layer, count, rate)
        per_layer[recipe.layer] = {"tokens": tokens, "bytes": tokens * recipe.d * BYTES[settings.extract.dtype]}
    total = sum(one["bytes"] for one in per_layer.values())
    there = sum(_bytes_there(study, recipe) for recipe in layers)
    cached = settings.extract.storage == "cache"
    to_write = max(0, total - there) if cached else 0
    free = shutil.disk_usage(study.root).free
    return {
        "clips": len(rows),
        "audio_seconds": float(np.sum(seconds)),
        "tokens": sum(one["tokens"] for one in per_layer.values()),
        "bytes": total if cached else 0,
        "bytes_to_write": to_write,
        "free_bytes": free,
        "fits": to_write + RESERVE <= free or to_write == 0,
        "layers": per_layer,
    }


def expected_tokens(seconds: npt.NDArray[np.float64], layer: str, count: Count, rate: int) -> int:
    """Tokens of clips of these lengths at `layer`; by a rate of speech where only running the model tells."""
    found = [count(round(float(s) * rate), layer) for s in seconds]
    speech = RATES["whisper", "decoder"]
    return sum(round(s * speech) if n is None else n for n, s in zip(found, seconds.tolist(), strict=True))


def _bytes_there(study: Study, recipe: Recipe) -> int:
    folder = recipe.folder(study)
    return sum(path.stat().st_size for path in folder.glob("shard-*.h5")) if folder.is_dir() else 0


def refuse_if_too_large(study: Study, values: dict[str, Any]) -> None:
    """ArdError if the disk cannot hold what is to be written."""
    if not values["fits"]:
        gib = 1024**3
        raise ArdError(
            f"the activations need {values['bytes_to_write'] / gib:.2f} GiB, "
            f"and the disk has {values['free_bytes'] / gib:.2f} GiB free",
            path=study.root,
            todo='Free some space, ask for fewer layers or clips, or set extract.storage = "stream".',
        )
