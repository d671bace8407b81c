"""What a model under study must answer (design §4). One file per family implements `Target`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from backend.errors import ArdError
from backend.registry import Registry
from backend.study.settings import ModelSection
from backend.targets.layers import resolve_layer
from backend.targets.prefix import Prefix
from backend.targets.tap import Replace

Wave = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """Residual stream of one clip at the asked layers.

    Attributes
    ----------
    x : dict of layer name to tensor [T, d]
        On the model's device, in the model's dtype. T counts real positions only (A-05, S-04).
    seconds : array [T, 2]
        Start and end of each position in seconds of the clip; NaN for text positions with no time.
    approximate : bool
        True where times come from cross-attention and not from the frame grid.
    text : str
        What was generated on the way (decoder layers: the greedy transcript), else "".
    others : dict of layer name to (seconds, approximate)
        Layers of another stack than the first asked layer's, whose positions are not `seconds`.
    """

    x: dict[str, torch.Tensor]
    seconds: npt.NDArray[np.float64]
    approximate: bool = False
    text: str = ""
    others: dict[str, tuple[npt.NDArray[np.float64], bool]] = field(default_factory=dict)

    def times(self, layer: str) -> tuple[npt.NDArray[np.float64], bool]:
        """Seconds [T, 2] of the positions of `layer`, and whether they are approximate."""
        return self.others.get(layer, (self.seconds, self.approximate))


class Target(ABC):
    """One loaded model.

    Attributes
    ----------
    model : torch.nn.Module
    sample_rate : int
        Hertz it expects.
    window_seconds : float
        Longest audio of one forward, from the feature extractor, never a constant (A-05).
    whole_windows : bool
        True where a forward computes the whole window however short the clip is.
    answers_prompts : bool
        True where `generate` does what the prompt says, so that the model can write captions.
    """

    model: torch.nn.Module
    sample_rate: int
    window_seconds: float
    whole_windows: ClassVar[bool] = False
    answers_prompts: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def load(cls, section: ModelSection, device: torch.device) -> Target:
        """Load from a local folder or hub id; ArdError naming the missing file or what to install."""

    @classmethod
    def stacks_of(cls, config: Mapping[str, Any]) -> dict[str, int]:
        """Stacks and their number of blocks from config.json alone, so that `ard status` loads no weights."""
        return {"encoder": int(config["num_hidden_layers"])}

    @classmethod
    def widths_of(cls, config: Mapping[str, Any]) -> dict[str, int]:
        """d of each stack from config.json alone."""
        return {"encoder": int(config["hidden_size"])}

    @abstractmethod
    def stacks(self) -> dict[str, int]:
        """Stacks that can be read and their number of blocks, the usual one first: {"decoder": 32, "encoder": 32}."""

    @abstractmethod
    def width(self, layer: str) -> int:
        """d of `layer` ("decoder.26")."""

    @abstractmethod
    def module(self, layer: str) -> tuple[str, torch.nn.Module]:
        """Full module path and the block itself, found by walking the modules."""

    @abstractmethod
    def token_count(self, samples: int, layer: str) -> int | None:
        """T for a clip of this many samples at `sample_rate`; None where only running tells (decoder text)."""

    @abstractmethod
    def encode(self, clips: Sequence[Wave], layers: Sequence[str]) -> list[Encoded]:
        """All asked layers of all clips in one forward, stopped after the last asked layer.

        Every clip is mono float32 at `sample_rate`; of one longer than the window the first part is
        read (A-03). A clip too short for one token gives T = 0. A batch gives what its clips give alone.
        """

    def generate(self, clip: Wave, prompt: str, max_new_tokens: int = 256) -> str:
        """Greedy answer or transcript; ArdError for models that do not generate."""
        raise ArdError(f"a {type(self).__name__} does not generate text")

    def generate_batch(self, clips: Sequence[Wave], prompts: Sequence[str], max_new_tokens: int = 256) -> list[str]:
        """What `generate` answers to `prompts[i]` about `clips[i]`; a model that can, answers all of them at once."""
        return [self.generate(clip, prompt, max_new_tokens) for clip, prompt in zip(clips, prompts, strict=True)]

    def answer_loss(self, clip: Wave, prompt: str, answer: str) -> float:
        """Mean negative log-likelihood per token of `answer` (nats); ArdError for models that do not generate."""
        raise ArdError(f"a {type(self).__name__} does not generate text")

    def spliced(self, layer: str, samples: int, replace: Replace) -> AbstractContextManager[None]:
        """While it lasts, `replace` maps the residual stream after `layer` where the target reads it.

        Parameters
        ----------
        samples : int
            Of the one clip that runs meanwhile; the positions are those of `encode`. Decoding steps are left alone.
        replace : callable
            [positions, d] → [positions, d].
        """
        raise ArdError(f"nothing can be put into layer {layer} of a {type(self).__name__}")

    def begin(self, clip: Wave, prompt: str, layer: str) -> Prefix:
        """One clip and prompt run up to `layer`, for steering there (`Prefix`).

        Raises ArdError if the clip is too short for one token, the layer is not there, or the model has nothing above
        it that could answer.
        """
        raise ArdError(f"nothing can be steered in layer {layer} of a {type(self).__name__}")

    def resolve(self, layer: str) -> str:
        """The full name of `layer`: "3" and "last" mean the usual stack; ArdError lists what exists."""
        return resolve_layer(layer, self.stacks())

    def describe(self) -> dict[str, Any]:
        """Identity for manifests: class, config fingerprint, revision, weights hash where local."""
        return {"class": type(self.model).__name__}


TARGETS: Registry[type[Target]] = Registry(
    "targets",
    {
        "qwen2_audio": "backend.targets.qwen2_audio",
        "whisper": "backend.targets.whisper",
        "hubert": "backend.targets.hubert",
        "wav2vec2": "backend.targets.hubert",
        "wavlm": "backend.targets.hubert",
    },
)
"""Keyed by `config.model_type`."""
