"""Bring a published SAE into a study's folder, and write one of a study's SAEs for other libraries (P-13)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.base import Sae
from backend.sae.files import save_sae
from backend.sae.formats.base import FORMATS, detect_format
from backend.sae.formats.published import Published
from backend.sae.formats.verify import Verification, as_chosen, examine
from backend.store.activations import ActivationStore
from backend.study.fingerprint import file_hash, fingerprint
from backend.study.manifest import write_manifest

VERIFY_TOKENS = 16384


def activation_sample(store: ActivationStore, tokens: int = VERIFY_TOKENS) -> tuple[Tensor, Tensor]:
    """x [n, d] of whole clips spread evenly over the store, about `tokens` in all, and the clips' lengths."""
    lengths = torch.cat([torch.as_tensor(shard.length) for shard in store.shards])
    starts = torch.cat(
        [torch.as_tensor(shard.start) + int(first) for shard, first in zip(store.shards, store.starts, strict=False)]
    )
    filled = (lengths > 0).nonzero()[:, 0]
    if not filled.numel():
        raise ArdError("no activations are stored, so no SAE can be verified on them", path=store.folder)
    wanted = max(1, min(filled.numel(), round(tokens / float(lengths[filled].double().mean()))))
    chosen = filled[torch.linspace(0, filled.numel() - 1, wanted, dtype=torch.float64).long()]
    rows = torch.cat([torch.arange(int(s), int(s + n)) for s, n in zip(starts[chosen], lengths[chosen], strict=True)])
    return torch.from_numpy(store.gather(rows.numpy())), lengths[chosen]


def read_published(source: Path, *, format: str = "auto", **choices: Any) -> tuple[str, Published]:
    """Name of the format and the SAE at `source`, under the file's own reading."""
    kind = detect_format(source) if format == "auto" else FORMATS.get(format)
    return kind.name, kind.read(source, **choices)


def source_hash(source: Path) -> str:
    """Hash over name and content of the file, or of the files of the folder, that were read."""
    files = [source] if source.is_file() else sorted(p for p in source.iterdir() if p.is_file())
    return fingerprint([[p.name, file_hash(p)] for p in files])


def import_sae(
    source: Path,
    folder: Path,
    x: Tensor,
    *,
    layer: str,
    clip_lengths: Tensor | None = None,
    activations_fingerprint: str = "",
    format: str = "auto",
    architecture: str | None = None,
    k: int | None = None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Verification:
    """Read the SAE at `source`, verify it on real activations, and write ARD's own SAE folder with its manifest.

    Parameters
    ----------
    source : Path
        File or folder in any of `FORMATS`.
    folder : Path
        `study.sae(sae_id)`; nothing is written unless the verification passes.
    x : float tensor [tokens, d]
        Activations of `layer`; `clip_lengths` [n] are the tokens of each clip.
    layer : str
        The study's layer that the SAE is to read, e.g. "encoder.11".
    architecture, k : optional
        What the file leaves open.
    told : callable
        As for `examine`.

    Raises
    ------
    ArdError
        The format is not recognised, the SAE is of a kind ARD lacks, or it does not reconstruct x.
    """
    started = time.monotonic()
    name, read = read_published(source, format=format, architecture=architecture, k=k)
    verification = examine(read, x, clip_lengths, told)
    refusal = verification.refusal()
    if refusal is not None:
        raise refusal
    sae = as_chosen(read, verification).build()
    settings = {
        "layer": layer,
        "sae": sae.config.to_json(),
        "format": name,
        "bias_mode": verification.chosen.bias_mode,
        "input_scaling": verification.chosen.input_scaling,
    }
    inputs = {"source": source.name, "source_hash": source_hash(source), "activations": activations_fingerprint}
    identity = save_sae(folder, sae)
    write_manifest(
        folder / "manifest.json",
        stage="import",
        fingerprint=fingerprint({"settings": settings, "inputs": inputs}),
        settings=settings,
        inputs=inputs,
        outputs={"weights": "sae.safetensors", "weights_hash": identity, "declared_layer": read.layer},
        seconds=time.monotonic() - started,
        figures={
            "fvu": verification.chosen.fvu,
            "l0": verification.chosen.l0,
            "verification": verification.to_json(),
            "notes": [*read.notes, *verification.warnings],
        },
    )
    return verification


def export_sae(sae: Sae, format: str, folder: Path, *, layer: int | None = None) -> None:
    """Write `sae` into `folder` in another library's layout, for raw activations.

    Raises
    ------
    ArdError
        The layout cannot say what this SAE is (e.g. BatchTopK without a threshold in SAELens); nothing is written.
    """
    FORMATS.get(format).write(Published.of(sae, layer), folder)
