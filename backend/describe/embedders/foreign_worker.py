"""The process in an embedder's own environment; it imports nothing of ARD, whose packages contradict its own.

    python -I foreign_worker.py NAME [--check] [--model FILE] [--device DEVICE]

JSON lines: the first tells what was loaded, or an error. Each request {"id", "audio": FILE} or {"id", "texts": […],
"out": FILE} is answered by {"id", "vectors": FILE} or {"id", "error": …}; files are .npy. Every answer holds "ard": 1,
so that a line from anywhere else is known as such. The process ends when its stdin closes. `--check` imports only.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import sys
from typing import Any

import numpy as np

EDGE = 64 * 1024


class LaionClap:
    """laion_clap without feature fusion: windows of 10 s at 48 kHz."""

    package, hub, usual = "laion_clap", "lukewys/laion_clap", "630k-audioset-best.pt"
    sample_rate, window_seconds = 48_000, 10.0
    sizes = {96: "HTSAT-tiny", 128: "HTSAT-base", 256: "HTSAT-large"}  # noqa: RUF012

    def __init__(self, model: str, device: str) -> None:
        torch = importlib.import_module("torch")
        state = checkpoint(torch, model)
        if "audio_branch.patch_embed.mel_conv2d.weight" in state:
            raise ValueError(
                'this checkpoint fuses features; make it a folder for embed.embedder = "clap": '
                "ard import-clap SRC.pt DST"
            )
        patches = state.get("audio_branch.patch_embed.proj.weight")
        if patches is None or patches.shape[0] not in self.sizes:
            raise ValueError("this is not a checkpoint of laion_clap with an HTSAT audio branch")
        module = importlib.import_module(self.package)
        self.network = module.CLAP_Module(enable_fusion=False, device=device, amodel=self.sizes[patches.shape[0]])
        wanted = set(self.network.model.state_dict())
        # older transformers stored the positions' numbers too
        self.network.model.load_state_dict({k: v for k, v in state.items() if k in wanted or "position_ids" not in k})
        self.network.eval()

    def audio(self, windows: Any) -> Any:
        return self.network.get_audio_embedding_from_data(x=windows, use_tensor=False)

    def texts(self, texts: list[str]) -> Any:
        # the package's tokenizer wants a list of several
        return self.network.get_text_embedding([*texts, ""])[: len(texts)]


class MsClap:
    """Microsoft's CLAP of 2023: windows of 7 s at 44.1 kHz, never its similarity, which a logit scale multiplies."""

    package, hub, usual = "msclap", "microsoft/msclap", "CLAP_weights_2023.pth"
    sample_rate, window_seconds = 44_100, 7.0

    def __init__(self, model: str, device: str) -> None:
        self.torch = importlib.import_module("torch")
        module = importlib.import_module(self.package)
        self.device = device
        # its torch.load opens weights only, as all since torch 2.6
        with safe(self.torch):
            self.wrapper = module.CLAP(model_fp=model, version="2023", use_cuda=device.startswith("cuda"))
        self.wrapper.clap.eval()

    def audio(self, windows: Any) -> Any:
        with self.torch.no_grad():
            batch = self.torch.from_numpy(windows).to(self.device)
            return self.wrapper.clap.audio_encoder(batch)[0].cpu().numpy()

    def texts(self, texts: list[str]) -> Any:
        return self.wrapper.get_text_embeddings(texts).detach().cpu().numpy()


KINDS: dict[str, Any] = {"laion-clap": LaionClap, "msclap": MsClap}


def safe(torch: Any) -> Any:
    """Lets NumPy's scalars, which published checkpoints hold beside their weights, through `weights_only`."""
    core = "core" if np.__version__.startswith("1.") else "_core"
    scalar = importlib.import_module(f"numpy.{core}.multiarray").scalar
    kinds = [np.dtype, *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64))]
    names = [(scalar, f"numpy.{one}.multiarray.scalar") for one in ("core", "_core")]
    return torch.serialization.safe_globals([*kinds, *names])


def checkpoint(torch: Any, path: str) -> dict[str, Any]:
    """The tensors of a checkpoint, opened for its weights only."""
    with safe(torch):
        found = torch.load(path, map_location="cpu", weights_only=True)
    found = found.get("state_dict", found)
    return {(k[7:] if k.startswith("module.") else k): v for k, v in found.items()}


def edge_hash(path: str) -> str:
    """Size, first and last 64 KB, as ARD hashes large files."""
    size = os.path.getsize(path)  # noqa: PTH202
    digest = hashlib.sha256(size.to_bytes(8, "little"))
    with open(path, "rb") as handle:
        digest.update(handle.read(EDGE))
        if size > EDGE:
            handle.seek(max(EDGE, size - EDGE))
            digest.update(handle.read(EDGE))
    return digest.hexdigest()[:16]


def keep_stdout() -> Any:
    """A stream on the present stdout, which itself then leads to stderr: a library's print cannot reach it."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    return stream


def load(arguments: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The embedder, and what the first line says of it."""
    kind = KINDS[arguments.name]
    torch = importlib.import_module("torch")
    device = arguments.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"the torch of this environment ({torch.__version__}) finds no CUDA device")
    path = arguments.model
    if not path:
        path = importlib.import_module("huggingface_hub").hf_hub_download(kind.hub, kind.usual)
    embedder = kind(path, device)
    version = importlib.import_module("importlib.metadata").version
    window = round(kind.window_seconds * kind.sample_rate)
    quiet = 1e-3 * np.sin(np.arange(window, dtype=np.float32))[None].astype(np.float32)
    return embedder, {
        "sample_rate": kind.sample_rate,
        "window_seconds": kind.window_seconds,
        "dimensions": int(np.asarray(embedder.audio(quiet)).shape[1]),
        "identity": {"weights": edge_hash(path), **{n: version(n) for n in (kind.package, "torch", "transformers")}},
    }


def answer(embedder: Any, request: dict[str, Any]) -> dict[str, Any]:
    audio = request.get("audio")
    found = embedder.texts(request["texts"]) if audio is None else embedder.audio(np.load(audio))
    np.save(request["out"], np.asarray(found, dtype=np.float32))
    return {"vectors": request["out"]}


def describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().splitlines()[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=sorted(KINDS))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--model", default="")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    if arguments.check:
        importlib.import_module(KINDS[arguments.name].package)
        return
    stream = keep_stdout()

    def say(message: dict[str, Any]) -> None:
        stream.write(json.dumps({"ard": 1, **message}) + "\n")

    try:
        embedder, facts = load(arguments)
    except Exception as error:
        say({"error": describe(error)})
        return
    say({"ready": facts})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            say({"id": request["id"], **answer(embedder, request)})
        except Exception as error:
            say({"id": request["id"], "error": describe(error)})


if __name__ == "__main__":
    main()
