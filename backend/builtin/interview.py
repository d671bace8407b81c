"""Ask a model many questions about many clips: what `Qwen2Audio.generate` answers one at a time, in batches.

Each clip goes through the audio tower once; its questions share the features. `generate` gets embeddings instead of
token ids, which changes no answer (tested against the model's own path).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from backend.errors import ArdError
from backend.targets.base import Wave
from backend.targets.qwen2_audio import Qwen2Audio, audio_tokens
from backend.targets.tap import tap

LONGEST_ANSWER = 64


@dataclass(frozen=True)
class _Prompt:
    """A question as the decoder reads it: embeddings [P, width], and where its answer belongs."""

    embeddings: torch.Tensor
    clip: int
    place: int


@torch.no_grad()
def interview(
    target: Qwen2Audio,
    clips: Sequence[Wave],
    questions: Sequence[Sequence[str]],
    *,
    batch: int = 32,
    max_new_tokens: int = LONGEST_ANSWER,
) -> list[list[str]]:
    """Greedy answers to `questions[i]` about `clips[i]`.

    Parameters
    ----------
    clips : sequence of array
        Mono float32 at the model's rate; of one longer than the window the first part is heard.
    batch : int
        Clips heard at a time, and questions answered at a time.

    Raises
    ------
    ArdError
        A clip is too short for one audio token.
    """
    answers = [[""] * len(asked) for asked in questions]
    for start in range(0, len(clips), batch):
        heard = _heard(target, clips[start : start + batch])
        prompts = [
            _Prompt(_embedded(target, features, question), clip, place)
            for clip, features in enumerate(heard, start)
            for place, question in enumerate(questions[clip])
        ]
        # prompts of like length together, so that little is padded
        prompts.sort(key=lambda prompt: len(prompt.embeddings))
        for some in _parts(prompts, batch):
            for prompt, answer in zip(some, _answered(target, some, max_new_tokens), strict=True):
                answers[prompt.clip][prompt.place] = answer
    return answers


def _heard(target: Qwen2Audio, clips: Sequence[Wave]) -> list[torch.Tensor]:
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


def _embedded(target: Qwen2Audio, features: torch.Tensor, question: str) -> torch.Tensor:
    """The prompt around `features` [T, width]: embeddings [P, width]."""
    ids = torch.tensor(target.processor.tokenizer(target.chat(question), add_special_tokens=False)["input_ids"])
    (at,) = torch.nonzero(ids == target.audio_id)[:, 0].tolist()
    words = target.model.get_input_embeddings()(ids.to(target.device))
    return torch.cat([words[:at], features.to(words), words[at + 1 :]])


def _answered(target: Qwen2Audio, prompts: Sequence[_Prompt], max_new_tokens: int) -> list[str]:
    """Greedy answers to one batch, padded on the left."""
    longest = max(len(prompt.embeddings) for prompt in prompts)
    width = prompts[0].embeddings.shape[1]
    embeddings = prompts[0].embeddings.new_zeros(len(prompts), longest, width)
    mask = torch.zeros(len(prompts), longest, dtype=torch.long, device=embeddings.device)
    for row, prompt in enumerate(prompts):
        embeddings[row, longest - len(prompt.embeddings) :] = prompt.embeddings
        mask[row, longest - len(prompt.embeddings) :] = 1
    ids = target.model.generate(
        inputs_embeds=embeddings, attention_mask=mask, do_sample=False, max_new_tokens=max_new_tokens
    )
    texts = target.processor.tokenizer.batch_decode(ids, skip_special_tokens=True)
    return [text.strip() for text in texts]


def _parts(prompts: Sequence[_Prompt], size: int) -> Iterator[Sequence[_Prompt]]:
    return (prompts[start : start + size] for start in range(0, len(prompts), size))
