"""Whisper from one encoder layer upwards: the stream at that layer, `no_speech_prob` (S-43) and the transcript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.steer.hallucination.first_step import first_logits
from backend.targets.base import Target, Wave
from backend.targets.layers import split_layer
from backend.targets.tap import block_output
from backend.targets.whisper import Whisper
from backend.targets.whisper_prefix import no_speech_token


@dataclass(frozen=True)
class Heard:
    """x [frames, d] of the whole window after the layer; the first `valid` frames start inside the clip (S-04)."""

    x: Tensor
    valid: int


class Listener:
    """Runs a Whisper model up to a layer of its encoder once, and from there on as often as asked.

    Raises ArdError if the target is no Whisper model, the layer no encoder layer, or the vocabulary lacks the token.
    """

    def __init__(self, target: Target, layer: str) -> None:
        if not isinstance(target, Whisper):
            raise ArdError(
                f"a {target.describe()['class']} has no no-speech probability; only Whisper models have one",
                todo="Use a study of a Whisper model.",
            )
        self.target: Whisper = target
        self.layer = target.resolve(layer)
        stack, number = split_layer(self.layer)
        if stack != "encoder":
            raise ArdError(
                f"{self.layer} is no layer of the encoder, whose frames are steered here",
                todo="Use an SAE of an encoder layer.",
            )
        self._encoder: Any = target.model.get_encoder()
        self._above = list(self._encoder.layers)[number + 1 :]
        self.token = no_speech_token(target.processor.tokenizer)
        self.start = int(target.model.config.decoder_start_token_id)

    @torch.no_grad()
    def hear(self, wave: Wave) -> Heard:
        """The stream after the layer for the clip's first window; ArdError if it has no samples."""
        prefix = self.target.begin(wave, "", self.layer)
        return Heard(prefix.x, len(prefix.audio))

    @torch.no_grad()
    def encoded(self, x: Tensor) -> Tensor:
        """The encoder's output [n, frames, d] where `x` [n, frames, d] stands after the layer."""
        hidden = x.to(self.target.device, self.target.dtype)
        for block in self._above:
            hidden = block_output(block(hidden, None))
        normed: Tensor = self._encoder.layer_norm(hidden)
        return normed

    @torch.no_grad()
    def no_speech(self, encoded: Tensor) -> Tensor:
        """p [n]: softmax probability of the no-speech token after start-of-transcript alone (S-43), float64."""
        model = self.target.model
        logits = first_logits(model.get_decoder(), model.get_output_embeddings(), self.start, encoded)
        return torch.softmax(logits.double(), dim=-1)[:, self.token].cpu()

    def transcripts(self, encoded: Tensor, max_new_tokens: int) -> list[str]:
        """Greedy transcripts without timestamps (S-49)."""
        return self.target.transcripts(encoded, max_new_tokens)
