"""Several finished SAEs measured at inference on the same batches of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from backend.jobs.job import Job
from backend.sae.base import Sae
from backend.sae.batchtopk import BatchTopK
from backend.sae.files import load_sae
from backend.sae.losses import row_squares
from backend.sae.metrics import Quality, Silence
from backend.streams.base import TokenStream


@torch.no_grad()
def measure_together(
    folders: Sequence[Path], stream: TokenStream, layer: str, steps: int, device: torch.device, job: Job
) -> list[dict[str, float]]:
    """Metrics of `Quality` and `Silence` of each SAE over the next `steps` batches of `layer` (S-13).

    A batch is no clip, so BatchTopK selects by its threshold here even where the study selects per clip (S-11).
    """
    saes = [_by_threshold(load_sae(folder, device)) for folder in folders]
    qualities = [Quality(sae.config.d, device) for sae in saes]
    silences = [Silence(sae.config.n_features, device) for sae in saes]
    seen = 0
    for _ in range(steps):
        job.check_stop()
        x = next(stream)[layer].to(device).float()
        seen += x.shape[0]
        for sae, quality, silence in zip(saes, qualities, silences, strict=True):
            codes = sae.encode(x)
            x_hat = sae.decode(codes, sae.scale(x)[1])
            quality.add(x, row_squares(x - x_hat), torch.bincount(codes.token, minlength=x.shape[0]))
            silence.add(torch.bincount(codes.feature, minlength=codes.n_features), x.shape[0])
    return [
        {**quality.values(), **silence.values(seen)} for quality, silence in zip(qualities, silences, strict=True)
    ]  # fmt: skip


def _by_threshold(sae: Sae) -> Sae:
    if isinstance(sae, BatchTopK):
        sae.inference = "threshold"
    return sae
