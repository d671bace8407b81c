"""HuBERT, wav2vec 2.0 and WavLM: one frame every 320 samples, no padding to a window (S-03)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from math import prod
from typing import Any, ClassVar

import torch

from backend.study.settings import ModelSection
from backend.targets.base import TARGETS, Encoded, Target, Wave
from backend.targets.families import SPEECH
from backend.targets.hugging_face import HuggingFaceTarget, grid
from backend.targets.load import from_pretrained, pretrained
from backend.targets.tap import Replace, spliced, tap
from backend.targets.token_counts import frame_count


@TARGETS.register("hubert")
@TARGETS.register("wav2vec2")
@TARGETS.register("wavlm")
class SpeechEncoder(HuggingFaceTarget):
    """Residual stream after each block of a speech encoder (S-01, S-02).

    Frame i covers [i·hop, (i+1)·hop), hop = 320 samples (20 ms), although the convolutions that make
    it see 400 samples: so frames tile the clip. In post-norm models (hubert-base) the block's output
    is after its own LayerNorm; the encoder's final LayerNorm of pre-norm models is not included.
    """

    inside: ClassVar[dict[str, str]] = {"encoder": "encoder"}

    @classmethod
    def load(cls, section: ModelSection, device: torch.device) -> Target:
        from transformers import AutoFeatureExtractor, AutoModel

        model, identity = pretrained(AutoModel, section, device)
        return cls(model, identity, section, from_pretrained(AutoFeatureExtractor, identity, section))

    @classmethod
    def stacks_of(cls, config: Mapping[str, Any]) -> dict[str, int]:
        return SPEECH.stacks(config)

    @classmethod
    def widths_of(cls, config: Mapping[str, Any]) -> dict[str, int]:
        return SPEECH.widths(config)

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return prod(self.model.config.conv_stride)

    def token_count(self, samples: int, layer: str) -> int:
        config = self.model.config
        return frame_count(min(samples, self.window_samples), config.conv_kernel, config.conv_stride)

    def encode(self, clips: Sequence[Wave], layers: Sequence[str]) -> list[Encoded]:
        waves = self.in_window(clips)
        layers = [self.resolve(layer) for layer in layers]
        results = [self.nothing(layers) for _ in waves]
        for members in self._batches(waves):
            x = self._forward([waves[i] for i in members], layers)
            for row, i in enumerate(members):
                count = self.token_count(len(waves[i]), layers[0])
                kept = {layer: x[layer][row, :count] for layer in layers}
                results[i] = Encoded(kept, grid(count, self.hop / self.sample_rate))
        return results

    def spliced(self, layer: str, samples: int, replace: Replace) -> AbstractContextManager[None]:
        layer = self.resolve(layer)
        frames = self.token_count(samples, layer)
        return spliced(self.module(layer)[1], replace, lambda hidden: slice(0, frames))

    def _batches(self, waves: Sequence[Wave]) -> list[list[int]]:
        """Clips that may share a forward without changing one another's values.

        Group norm in the convolutional front averages over time, padding included, and these models
        are trained without a mask; there only clips of equal length go together.
        """
        usable = [i for i, wave in enumerate(waves) if self.token_count(len(wave), "") > 0]
        if self.model.config.feat_extract_norm != "group":
            return [usable] if usable else []
        by_length: dict[int, list[int]] = {}
        for i in usable:
            by_length.setdefault(len(waves[i]), []).append(i)
        return list(by_length.values())

    def _forward(self, waves: Sequence[Wave], layers: Sequence[str]) -> dict[str, torch.Tensor]:
        longest = max(len(wave) for wave in waves)
        values = torch.zeros(len(waves), longest)
        mask = torch.zeros(len(waves), longest, dtype=torch.long)
        for row, wave in enumerate(waves):
            normal = self.extractor(wave, sampling_rate=self.sample_rate, return_tensors="pt").input_values[0]
            values[row, : len(wave)], mask[row, : len(wave)] = normal, 1
        padded = bool((mask == 0).any())
        values = values.to(self.device, self.dtype)
        attention = mask.to(self.device) if padded else None
        return tap(self.blocks_of(layers, "encoder"), lambda: self.model(values, attention_mask=attention))
