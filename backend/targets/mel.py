"""Log-mel features of short clips without computing the silence that pads them to the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Wave = npt.NDArray[np.float32]


def log_mel(extractor: Any, waves: Sequence[Wave]) -> torch.Tensor:
    """What a `WhisperFeatureExtractor` gives for clips padded to its window, [clips, mel bins, frames].

    Every frame behind a clip holds nothing but zeros, so all of them are alike: the extractor runs on the clips with
    one silent frame behind the longest, and that frame is repeated up to the window's end. Clips of 2.5 s cost a
    tenth of what 30 s do. An extractor that adds dither gets the whole window.
    """
    window, hop = int(extractor.n_samples), int(extractor.hop_length)
    longest = max(len(wave) for wave in waves)
    # one Fourier window of zeros, so that the last frame neither reaches the sound nor mirrors it
    needed = -(-(longest + 2 * int(extractor.n_fft)) // hop) * hop
    if needed >= window or getattr(extractor, "dither", False):
        return _extract(extractor, waves, "max_length")
    padded = [np.concatenate([wave, np.zeros(needed - len(wave), np.float32)]) for wave in waves]
    found = _extract(extractor, padded, "longest")
    silent = found[:, :, -1:].expand(-1, -1, window // hop - found.shape[2])
    return torch.cat([found, silent], dim=2)


def frame_mask(extractor: Any, waves: Sequence[Wave]) -> torch.Tensor:
    """1 for the mel frames that begin inside the clip, [clips, frames of the window], int64."""
    hop = int(extractor.hop_length)
    frames = torch.tensor([-(-len(wave) // hop) for wave in waves])
    return (torch.arange(int(extractor.n_samples) // hop) < frames[:, None]).long()


def _extract(extractor: Any, waves: Sequence[Wave], padding: str) -> torch.Tensor:
    batch = extractor(list(waves), sampling_rate=extractor.sampling_rate, padding=padding, return_tensors="pt")
    features: torch.Tensor = batch.input_features
    return features
