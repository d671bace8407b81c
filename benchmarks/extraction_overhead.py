"""What extraction adds to the bare model forward: decoding, resampling, checks, copies, fp16 shards on disk.

    python benchmarks/extraction_overhead.py STUDY [--clips 96] [--layer encoder.3]

An even sample of the study's clips goes through the pass that `ard extract` makes (background decoding, the model,
shards written by a thread), in a temporary folder. The bare forward repeats the very calls that the model got, on
inputs already in memory, without hooks, ended after the same block. What the model's own feature extractor (log-mel)
costs is measured apart, because no one can do without it. Both passes alternate; the fastest of each counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import result
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backend.extract.forward import Forward
from backend.extract.plan import Plan, make_plan
from backend.extract.shards import encode_shards
from backend.jobs.job import quiet_job
from backend.store.activations import shard_name, write_shard
from backend.store.clips import ClipTable
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.settings import Settings
from backend.targets.base import Target
from backend.targets.layers import split_layer
from backend.targets.load import choose_device, load_target
from backend.targets.tap import tap

Call = tuple[torch.nn.Module, tuple[Any, ...], dict[str, Any]]


@contextmanager
def recorded(target: Target) -> Iterator[list[Call]]:
    """The outermost module call of every `encode` inside the block, with its arguments."""
    calls: list[Call] = []
    asleep = False

    def remember(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal asleep
        if not asleep:
            calls.append((module, args, kwargs))
            asleep = True

    encode = target.encode

    def encode_once(clips: Sequence[Any], layers: Sequence[str]) -> Any:
        nonlocal asleep
        asleep = False
        return encode(clips, layers)

    handles = [m.register_forward_pre_hook(remember, with_kwargs=True) for m in target.model.modules()]
    target.encode = encode_once  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        del target.encode
        for handle in handles:
            handle.remove()


def extraction(forward: Forward, table: ClipTable, plan: Plan, layer: str, settings: Settings, folder: Path) -> int:
    """The pass of `ard extract` over the sample; its number of tokens."""
    tokens = 0
    with ThreadPoolExecutor(1) as writer:
        wanted = {shard: [layer] for shard in range(len(plan.shards))}
        waiting = []
        for shard, rows in encode_shards(forward, table, plan, wanted, settings):
            mine = rows[layer]
            tokens += sum(mine.length)
            clip, length = np.array(mine.clip, np.int64), np.array(mine.length, np.int64)
            write = lambda path, mine=mine, clip=clip, length=length: write_shard(  # noqa: E731
                path, mine.x(), clip, length, dtype=settings.extract.dtype, extras=mine.extras()
            )
            waiting.append(writer.submit(write, folder / shard_name(shard)))
        for one in waiting:
            one.result()
    return tokens


@torch.no_grad()
def bare(target: Target, calls: Sequence[Call], layer: str) -> None:
    """The recorded calls again; without any hook where the layer is the last of its stack."""
    stack, number = split_layer(layer)
    last = number == target.stacks()[stack] - 1
    for module, args, kwargs in calls:
        if last:
            module(*args, **kwargs)
        else:
            tap({layer: target.module(layer)[1]}, lambda m=module, a=args, k=kwargs: m(*a, **k))


def timed(work: Callable[[], Any], device: torch.device) -> float:
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


class TimedExtractor:
    """The model's feature extractor, with the seconds it took."""

    def __init__(self, extractor: Any) -> None:
        self._extractor = extractor
        self.seconds = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        found = self._extractor(*args, **kwargs)
        self.seconds += time.perf_counter() - began
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._extractor, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--layer", default="last", help="an encoder layer; the last one otherwise")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    began = time.monotonic()
    study = Study.open(chosen.study)
    settings = load_settings(study.toml)
    device = choose_device(settings.model.device)
    table, target = ClipTable(study.clips()), load_target(settings.model)
    layer = target.resolve(chosen.layer)
    sample = np.unique(np.linspace(0, len(table) - 1, chosen.clips).astype(np.int64))
    plan = make_plan(
        table, sample, batch_clips=settings.extract.batch_clips, shard_tokens=settings.extract.shard_tokens
    )
    forward = Forward(target, batch_waves=settings.extract.batch_clips, job=quiet_job())
    whole, alone, features = [], [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with recorded(target) as calls:
            tokens = extraction(forward, table, plan, layer, settings, folder)
        extractor = TimedExtractor(target.extractor)  # type: ignore[attr-defined]
        target.extractor = extractor  # type: ignore[attr-defined]
        bare(target, calls, layer)
        for _ in range(chosen.repeats):
            extractor.seconds = 0.0
            whole.append(timed(lambda: extraction(forward, table, plan, layer, settings, folder), device))
            features.append(extractor.seconds)
            alone.append(timed(lambda: bare(target, calls, layer), device))
    over, mel = min(whole) / min(alone) - 1, min(features)
    beyond = min(whole) / (min(alone) + mel) - 1
    size = f"{len(sample)} clips, {tokens} tokens, {layer}"
    seconds = f"extraction {min(whole):.2f} s, forward {min(alone):.2f} s, feature extractor {mel:.2f} s"
    rows = [
        {"case": "over the bare forward", "size": size, "dtype": settings.model.dtype, "figure": f"{100 * over:.1f} %",
         "ratio": 1 + over, "bar": "≤ 5 %", "met": over <= 0.05, "note": seconds},
        {"case": "over forward and feature extractor", "size": size, "dtype": settings.model.dtype,
         "figure": f"{100 * beyond:.1f} %", "ratio": 1 + beyond, "bar": "≤ 5 %", "met": beyond <= 0.05, "note": ""},
    ]  # fmt: skip
    result.write(
        "extraction_overhead", rows, device=result.device_name(str(device)), seconds=time.monotonic() - began,
        whole=whole, bare=alone, feature_extractor=features,
    )  # fmt: skip
    print(result.table([{"benchmark": "extraction_overhead", "rows": rows}]))


if __name__ == "__main__":
    main()
