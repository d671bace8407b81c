"""Do published SAEs mean to ARD what they mean to the libraries that write them? Both directions, real libraries.

out: ARD trains an SAE, exports it, the peer loads it with its own loader; codes and x̂ are compared.
in:  the peer trains for a few steps and saves with its own saver; ARD imports it; codes and x̂ are compared.

Run in the benchmark environment: python benchmarks/round_trip.py
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import result
import torch
from peers import DictionaryLearning, SaeLens, Sparsify, Start
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backend.sae.base import Sae
from backend.sae.config import SaeConfig
from backend.sae.formats.base import detect_format
from backend.sae.formats.exchange import export_sae
from backend.sae.plan import DataStatistics, TrainPlan
from backend.sae.trainer import SaeTrainer

D, FEATURES, K = 32, 256, 8
Reading = tuple[Tensor, Tensor]
"""Dense codes [n, D] and x̂ [n, d]."""


def data(n: int, seed: int) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    directions = torch.randn(3 * D, D, generator=torch.Generator().manual_seed(7))
    z = torch.zeros(n, 3 * D).scatter(1, torch.rand(n, 3 * D, generator=g).topk(4).indices, 1.0)
    return (z @ directions + 0.5) / (4 * D) ** 0.5


def ours(sae: Sae, x: Tensor) -> Reading:
    return sae.encode(x).dense(), sae.reconstruct(x)


def trained(architecture: str) -> Sae:
    x = data(8192, 1)
    statistics = DataStatistics(x.mean(0), float(x.square().sum(1).mean()), float(x.norm(dim=1).median()))
    config = SaeConfig(architecture, D, FEATURES, K, threshold_start=20, threshold_beta=0.5, bandwidth=0.05)
    trainer = SaeTrainer(config, TrainPlan(steps=60, batch_tokens=1024, lr=2e-3), statistics=statistics)
    for step in range(60):
        trainer.step(x[step * 1024 % 8192 :][:1024])
    return trainer.finish()


def load_dictionary_learning(folder: Path) -> Callable[[Tensor], Reading]:
    from dictionary_learning.dictionary import JumpReluAutoEncoder
    from dictionary_learning.trainers.batch_top_k import BatchTopKSAE
    from dictionary_learning.trainers.top_k import AutoEncoderTopK

    classes: dict[str, Any] = {c.__name__: c for c in (AutoEncoderTopK, BatchTopKSAE, JumpReluAutoEncoder)}
    name = json.loads((folder / "config.json").read_text())["trainer"]["dict_class"]
    ae = classes[name].from_pretrained(str(folder / "ae.pt"))
    return lambda x: (ae.encode(x), ae(x))


def load_saelens(folder: Path) -> Callable[[Tensor], Reading]:
    from sae_lens import SAE

    sae = SAE.load_from_disk(folder)
    return lambda x: (sae.encode(x), sae(x))


def load_sparsify(folder: Path) -> Callable[[Tensor], Reading]:
    from sparsify import SparseCoder

    sae = SparseCoder.load_from_disk(folder)

    def read(x: Tensor) -> Reading:
        top = sae.encode(x)
        dense = torch.zeros(len(x), sae.num_latents).scatter(1, top.top_indices, top.top_acts)
        return dense, sae(x).sae_out

    return read


LOADERS = {
    "dictionary_learning": (load_dictionary_learning, ("topk", "batchtopk", "jumprelu")),
    "saelens": (load_saelens, ("topk", "batchtopk", "jumprelu")),
    "sparsify": (load_sparsify, ("topk",)),
}


def save_peers(folder: Path) -> Iterator[tuple[str, Path, Callable[[Tensor], Reading]]]:
    """Train each peer briefly and save it through its own code; yields what ARD imports and how the peer reads it."""
    first = data(1024, 3)
    start = Start(
        torch.nn.functional.normalize(torch.randn(FEATURES, D), dim=1), first.mean(0), K, 2e-3, 1100, 1024, "cpu"
    )
    batches = [data(1024, seed) for seed in range(8)]
    for family in ("topk", "batchtopk"):
        peer = DictionaryLearning(start, family, "fp32", fused=True)
        peer.count = 1001  # past threshold_start_step, so that the threshold is learned
        peer.trainer.threshold_beta = 0.5  # 60 steps are too few for 0.999
        peer.trainer.ae.b_dec.data = first.mean(0)
        sae_lens = SaeLens(start, family, "fp32", fused=True)
        for step in range(60):
            peer.step(batches[step % 8])
            sae_lens.step(batches[step % 8])
        ae = peer.trainer.ae
        at = folder / f"dictionary_learning-{family}"
        at.mkdir()
        # the two files that trainSAE writes, in its words
        torch.save({n: t.cpu() for n, t in ae.state_dict().items()}, at / "ae.pt")
        (at / "config.json").write_text(json.dumps({"trainer": peer.trainer.config}))
        yield f"dictionary_learning {family}", at, lambda x, ae=ae: (ae.encode(x), ae(x))
        released = folder / f"layer_3-{family}" / "layer_3"
        if family == "batchtopk":
            released.mkdir(parents=True)
            torch.save({n: t for n, t in ae.state_dict().items() if n != "threshold"}, released / "ae.pt")

            def per_clip(x: Tensor, ae: Any = ae) -> Reading:
                z = ae.encode(x, use_threshold=False)
                return z, ae.decode(z)

            yield "AudioSAE layout batchtopk", released, per_clip
        inference = folder / f"saelens-{family}"
        sae_lens.sae.save_inference_model(inference)
        yield f"SAELens {family}, inference model", inference, load_saelens(inference)
        checkpoint = folder / f"saelens-{family}-checkpoint"
        sae_lens.sae.save_model(checkpoint)
        yield f"SAELens {family}, training checkpoint", checkpoint, load_saelens(inference)
    coder = Sparsify(start, "topk", "fp32", fused=True)
    for step in range(60):
        coder.step(batches[step % 8])
    coder.sae.save_to_disk(folder / "layers.3")
    yield "sparsify topk", folder / "layers.3", load_sparsify(folder / "layers.3")


def compare(case: str, theirs: Reading, own: Reading) -> dict[str, Any]:
    same = float(((theirs[0] != 0) == (own[0] != 0)).double().mean())
    off = float((theirs[1] - own[1]).abs().max())
    active = float((own[0] != 0).double().sum(1).mean())
    return {
        "case": case,
        "size": f"d={D}, D={FEATURES}, k={K}",
        "dtype": "fp32",
        "figure": f"max |Δcode| {float((theirs[0] - own[0]).abs().max()):.1e}, max |Δx̂| {off:.1e}",
        "bar": "same entries, 1e-4",
        "met": same == 1.0 and off < 1e-4 and active > 1,
        "note": f"L0 {active:.2f}",
    }


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    began, x, rows = time.monotonic(), data(2000, 5), []
    with torch.no_grad(), tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for architecture in ("topk", "batchtopk", "jumprelu"):
            with torch.enable_grad():
                sae = trained(architecture)
            for name, (load, known) in LOADERS.items():
                if architecture in known:
                    export_sae(sae, name, folder / f"{name}-{architecture}-out", layer=3)
                    theirs = load(folder / f"{name}-{architecture}-out")(x)
                    rows.append(compare(f"ARD {architecture} → {name}", theirs, ours(sae, x)))
        with torch.enable_grad():
            published = list(save_peers(folder))
        for name, at, read in published:
            rows.append(compare(f"{name} → ARD", read(x), ours(detect_format(at).read(at).build(), x)))
    result.write("round_trip", rows, device=result.device_name(), seconds=time.monotonic() - began)
    print(result.table([{"benchmark": "round_trip", "rows": rows}]))
    if not all(row["met"] for row in rows):
        sys.exit("a published SAE does not mean the same to ARD and to its library")


if __name__ == "__main__":
    main()
