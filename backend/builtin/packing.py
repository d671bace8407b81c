"""Several questions about one clip in one row: the audio is computed once, and no question sees another.

A row is the prefix up to the end of the audio, then one branch per question, each with its answer. A branch attends
to the prefix and to itself, and its positions go on from the prefix, so every answer is predicted exactly as in a row
of its own; but the prefix, which is most of a row, is shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from backend.builtin.prompts import Prompts

IGNORED = -100
"""Stands in `Packed.targets` where nothing is to be predicted."""

PREFIX, PADDING = 0, -1
"""Values of `Packed.branch` beside the branches 1, 2, …"""

Features = npt.NDArray[np.float32]
Dialogue = Sequence[tuple[str, str]]
"""Questions about one clip, each with its answer."""


@dataclass(frozen=True)
class Packed:
    """A batch of rows of L positions.

    Attributes
    ----------
    ids, positions, branch, targets : int64 tensor [rows, L]
        Tokens; rotary positions; which branch a position belongs to; the token to predict after it.
    audio : float32 tensor [audio tokens of all rows, d]
        What stands at the audio tokens, row by row.
    classes : float32 tensor [rows, classes]
        What is known of each row's clip, for the classifiers of training (`heads`); [rows, 0] without them.
    """

    ids: Tensor
    positions: Tensor
    branch: Tensor
    targets: Tensor
    audio: Tensor
    classes: Tensor

    @property
    def answer_tokens(self) -> int:
        return int((self.targets != IGNORED).sum())

    def to(self, device: torch.device) -> Packed:
        return Packed(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})

    def mask(self, dtype: torch.dtype) -> Tensor:
        """What is added to attention scores, [rows, 1, L, L]: 0 where a position sees another, else very negative."""
        length = self.ids.shape[1]
        before = torch.ones(length, length, dtype=torch.bool, device=self.ids.device).tril()
        key, query = self.branch[:, None, :], self.branch[:, :, None]
        seen = (before & ((key == PREFIX) | (key == query)))[:, None]
        return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, torch.finfo(dtype).min)


@dataclass(frozen=True)
class Predicted:
    """What a model made of a batch.

    Attributes
    ----------
    loss : float32 tensor
        Σ −ln p over all answer tokens.
    tokens : int
        Answer tokens, the ends among them.
    right_tokens, right_answers, answers : int
        Tokens, and whole answers, whose every token is the likeliest one given those before it. Counted only if asked
        for, otherwise 0.
    """

    loss: Tensor
    tokens: int
    right_tokens: int = 0
    right_answers: int = 0
    answers: int = 0


def pack(
    prompts: Prompts,
    audio: Sequence[Features],
    dialogues: Sequence[Dialogue],
    classes: Sequence[Features] | None = None,
) -> Packed:
    """One row for each clip, from its features [T, d], the questions about it, and its row of `Packed.classes`."""
    rows = [_row(prompts, len(features), dialogue) for features, dialogue in zip(audio, dialogues, strict=True)]
    longest = max(len(row[0]) for row in rows)

    def column(number: int, fill: int) -> Tensor:
        return torch.tensor([row[number] + [fill] * (longest - len(row[number])) for row in rows], dtype=torch.int64)

    return Packed(
        ids=column(0, prompts.end_id),
        positions=column(1, 0),
        branch=column(2, PADDING),
        targets=column(3, IGNORED),
        audio=torch.from_numpy(np.concatenate(audio)),
        classes=torch.zeros(len(rows), 0) if classes is None else torch.from_numpy(np.stack(classes)),
    )


def predict(model: Any, batch: Packed, *, count: bool = False) -> Predicted:
    """Run the decoder over a batch; only the positions that predict an answer go through the output layer.

    Parameters
    ----------
    model : Qwen2AudioForConditionalGeneration
    count : bool
        Also count right tokens and answers.
    """
    decoder = model.model.language_model
    embedded = decoder.embed_tokens(batch.ids)
    projected = model.model.multi_modal_projector(batch.audio)
    at_audio = (batch.ids == model.config.audio_token_id)[..., None]
    embedded = embedded.masked_scatter(at_audio, projected.to(embedded.dtype))
    device = embedded.device.type
    precision = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else embedded.dtype
    hidden = decoder(
        inputs_embeds=embedded,
        attention_mask={"full_attention": batch.mask(precision)},
        position_ids=batch.positions,
        use_cache=False,
    ).last_hidden_state
    asked = batch.targets != IGNORED
    targets = batch.targets[asked]
    logits = model.lm_head(hidden[asked]).float()
    loss = functional.cross_entropy(logits, targets, reduction="sum")
    if not count:
        return Predicted(loss, len(targets))
    right = logits.argmax(-1) == targets
    row, _ = torch.nonzero(asked, as_tuple=True)
    _, answer = torch.unique(torch.stack([row, batch.branch[asked]]), dim=1, return_inverse=True)
    answers = int(answer.max()) + 1 if len(answer) else 0
    wrong = torch.zeros(answers, dtype=torch.int64, device=right.device).index_add_(0, answer, (~right).long())
    return Predicted(loss, len(targets), int(right.sum()), int((wrong == 0).sum()), answers)


def _row(prompts: Prompts, audio_tokens: int, dialogue: Dialogue) -> tuple[list[int], list[int], list[int], list[int]]:
    """Ids, positions, branches and targets of one row. The token that ends an answer is predicted but not read."""
    prefix = prompts.prefix(audio_tokens)
    ids, positions = list(prefix), list(range(len(prefix)))
    branch, targets = [PREFIX] * len(prefix), [IGNORED] * len(prefix)
    for number, (asked, said) in enumerate(dialogue, PREFIX + 1):
        question, answer = prompts.question(asked), prompts.answer(said)
        read = (*question, *answer[:-1])
        ids += read
        positions += range(len(prefix), len(prefix) + len(read))
        branch += [number] * len(read)
        targets += [*[IGNORED] * (len(question) - 1), *answer]
    return ids, positions, branch, targets
