"""Windows and tokens of every clip, counted from clip headers without a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.audio.crop import spans
from backend.extract.estimate import RATES
from backend.extract.plan import clip_seconds
from backend.store.clips import ClipTable
from backend.study.settings import ClipsSection, ModelSection
from backend.targets.identity import ModelIdentity
from backend.targets.token_counts import SPEECH_KERNELS, SPEECH_STRIDES, audio_tokens, frame_count

Int = npt.NDArray[np.int64]
Count = Callable[[int, str], int | None]
TEXT_TOKENS = 24
"""Text tokens of a chat prompt without a question, where no tokenizer is at hand."""
FRAME = 320
"""Samples of an encoder frame: 20 ms at 16 kHz in all built-in families."""


@dataclass(frozen=True)
class ClipLengths:
    """Clips as the model will be shown them.

    Attributes
    ----------
    windows : int array [N]
        Parts that each clip is cut into; 0 for one that is not used.
    samples : list of list of int
        Samples of each part at the model's rate.
    """

    windows: Int
    samples: list[list[int]]
    rate: int

    @property
    def longest(self) -> npt.NDArray[np.float64]:
        """Seconds of each clip's longest part, [N]."""
        return np.array([max(one, default=0) / self.rate for one in self.samples])


def lengths(table: ClipTable, settings: ClipsSection, identity: ModelIdentity) -> ClipLengths:
    """Parts of every clip that trains or is ranked, by crop policy and short-clip rule (A-03, A-04)."""
    rate = identity.sample_rate or 16000
    window = math.inf if identity.window_seconds is None else identity.window_seconds
    used = table.train | table.probe
    samples: list[list[int]] = []
    for seconds, wanted in zip(clip_seconds(table).tolist(), used.tolist(), strict=True):
        parts = spans(seconds, window, settings.crop) if wanted else []
        mine = [round((end - start) * rate) for start, end in parts]
        if settings.short == "audiobench" and len(mine) == 1 and 0 < mine[0] < rate:
            mine[0] += rate
        samples.append(mine)
    return ClipLengths(np.array([len(one) for one in samples], dtype=np.int64), samples, rate)


def count_by_header(section: ModelSection, identity: ModelIdentity) -> Count:
    """Tokens of a part by its samples, as the built-in families count them (A-05, S-03); 50 a second elsewhere."""
    window = identity.window_seconds
    most = 10**12 if window is None else round(window * (identity.sample_rate or 16000))

    def count(samples: int, layer: str) -> int | None:
        samples = min(samples, most)
        stack = layer.rpartition(".")[0]
        if identity.model_type in ("hubert", "wav2vec2", "wavlm"):
            return frame_count(samples, SPEECH_KERNELS, SPEECH_STRIDES)
        if identity.model_type == "whisper" and stack == "decoder":
            return None
        if stack == "decoder":
            audio = audio_tokens(samples)
            kept = {"audio": audio, "prompt": TEXT_TOKENS, "all": audio + TEXT_TOKENS}[section.tokens]
            return kept if audio else 0
        frames = -(-most // FRAME) if section.frames == "all" else -(-samples // FRAME)
        return frames if samples else 0

    return count


def clip_tokens(clips: ClipLengths, layer: str, count: Count) -> Int:
    """T of every clip at `layer`, [N]; by a rate of speech where only running the model tells."""
    speech = RATES["whisper", "decoder"]

    def of_part(samples: int) -> int:
        found = count(samples, layer)
        return round(samples / clips.rate * speech) if found is None else found

    return np.array([sum(map(of_part, parts)) for parts in clips.samples], dtype=np.int64)
