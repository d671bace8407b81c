"""A clip and its prompt run up to one layer, and everything above it run again for changed residual streams.

What lies at and below the layer does not depend on what is done there, so it is computed once: a new value of a slider
runs the layers above only. A model family implements `Prefix`; the engine knows nothing else of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.errors import ArdError

StepChange = Callable[[Tensor], Tensor]
"""Residual stream of a decoding step [B, d] → what stands there instead, row by row."""


class Continuation(ABC):
    """B answers to one prefix that are being written, token by token.

    Attributes
    ----------
    logits : float32 tensor [B, V]
        Of the next token, as the model gives them.
    """

    logits: Tensor

    @abstractmethod
    def extend(self, tokens: Tensor) -> None:
        """Append a token to each answer (int64 [B]) and bring `logits` up to date."""

    @abstractmethod
    def keep(self, rows: Tensor) -> None:
        """Go on with these answers only (int64 indices)."""

    @abstractmethod
    def teacher_forced(self, tokens: Tensor) -> Tensor:
        """Logits [B, n, V] of the n given tokens (int64 [n]) in turn: row i predicts token i. Nothing is kept of it."""


class Residual:
    """The residual stream of one clip after `layer`, untouched by steering.

    Attributes
    ----------
    layer : str
    x : tensor [T, d]
        After the layer at every position of the prefill.
    audio : int64 tensor [a]
        Positions that hold the clip's own audio tokens or frames (A-05).
    read : int64 tensor [n]
        Positions that the study's settings read, i.e. those its SAEs were trained on.
    seconds : float64 array [a, 2]
        Start and end of each audio position in seconds of the clip.
    """

    layer: str
    x: Tensor
    audio: Tensor
    read: Tensor
    seconds: npt.NDArray[np.float64]

    @property
    def every(self) -> Tensor:
        """All positions of the prefill."""
        return torch.arange(len(self.x), device=self.x.device)

    @property
    def nbytes(self) -> int:
        """Memory that is held for it."""
        return self.x.nbytes


class Prefix(Residual, ABC):
    """One clip and prompt up to `layer`, and how a model goes on from there.

    Attributes
    ----------
    prompt_ids : int64 tensor [p]
        Tokens before the answer.
    ends : set of int
        Tokens that end an answer.
    no_speech : tensor [B] or None
        Whisper: probability of the no-speech token for the rows continued last (S-43).
    """

    prompt_ids: Tensor
    ends: frozenset[int]
    no_speech: Tensor | None = None

    @abstractmethod
    def continue_from(self, x: Tensor, at_step: StepChange | None = None) -> Continuation:
        """Run the layers above for x [B, T, d], with nothing of one row seen by another.

        `at_step` changes the residual stream after the layer at every decoding step.
        """

    @abstractmethod
    def processed(self, answers: Tensor, logits: Tensor) -> Tensor:
        """Scores [B, V] as the model's own generation settings make them of `logits`, for answers int64 [B, n]."""

    @abstractmethod
    def text(self, tokens: list[int]) -> str:
        """The answer of these tokens, as `Target.generate` gives it."""

    @abstractmethod
    def token_text(self, token: int) -> str:
        """One token as people can read it, blanks kept."""

    @abstractmethod
    def word_token(self, word: str) -> int:
        """The first token of an answer that begins with `word`; ArdError if there is none."""

    @property
    def longest(self) -> int:
        """Most tokens an answer can have."""
        return 1 << 20


def first_token(ids: list[int], word: str) -> int:
    """The first of a word's tokens; ArdError if there is none."""
    if not ids:
        raise ArdError(f"the word '{word}' has no token in this model", todo="Choose another word.")
    return ids[0]


def score_processors(model: Any, prompt: int) -> list[Callable[[Tensor, Tensor], Tensor]]:
    """The greedy score processors that the model's generation settings ask for, in the library's order.

    Parameters
    ----------
    prompt : int
        Tokens before the answer.
    """
    from transformers import generation

    config, device = model.generation_config, str(model.device)
    ends = end_tokens(model)
    found: list[Callable[[Tensor, Tensor], Tensor]] = []
    if config.sequence_bias:
        found.append(generation.SequenceBiasLogitsProcessor(config.sequence_bias))
    if config.repetition_penalty not in (None, 1.0):
        found.append(generation.RepetitionPenaltyLogitsProcessor(config.repetition_penalty))
    if config.no_repeat_ngram_size:
        found.append(generation.NoRepeatNGramLogitsProcessor(config.no_repeat_ngram_size))
    if config.bad_words_ids:
        found.append(generation.NoBadWordsLogitsProcessor(config.bad_words_ids, sorted(ends)))
    if config.min_length:
        found.append(generation.MinLengthLogitsProcessor(config.min_length, sorted(ends), device=device))
    if config.min_new_tokens:
        found.append(
            generation.MinNewTokensLengthLogitsProcessor(prompt, config.min_new_tokens, sorted(ends), device=device)
        )
    if config.exponential_decay_length_penalty:
        found.append(
            generation.ExponentialDecayLengthPenalty(
                config.exponential_decay_length_penalty, torch.tensor(sorted(ends), device=device), prompt
            )
        )
    if config.suppress_tokens:
        found.append(generation.SuppressTokensLogitsProcessor(config.suppress_tokens, device=device))
    if config.begin_suppress_tokens:
        found.append(
            generation.SuppressTokensAtBeginLogitsProcessor(config.begin_suppress_tokens, prompt, device=device)
        )
    return found


def end_tokens(model: Any) -> frozenset[int]:
    """Tokens that end an answer of this model."""
    ends = model.generation_config.eos_token_id
    return frozenset(ends) if isinstance(ends, (list, tuple)) else frozenset({ends} - {None})
