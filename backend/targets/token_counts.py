"""How many tokens a clip gives, from its number of samples: arithmetic that needs neither torch nor the model."""

from __future__ import annotations

from collections.abc import Sequence

SPEECH_KERNELS, SPEECH_STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
"""Convolutions of HuBERT, wav2vec 2.0 and WavLM as released: a frame of 400 samples every 320."""


def audio_tokens(samples: int, hop: int = 160) -> int:
    """Audio tokens of a clip (A-05): mel frames M = ceil(n/160), m = (M-1)//2 + 1, T = (m-2)//2 + 1."""
    mel = -(-samples // hop)
    return max(0, ((mel - 1) // 2 + 1 - 2) // 2 + 1)


def frame_count(samples: int, kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Frames after convolutions without padding: floor((n - 400) / 320) + 1 for the usual layout (S-03)."""
    for kernel, stride in zip(kernels, strides, strict=True):
        if samples < kernel:
            return 0
        samples = (samples - kernel) // stride + 1
    return samples
