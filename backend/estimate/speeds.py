"""How fast this machine works and what the pieces of a stage hold in memory: measured, or conservative guesses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from backend.estimate.workload import Workload, parameters
from backend.sae.config import SaeConfig
from backend.targets.layers import split_layer

Key = tuple[str, int, int, int]
"""What decides how long a step of an SAE takes: architecture, d, D and k."""
FLOPS = {"cpu": 2.5e10, "mps": 1e12, "cuda": 1e13}
"""Useful operations a second of a cautious machine; a CPU's count for one thread."""
TRAFFIC = {"cpu": 5e9, "mps": 5e10, "cuda": 5e11}
"""Bytes of weights a second."""
TORCH, LIBRARIES = 260_000_000, 430_000_000
"""Resident bytes of a process with PyTorch, and with transformers and a model's code (CPU build)."""
CUDA_HOST = 2_000_000_000
"""Resident bytes that a CUDA context adds."""
POSITION = 28
"""Numbers a block holds at once per position and dimension while the model runs."""
EMBED_WINDOW = {"mini": 0.12}


def key(config: SaeConfig) -> Key:
    return config.architecture, config.d, config.n_features, config.k


@dataclass(frozen=True)
class Memory:
    """Bytes of the process; those on a CUDA device in the fields that end in `_device`.

    Attributes
    ----------
    begun : int
        Resident with PyTorch loaded, before any model.
    loaded : int
        Resident with the study's model loaded.
    floor : int
        Resident after the model has been used and let go.
    forward : int
        What one full batch of the model adds.
    caption, embed, name : int
        What captioning one batch, embedding one and naming add to `floor`, model included.
    steps : dict
        What one SAE's training step adds beside its own 12 bytes a parameter, where it was measured.
    """

    begun: int
    loaded: int
    floor: int
    forward: int
    caption: int
    embed: int
    name: int = 0
    steps: dict[Key, int] = field(default_factory=dict)
    model_device: int = 0
    forward_device: int = 0


@dataclass(frozen=True)
class Speeds:
    """Seconds of each piece.

    Attributes
    ----------
    measured : frozenset of str
        Pieces that were timed on this machine: model, steps, retrieval, embedding, captions, naming.
    startup, load : float
        Importing the libraries; loading the study's model.
    window, second : float
        Of a forward: per window, and per second of its longest window; times `batch` in full batches.
    decode : float
        Per second of sound.
    write : float
        Per byte of activations.
    start, step : dict
        Making an SAE with its first step; each further step.
    encode : dict
        Per token, encoding and reconstructing.
    code, feature, unit : float
        Per active (token, feature) pair while collecting, per ranked feature, per ranked unit and clip.
    embed_load, embed, score, caption_load, caption, name_load, name, answer : float
        Per clip, per feature, per caption, per feature, per question.
    """

    measured: frozenset[str]
    threads: int
    startup: float
    load: float
    window: float
    second: float
    batch: float
    decode: float
    write: float
    start: dict[Key, float]
    step: dict[Key, float]
    encode: dict[Key, float]
    code: float
    feature: float
    unit: float
    embed_load: float
    embed: float
    score: float
    caption_load: float
    caption: float
    name_load: float
    name: float
    answer: float
    memory: Memory

    def with_(self, piece: str, **values: object) -> Speeds:
        """These speeds with some replaced and `piece` counted as measured."""
        return replace(self, measured=self.measured | {piece}, **values)  # type: ignore[arg-type]


def stack_operations(work: Workload, stack: str, last: int) -> float:
    """Operations per position of the first `last` blocks of a stack: 2 · 12·d² each, attention left out."""
    return 24.0 * last * work.identity.widths[stack] ** 2


def plain(work: Workload, device: str, threads: int) -> Speeds:
    """Guesses from sizes alone."""
    kind = device.partition(":")[0]
    flops = FLOPS[kind] * (threads**0.8 if kind == "cpu" else 1)
    window, second = _forward(work, flops)
    configs = [one.config for one in work.trainings] + [one.config for one in work.ranked if one.config is not None]
    step, encode = {}, {}
    batch = work.settings.train.batch_tokens
    for one in configs:
        product = 2.0 * one.n_features * one.d
        step[key(one)] = 2 * batch * product / flops + 28 * parameters(one) / TRAFFIC[kind] + 0.002
        encode[key(one)] = 2 * product / flops
    total = sum(stack_operations(work, name, count) for name, count in work.identity.stacks.items())
    token = total / 24 * 2 * 4 / TRAFFIC[kind]
    tokens = work.settings.captions.max_new_tokens
    return Speeds(
        measured=frozenset(), threads=threads, startup=4.0, load=1.0 + weight_bytes(work) / 5e8,
        window=window, second=second, batch=1.0, decode=0.004, write=5e-9,
        start={name: 1.0 + 20 * value for name, value in step.items()}, step=step, encode=encode,
        code=5e-7, feature=4e-4, unit=2e-6,
        embed_load=3.0, embed=EMBED_WINDOW.get(work.settings.embed.embedder, 6e10 / flops), score=1e-4,
        caption_load=1.0 + weight_bytes(work) / 5e8, caption=window + tokens * token / 2,
        name_load=5.0, name=0.004 if work.settings.names.namer in ("consensus", "none") else 10.0,
        answer=window + 4 * token, memory=plain_memory(work, kind),
    )  # fmt: skip


def weight_bytes(work: Workload) -> int:
    """Weights of the model in memory, from its depths and widths: 12·d² numbers a block."""
    size = 4 if work.settings.model.dtype == "float32" else 2
    return round(size * sum(12.0 * n * work.identity.widths[name] ** 2 for name, n in work.identity.stacks.items()))


def _forward(work: Workload, flops: float) -> tuple[float, float]:
    """Seconds per window and per second of sound: up to the last asked layer of each stack."""
    last: dict[str, int] = {}
    for one in work.layers:
        stack, number = split_layer(one.name)
        last[stack] = max(last.get(stack, 0), number + 1)
    whole = work.identity.window_seconds or 30.0
    encoder = last.get("encoder", 0) if "decoder" not in last else work.identity.stacks.get("encoder", 0)
    per_frame = stack_operations(work, "encoder", encoder) if "encoder" in work.identity.widths else 0.0
    if work.identity.model_type not in ("qwen2_audio", "whisper"):
        return 0.05, 1.5 * 50 * per_frame / flops
    decoder = stack_operations(work, "decoder", last.get("decoder", 0))
    return 1.5 * whole * 50 * per_frame / flops + 0.02, 1.5 * 25 * decoder / flops


def plain_memory(work: Workload, kind: str) -> Memory:
    """Guesses; on a CUDA device the model and its activations are there and not in the process."""
    size = 4 if work.settings.model.dtype == "float32" else 2
    seconds = work.identity.window_seconds or 30.0
    widest = max(work.identity.widths.values())
    frames = max(1.0, min(seconds, 30.0)) * 50
    forward = round(work.settings.extract.batch_clips * frames * widest * POSITION * size)
    model, named = weight_bytes(work), _namer_bytes(work)
    if kind != "cpu":
        host = TORCH + (CUDA_HOST if kind == "cuda" else 0)
        begun, loaded = host, host + LIBRARIES - TORCH
        return Memory(begun, loaded, loaded, forward // 8, 200_000_000, 200_000_000, named, {}, model, forward)
    loaded = LIBRARIES + model
    spare = forward // 2
    captions = model + work.settings.captions.batch_clips * forward // work.settings.extract.batch_clips
    return Memory(TORCH, loaded, LIBRARIES + spare, forward, captions, 150_000_000, named)


def _namer_bytes(work: Workload) -> int:
    """Weights of a language model on this disk that names features."""
    section = work.settings.names
    if section.namer != "causal-lm" or not section.model:
        return 0
    place = Path(section.model).expanduser()
    files = [place] if place.is_file() else [*place.glob("*.safetensors"), *place.glob("*.gguf")]
    return sum(one.stat().st_size for one in files)
