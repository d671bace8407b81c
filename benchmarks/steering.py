"""A slider's new value until the first token's logits, against a prefill of the decoder alone.

    python benchmarks/steering.py [--model builtin] [--model random] [--rounds 9]

Prepared once, as by the first move of a slider: clip and prompt run up to the layer. Then each round sets a new value
and takes, one after the other:

* the engine: from `Scene.begin` to the first token's logits, with all its work on the code;
* a prefill: the decoder alone from cached input embeddings (the clip is already encoded and merged), every layer, with
  a hook that does the same to the same positions of the same layer, logits of the last position only. The hook is
  written here: one product for the code, `torch.topk`, one sum of decoder rows;
* one decode step: one token through all layers above the keys and values of the whole prompt, and its logits; no hook.

The bar is (layers above) / (all layers) × prefill + decode step, from the medians of the same rounds. The last logits
of engine and prefill must agree, or nothing is reported. The same ratio in CPU time over all threads stands in the
note: it says more where the machine does other things too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import result
import torch
from torch import Tensor
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backend.sae.base import Sae, build
from backend.sae.config import SaeConfig
from backend.steer.engine import Engine
from backend.steer.intervention import Intervention
from backend.steer.spaces import SaeSpace
from backend.study.settings import ModelSection
from backend.targets.load import load_target

ROOT = Path(__file__).resolve().parents[1]
PROMPT = "What kind of sound is it, and what do you hear in it?"
DEPTHS = (0.25, 0.5, 0.75)
CLOSE = 2e-3
WARM = 2
"""Rounds before those that count."""


@dataclass(frozen=True)
class Case:
    """A model, its SAEs' size, and how long the clip is."""

    name: str
    folder: Path
    features: int
    k: int
    seconds: float


def random_model(folder: Path, *, width: int, layers: int, vocabulary: int, seconds: int) -> Path:
    """A Qwen2-Audio-class model with random weights in the proportions of Qwen2's small ones."""
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

    built_in = ROOT / "resources" / "demo" / "model"
    processor = Qwen2AudioProcessor.from_pretrained(built_in, local_files_only=True)
    processor.feature_extractor = type(processor.feature_extractor)(feature_size=80, chunk_length=seconds)
    own = Qwen2AudioConfig.from_pretrained(built_in, local_files_only=True)
    config = Qwen2AudioConfig(
        audio_config={**own.audio_config.to_dict(), "max_source_positions": 50 * seconds},
        text_config={
            "model_type": "qwen2", "hidden_size": width, "intermediate_size": 7 * width // 2,
            "num_hidden_layers": layers, "num_attention_heads": width // 64, "num_key_value_heads": width // 128,
            "vocab_size": vocabulary, "max_position_embeddings": 4096,
            "bos_token_id": own.text_config.bos_token_id, "eos_token_id": own.text_config.eos_token_id,
        },
        audio_token_index=own.audio_token_index,
    )  # fmt: skip
    torch.manual_seed(0)
    model = Qwen2AudioForConditionalGeneration(config).eval()
    model.generation_config.eos_token_id = own.text_config.eos_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def random_sae(d: int, features: int, k: int, x: Tensor) -> Sae:
    """Untrained: what is timed does not depend on the weights."""
    sae = build(SaeConfig("topk", d, features, k)).eval().requires_grad_(False)
    sae.b_dec.copy_(x.float().mean(0))
    return sae


@contextmanager
def hooked(block: torch.nn.Module, sae: Sae, wanted: Intervention, audio: slice) -> Iterator[None]:
    """x̂ with one feature overridden in place of x at the clip's positions, or x + (v − z_k)·d_k."""
    (feature,), (value,) = wanted.features, wanted.values
    k = sae.config.k

    def change(x: Tensor) -> Tensor:
        a = functional.linear(x - sae.b_dec, sae.W_enc, sae.b_enc).clamp_(min=0)
        if wanted.mode == "delta":
            line = torch.topk(a, k, dim=1).values[:, -1]
            z = torch.where(a[:, feature] >= line, a[:, feature], 0.0)
            return x + (value - z)[:, None] * sae.W_dec[feature]
        a[:, feature] = value
        z = torch.topk(a, k, dim=1)
        return functional.embedding_bag(z.indices, sae.W_dec, per_sample_weights=z.values, mode="sum") + sae.b_dec

    def hook(module: Any, inputs: Any, output: Tensor) -> Tensor:
        changed = output.clone()
        changed[0, audio] = change(output[0, audio])
        return changed

    handle = block.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


class Bench:
    """One model, one clip."""

    def __init__(self, case: Case) -> None:
        from backend.targets.qwen2_audio import Qwen2Audio

        target = load_target(ModelSection(path=str(case.folder), device="cpu"))
        assert isinstance(target, Qwen2Audio)
        self.case, self.target, self.model = case, target, target.model
        chance = np.random.default_rng(0)
        self.wave = chance.normal(0, 0.1, round(case.seconds * target.sample_rate)).astype(np.float32)
        self.decoder = target.model.get_submodule(target._blocks["decoder"][0].rpartition(".")[0])
        self.layers = target.stacks()["decoder"]
        self.embeddings = self._embeddings()

    def _embeddings(self) -> Tensor:
        """What the decoder's first layer is given [1, T, d]."""
        found: list[Tensor] = []
        first = self.target.module("decoder.0")[1]
        handle = first.register_forward_pre_hook(lambda module, inputs: found.append(inputs[0]))
        with torch.no_grad():
            self.model(**self.target._inputs(self.wave, self.target._asked(self.wave, PROMPT)), use_cache=False)
        handle.remove()
        return found[0]

    @torch.no_grad()
    def prefill(self) -> tuple[Tensor, Any]:
        """Logits [V] of the last position, and the keys and values of all."""
        from transformers import DynamicCache

        cache = DynamicCache(config=self.decoder.config)
        hidden = self.decoder(inputs_embeds=self.embeddings, past_key_values=cache, use_cache=True).last_hidden_state
        return self.model.get_output_embeddings()(hidden[:, -1]).float()[0], cache

    @torch.no_grad()
    def step(self, cache: Any) -> Tensor:
        """Logits [V] after one more token; the cache is left as it was."""
        hidden = self.decoder(
            input_ids=torch.zeros(1, 1, dtype=torch.int64), past_key_values=cache, use_cache=True
        ).last_hidden_state
        cache.crop(-1)
        return self.model.get_output_embeddings()(hidden[:, -1]).float()[0]

    def run(self, rounds: int) -> list[dict[str, Any]]:
        rows = []
        for depth in DEPTHS:
            index = round(depth * self.layers) - 1
            layer, above = f"decoder.{index}", self.layers - 1 - index
            prefix = self.target.begin(self.wave, PROMPT, layer)
            sae = random_sae(prefix.x.shape[1], self.case.features, self.case.k, prefix.x)
            scene = Engine(self.target, SaeSpace(sae), layer).scene(self.wave, PROMPT)
            for mode in ("pre_topk", "delta"):
                times = self._times(scene, sae, layer, mode, rounds)
                rows.append(self._row(times, layer, above, mode, scene))
                print(result.table([{"benchmark": "steering", "rows": rows[-1:]}]).splitlines()[-1], flush=True)
        return rows

    def _times(self, scene: Any, sae: Sae, layer: str, mode: str, rounds: int) -> Times:
        """What each thing took in each round; RuntimeError if engine and prefill do not agree."""
        block = self.target.module(layer)[1]
        at = scene.prefix.audio
        audio = slice(int(at[0]), int(at[-1]) + 1)
        largest = float(scene.prepared("audio").selection.z.value.max())
        _, cache = self.prefill()
        times = Times()
        for number in range(rounds + WARM):
            wanted = Intervention.of([(7, largest * (1 + number / rounds))], mode=mode)
            with hooked(block, sae, wanted, audio):
                logits, _ = times.of("prefill", self.prefill)
            started = times.of("engine", lambda one=wanted: scene.begin([one]))
            times.of("shown", lambda one=started: (one.first_kl(), one.first_top()))
            times.of("step", lambda: self.step(cache))
            apart = float((started.continuation.logits[0] - logits).abs().max())
            if apart > CLOSE * max(1.0, float(logits.abs().max())):
                raise RuntimeError(f"{layer} {mode}: the engine's logits differ from the prefill's by {apart:.2g}")
        return times

    def _row(self, times: Times, layer: str, above: int, mode: str, scene: Any) -> dict[str, Any]:
        case, ms, cpu, least = self.case, times.middle(0), times.middle(1), times.least()
        share = above / self.layers
        bar, cpu_bar = (share * one["prefill"] + one["step"] for one in (ms, cpu))
        size = (
            f"{case.name}: {self.layers} layers d={self.embeddings.shape[2]}, {self.embeddings.shape[1]} positions, "
            f"{len(scene.prefix.audio)} of audio, D={case.features} K={case.k}"
        )
        note = (
            f"bar: {above}/{self.layers} of a prefill of {ms['prefill']:.1f} ms and one step of {ms['step']:.1f}; "
            f"fastest {least['engine']:.1f}, {least['prefill']:.1f} and {least['step']:.1f}; "
            f"CPU time {cpu['engine'] / cpu_bar:.2f} × its bar; KL and top tokens {ms['shown']:.1f} ms more"
        )
        return {
            "case": f"{layer} {mode}: value → first token", "size": size, "dtype": "float32",
            "figure": f"{ms['engine']:.1f} ms", "ratio": ms["engine"] / bar, "bar": f"≤ 1 × {bar:.1f} ms",
            "met": ms["engine"] <= bar, "note": note,
        }  # fmt: skip


class Times:
    """Wall and CPU milliseconds of named things, a row for each round."""

    def __init__(self) -> None:
        self._taken: dict[str, list[tuple[float, float]]] = {}

    def of(self, name: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        found = work()
        took = 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)
        self._taken.setdefault(name, []).append(took)
        return found

    def middle(self, which: int) -> dict[str, float]:
        """Medians of wall (0) or CPU time (1), without the rounds to warm up."""
        return {name: float(np.median([took[which] for took in all_[WARM:]])) for name, all_ in self._taken.items()}

    def least(self) -> dict[str, float]:
        """The shortest wall time of each."""
        return {name: min(wall for wall, _ in all_[WARM:]) for name, all_ in self._taken.items()}


def parameters(model: torch.nn.Module) -> float:
    return sum(one.numel() for one in model.parameters()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=("builtin", "random"), help="both unless named")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=10, help="of the clip and the random model's window")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--vocabulary", type=int, default=32_768)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    began, rows, sizes = time.monotonic(), [], {}
    for name in chosen.model or ("builtin", "random"):
        with tempfile.TemporaryDirectory() as temporary:
            if name == "builtin":
                case = Case("built-in", ROOT / "resources" / "demo" / "model", 2048, 32, 10)
            else:
                folder = random_model(
                    Path(temporary), width=chosen.width, layers=chosen.layers, vocabulary=chosen.vocabulary,
                    seconds=chosen.seconds,
                )  # fmt: skip
                case = Case("random", folder, 8 * chosen.width, 64, chosen.seconds)
            bench = Bench(case)
            sizes[name] = f"{parameters(bench.model):.0f} M parameters"
            rows += bench.run(chosen.rounds)
    result.write(
        "steering", rows, device=result.device_name(), seconds=time.monotonic() - began, rounds=chosen.rounds,
        data=", ".join(f"{name}: {size}" for name, size in sizes.items()),
    )  # fmt: skip
    print(result.table([{"benchmark": "steering", "rows": rows}]))


if __name__ == "__main__":
    main()
