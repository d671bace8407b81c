"""Ask a model many questions about many clips: what `Qwen2Audio.generate` answers one at a time, in batches.

A clip is computed once: its prompt up to the end of the audio is the same for every question and stays in a key-value
cache, from which the model's own `generate` continues with the words of each question. That changes no answer (tested
against the model's own path).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from backend.errors import ArdError
from backend.targets.base import Wave
from backend.targets.qwen2_audio import Qwen2Audio
from backend.targets.tap import tap
from backend.targets.token_counts import audio_tokens

CLIPS_AT_A_TIME = 16
LONGEST_ANSWER = 64
T = TypeVar("T")


@dataclass(frozen=True)
class _Heard:
    """Some clips as the decoder remembers them.

    Attributes
    ----------
    cache : Cache
        Keys and values of the prompts up to the end of the audio, padded on the left to P positions.
    mask : tensor [clips, P]
        1 where a position is not padding.
    """

    cache: Any
    mask: torch.Tensor

    def rows(self, clips: Sequence[int]) -> tuple[Any, torch.Tensor]:
        """A cache of its own, and the mask, with one row for each of `clips`."""
        from transformers import DynamicCache

        cache = DynamicCache()
        for number, layer in enumerate(self.cache.layers):
            cache.update(layer.keys[clips], layer.values[clips], number)
        return cache, self.mask[clips]


@dataclass(frozen=True)
class _Question:
    """Token ids behind the audio, and where the answer belongs."""

    ids: list[int]
    clip: int
    place: int


@torch.no_grad()
def interview(
    target: Qwen2Audio,
    clips: Sequence[Wave],
    questions: Sequence[Sequence[str]],
    *,
    batch: int = 64,
    max_new_tokens: int = LONGEST_ANSWER,
) -> list[list[str]]:
    """Greedy answers to `questions[i]` about `clips[i]`.

    Parameters
    ----------
    clips : sequence of array
        Mono float32 at the model's rate; of one longer than the window the first part is heard.
    batch : int
        Questions answered at a time.

    Raises
    ------
    ArdError
        A clip is too short for one audio token.
    """
    answers = [[""] * len(asked) for asked in questions]
    # clips of like length together, so that little is padded
    order = sorted((i for i, asked in enumerate(questions) if asked), key=lambda i: len(clips[i]))
    for members in _parts(order, CLIPS_AT_A_TIME):
        heard = _hear(target, [clips[i] for i in members])
        asked = [
            _Question(_around_the_audio(target, question)[1], row, place)
            for row, i in enumerate(members)
            for place, question in enumerate(questions[i])
        ]
        for some in _parts(sorted(asked, key=lambda question: len(question.ids)), batch):
            for question, answer in zip(some, _answer(target, heard, some, max_new_tokens), strict=True):
                answers[members[question.clip]][question.place] = answer
    return answers


def _hear(target: Qwen2Audio, clips: Sequence[Wave]) -> _Heard:
    """Run the prompts up to the end of the audio."""
    ids, _ = _around_the_audio(target, "")
    before = target.model.get_input_embeddings()(torch.tensor(ids, device=target.device))
    prompts = [torch.cat([before, features.to(before)]) for features in _features(target, clips)]
    longest = max(len(prompt) for prompt in prompts)
    embeddings = before.new_zeros(len(prompts), longest, before.shape[1])
    mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=before.device)
    for row, prompt in enumerate(prompts):
        embeddings[row, longest - len(prompt) :] = prompt
        mask[row, longest - len(prompt) :] = 1
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    out = target.model.model.language_model(
        inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, use_cache=True
    )
    return _Heard(out.past_key_values, mask)


def _features(target: Qwen2Audio, clips: Sequence[Wave]) -> list[torch.Tensor]:
    """What the decoder is given of each clip: projected features [T, width]."""
    waves = target.in_window(clips)
    tokens = [audio_tokens(len(wave), target.hop) for wave in waves]
    if 0 in tokens:
        samples = len(waves[tokens.index(0)])
        raise ArdError(f"the clip is too short for the model: {samples} samples at {target.sample_rate} Hz")
    inputs = target.processor(
        text=[target.chat("")] * len(waves), audio=waves, sampling_rate=target.sample_rate, padding=True,
        return_tensors="pt",
    ).to(target.device, target.dtype)  # fmt: skip
    projector = target.model.model.multi_modal_projector
    features = tap({"projector": projector}, lambda: target.model(**inputs))["projector"]
    return [features[row, :count] for row, count in enumerate(tokens)]


def _around_the_audio(target: Qwen2Audio, question: str) -> tuple[list[int], list[int]]:
    """Token ids of the prompt before and behind the placeholder of the audio."""
    ids: list[int] = target.processor.tokenizer(target.chat(question), add_special_tokens=False)["input_ids"]
    at = ids.index(target.audio_id)
    return ids[:at], ids[at + 1 :]


def _answer(target: Qwen2Audio, heard: _Heard, questions: Sequence[_Question], max_new_tokens: int) -> list[str]:
    """Greedy answers to one batch, whose questions are padded on the left."""
    longest = max(len(question.ids) for question in questions)
    pad = target.processor.tokenizer.pad_token_id or 0
    empty = [longest - len(question.ids) for question in questions]
    ids = [[pad] * blank + question.ids for blank, question in zip(empty, questions, strict=True)]
    mask = [[0] * blank + [1] * (longest - blank) for blank in empty]
    cache, before = heard.rows([question.clip for question in questions])
    device = target.device
    out = target.model.generate(
        input_ids=torch.tensor(ids, device=device),
        attention_mask=torch.cat([before, torch.tensor(mask, device=device)], dim=1),
        past_key_values=cache,
        do_sample=False,
        max_new_tokens=max_new_tokens,
    )
    texts = target.processor.tokenizer.batch_decode(out[:, longest:], skip_special_tokens=True)
    return [text.strip() for text in texts]


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
