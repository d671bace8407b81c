"""Answers of the library's own `generate` while a hook steers, beside a scene of the engine for the same clip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backend.sae.base import Sae
from backend.steer.engine import Engine, Scene
from backend.steer.intervention import Intervention
from backend.steer.spaces import SaeSpace
from backend.targets.layers import split_layer
from builders.plain_steering import hooked, random_sae


@dataclass(frozen=True)
class PlainAnswer:
    """What the library's `generate` writes.

    Attributes
    ----------
    ids : list of int
        With the token that ends the answer, if it ended.
    logits : float tensor [n, V]
        As the model gives them, and `scores` as its generation settings make them of it.
    """

    ids: list[int]
    logits: Tensor
    scores: Tensor


def generated(model: Any, prompt: int, **inputs: Any) -> PlainAnswer:
    """`model.generate`, greedy; `prompt` tokens of what it returns come before the answer."""
    found = model.generate(
        **inputs, do_sample=False, num_beams=1, return_dict_in_generate=True, output_logits=True, output_scores=True
    )
    return PlainAnswer(
        found.sequences[0, prompt:].tolist(), torch.cat(list(found.logits)), torch.cat(list(found.scores))
    )


def without_end(ids: Sequence[int], ends: frozenset[int]) -> list[int]:
    """The tokens before the first that ends an answer."""
    return list(ids[: next((i for i, token in enumerate(ids) if token in ends), len(ids))])


class Plain(ABC):
    """One layer and SAE of a model, steered by a hook on one clip and prompt."""

    def __init__(self, target: Any, layer: str, sae: Sae, wave: np.ndarray, prompt: str) -> None:
        self.target, self.layer, self.sae, self.prompt = target, layer, sae, prompt
        self.wave = wave

    audio: Tensor

    def __call__(self, wanted: Intervention | None, tokens: int = 4) -> PlainAnswer:
        with hooked(self.target.module(self.layer)[1], self.sae, wanted, self.audio):
            return self._generate(tokens)

    @abstractmethod
    def _generate(self, tokens: int) -> PlainAnswer: ...


class PlainChat(Plain):
    """A model of the Qwen2-Audio class."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.inputs = self.target._inputs(self.wave, self.target._asked(self.wave, self.prompt))
        audio = (self.inputs["input_ids"][0] == self.target.audio_id).nonzero()[:, 0]
        tower = split_layer(self.layer)[0] == "encoder"
        self.audio = torch.arange(-(-len(self.wave) // 320)) if tower else audio

    def _generate(self, tokens: int) -> PlainAnswer:
        # without it `generate` drops a mask of ones, which the merge of a single audio token needs
        keep = self.target.model.register_forward_pre_hook(_with_mask, with_kwargs=True)
        try:
            length = self.inputs["input_ids"].shape[1]
            return generated(self.target.model, length, **self.inputs, max_new_tokens=tokens)
        finally:
            keep.remove()


def _with_mask(module: Any, args: Any, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    if values.get("input_features") is not None and values.get("attention_mask") is None:
        values = {**values, "attention_mask": torch.ones_like(values["input_ids"])}
    return args, values


class PlainTranscript(Plain):
    """A Whisper."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.features = self.target._features([self.wave])
        self.audio = torch.arange(-(-len(self.wave) // 320))

    def _generate(self, tokens: int) -> PlainAnswer:
        many = getattr(self.target.model.generation_config, "is_multilingual", False)
        values: dict[str, Any] = {"task": "transcribe"} if many else {}
        if self.prompt:
            values["prompt_ids"] = self.target.processor.get_prompt_ids(self.prompt, return_tensors="pt")
        # what Whisper's generate returns begins with its prompt or with the answer, as releases differ
        found = generated(self.target.model, 0, input_features=self.features, max_new_tokens=tokens, **values)
        return PlainAnswer(found.ids[-len(found.logits) :], found.logits, found.scores)


def prepared(
    target: Any, layer: str, kind: str, wave: np.ndarray, prompt: str = "What?", **config: Any
) -> tuple[Scene, Plain]:
    """A scene with a random SAE of `kind`, and the plain forward for the same."""
    sae = random_sae(kind, target.begin(wave, prompt, layer).x, **config)
    plain = PlainChat if target.answers_prompts else PlainTranscript
    return Engine(target, SaeSpace(sae), layer).scene(wave, prompt), plain(target, layer, sae, wave, prompt)


def strong(scene: Scene, times: float = 4.0, **settings: Any) -> Intervention:
    """The feature that is active least often far up, the one that is active most often off."""
    code = scene.prepared("prompt").selection.z  # type: ignore[attr-defined]
    often = torch.bincount(code.feature, minlength=code.n_features).argsort(descending=True, stable=True).tolist()
    return Intervention.of([(often[-1], times * float(code.value.max())), (often[0], 0.0)], **settings)
