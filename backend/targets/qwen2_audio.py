"""Qwen2-Audio and models of its class (SeaLLMs-Audio): decoder and audio-tower blocks (A-01, A-05 … A-08)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import numpy as np
import torch

from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.base import TARGETS, Encoded, Target, Wave
from backend.targets.families import FAMILIES
from backend.targets.hugging_face import HuggingFaceTarget, Seconds, grid
from backend.targets.layers import split_layer
from backend.targets.load import from_pretrained, pretrained
from backend.targets.mel import frame_mask, log_mel
from backend.targets.prefix import Prefix
from backend.targets.qwen2_prefix import DecoderPrefix, TowerPrefix
from backend.targets.tap import Replace, spliced, tap
from backend.targets.token_counts import audio_tokens


@TARGETS.register("qwen2_audio")
class Qwen2Audio(HuggingFaceTarget):
    """Residual stream of an audio language model.

    Decoder: positions chosen by `model.tokens` (A-06): the clip's own audio tokens, the text tokens of
    the prompt, or all. The prompt is the chat template with its default system prompt and no question,
    or the placeholder alone (`model.prefix`, A-07). Audio token i covers 40 ms, text has no time.
    Encoder: frames of the audio tower, 50 a second, kept as in Whisper (S-04), before its pooling and
    final LayerNorm.
    """

    inside: ClassVar[dict[str, str]] = {"decoder": "language_model", "encoder": "audio_tower"}
    whole_windows: ClassVar[bool] = True
    answers_prompts: ClassVar[bool] = True

    def __init__(self, model: Any, identity: Any, section: ModelSection, processor: Any) -> None:
        super().__init__(model, identity, section, processor.feature_extractor)
        self.processor = processor
        self.audio_id = int(getattr(model.config, "audio_token_id", None) or model.config.audio_token_index)
        self.prompt = processor.audio_token if section.prefix == "bare" else self.chat("")
        ids = processor.tokenizer(self.prompt, add_special_tokens=False)["input_ids"]
        if ids.count(self.audio_id) != 1:
            raise ArdError(
                "the model's chat template does not hold exactly one audio token for one clip",
                path=identity.source,
                todo="Get the tokenizer and chat template of this model again.",
            )
        at = ids.index(self.audio_id)
        self.before, self.after = ids[:at], ids[at + 1 :]
        # a sequence of one token is taken for a decoding step, and its audio left out; a token behind the
        # placeholder prevents that and, the decoder being causal, changes nothing before it
        self.tail = [] if self.after else [processor.tokenizer.convert_tokens_to_ids(processor.audio_eos_token)]
        if section.tokens == "prompt" and not self.before + self.after:
            raise ArdError(
                'model.prefix = "bare" leaves no prompt tokens to read',
                todo='Use model.prefix = "chat", or model.tokens = "audio".',
            )

    @classmethod
    def load(cls, section: ModelSection, device: torch.device) -> Target:
        from transformers import Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

        model, identity = pretrained(Qwen2AudioForConditionalGeneration, section, device)
        return cls(model, identity, section, from_pretrained(Qwen2AudioProcessor, identity, section))

    @classmethod
    def stacks_of(cls, config: Mapping[str, Any]) -> dict[str, int]:
        return FAMILIES["qwen2_audio"].stacks(config)

    @classmethod
    def widths_of(cls, config: Mapping[str, Any]) -> dict[str, int]:
        return FAMILIES["qwen2_audio"].widths(config)

    def chat(self, question: str) -> str:
        """The chat template around one clip and `question`, ready for the answer."""
        content = [{"type": "audio", "audio_url": ""}]
        content += [{"type": "text", "text": question}] if question else []
        messages = [{"role": "user", "content": content}]
        return str(self.processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))

    @property
    def hop(self) -> int:
        """Samples of one mel frame."""
        return int(self.extractor.hop_length)

    def token_count(self, samples: int, layer: str) -> int:
        samples = min(samples, self.window_samples)
        audio = audio_tokens(samples, self.hop)
        if audio == 0:
            return 0
        if split_layer(self.resolve(layer))[0] == "encoder":
            return self._frames(samples)
        text = len(self.before) + len(self.after)
        return {"audio": audio, "prompt": text, "all": audio + text}[self.section.tokens]

    def _frames(self, samples: int) -> int:
        longest = int(self.model.config.audio_config.max_source_positions)
        return longest if self.section.frames == "all" else min(longest, -(-samples // (2 * self.hop)))

    def encode(self, clips: Sequence[Wave], layers: Sequence[str]) -> list[Encoded]:
        waves = self.in_window(clips)
        layers = [self.resolve(layer) for layer in layers]
        results = [self.nothing(layers) for _ in waves]
        members = [i for i, wave in enumerate(waves) if audio_tokens(len(wave), self.hop) > 0]
        if not members:
            return results
        states = self._forward([waves[i] for i in members], layers)
        for row, i in enumerate(members):
            results[i] = self._pick(states, row, len(waves[i]), layers)
        return results

    def _forward(self, waves: Sequence[Wave], layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """One forward of the whole batch, stopped after the last asked layer."""
        rows = [
            [*self.before, *[self.audio_id] * audio_tokens(len(wave), self.hop), *self.after, *self.tail]
            for wave in waves
        ]
        # padding stands behind the prompt, where a causal decoder cannot see it
        longest = max(len(row) for row in rows)
        pad = self.processor.tokenizer.pad_token_id or 0
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        return tap(
            {layer: self.module(layer)[1] for layer in layers},
            lambda: self.model(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                input_features=log_mel(self.extractor, waves).to(self.device, self.dtype),
                feature_attention_mask=frame_mask(self.extractor, waves).to(self.device),
                use_cache=False,
            ),
        )

    def _pick(self, states: Mapping[str, torch.Tensor], row: int, samples: int, layers: Sequence[str]) -> Encoded:
        """The kept positions of one clip."""
        frames = self._frames(samples)
        positions, seconds = self._positions(audio_tokens(samples, self.hop))
        x: dict[str, torch.Tensor] = {}
        times: dict[str, Seconds] = {}
        for layer in layers:
            if split_layer(layer)[0] == "encoder":
                x[layer], times[layer] = states[layer][row, :frames], grid(frames, 2 * self.hop / self.sample_rate)
            else:
                x[layer], times[layer] = states[layer][row, positions], seconds
        stack = split_layer(layers[0])[0]
        others = {layer: (times[layer], False) for layer in layers if split_layer(layer)[0] != stack}
        return Encoded(x, times[layers[0]], others=others)

    def _positions(self, count: int) -> tuple[slice | list[int], Seconds]:
        """Kept positions of a row with `count` audio tokens, and the seconds of each."""
        start = len(self.before)
        audio = self.audio_seconds(count)
        if self.section.tokens == "audio":
            return slice(start, start + count), audio
        text = [*range(start), *range(start + count, start + count + len(self.after))]
        if self.section.tokens == "prompt":
            return text, np.full((len(text), 2), np.nan)
        seconds = np.full((len(text) + count, 2), np.nan)
        seconds[start : start + count] = audio
        return slice(0, len(seconds)), seconds

    def spliced(self, layer: str, samples: int, replace: Replace) -> AbstractContextManager[None]:
        layer = self.resolve(layer)
        block = self.module(layer)[1]
        count = audio_tokens(min(samples, self.window_samples), self.hop)
        if split_layer(layer)[0] == "encoder":
            frames = self._frames(min(samples, self.window_samples))
            return spliced(block, replace, lambda hidden: slice(0, frames))
        positions, _ = self._positions(count)
        # a decoding step runs on one position; the prompt is never that short
        return spliced(block, replace, lambda hidden: None if hidden.shape[1] == 1 else _chosen(positions))

    @torch.no_grad()
    def answer_loss(self, clip: Wave, prompt: str, answer: str) -> float:
        (wave,) = self.in_window([clip])
        tokenizer = self.processor.tokenizer
        said = [*tokenizer(answer, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        inputs = self._inputs(wave, [*self._asked(wave, prompt), *said])
        logits = self.model(**inputs, use_cache=False).logits[0, -len(said) - 1 : -1]
        return float(torch.nn.functional.cross_entropy(logits.float(), inputs["input_ids"][0, -len(said) :]))

    def begin(self, clip: Wave, prompt: str, layer: str) -> Prefix:
        (wave,) = self.in_window([clip])
        layer = self.resolve(layer)
        inputs = self._inputs(wave, self._asked(wave, prompt))
        if split_layer(layer)[0] == "encoder":
            return TowerPrefix(self, layer, inputs, self._frames(len(wave)))
        return DecoderPrefix(self, layer, inputs)

    def _inputs(self, wave: Wave, ids: list[int]) -> dict[str, torch.Tensor]:
        """What the model is called with for one clip and these tokens."""
        row = torch.tensor([ids], device=self.device)
        return {
            "input_ids": row,
            "attention_mask": torch.ones_like(row),
            "input_features": log_mel(self.extractor, [wave]).to(self.device, self.dtype),
            "feature_attention_mask": frame_mask(self.extractor, [wave]).to(self.device),
        }

    def audio_seconds(self, count: int) -> Seconds:
        """Start and end [count, 2] of the decoder's audio tokens."""
        return grid(count, 4 * self.hop / self.sample_rate)

    def generate(self, clip: Wave, prompt: str, max_new_tokens: int = 256) -> str:
        """Greedy answer to `prompt` about the clip's first window; ArdError if it is too short for one token."""
        return self.generate_batch([clip], [prompt], max_new_tokens)[0]

    @torch.no_grad()
    def generate_batch(self, clips: Sequence[Wave], prompts: Sequence[str], max_new_tokens: int = 256) -> list[str]:
        if not clips:
            return []
        waves = self.in_window(clips)
        rows = [self._asked(wave, prompt) for wave, prompt in zip(waves, prompts, strict=True)]
        longest = max(map(len, rows))
        # padded with a token that the prompt holds anyway: the usual padding ends an answer in some models, and not
        # every release of the library spares masked tokens from a repetition penalty
        ids = torch.tensor([[row[-1]] * (longest - len(row)) + row for row in rows], device=self.device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=self.device)
        handle = self.model.register_forward_pre_hook(_keep_mask, with_kwargs=True)
        try:
            answers = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                input_features=log_mel(self.extractor, waves).to(self.device, self.dtype),
                feature_attention_mask=frame_mask(self.extractor, waves).to(self.device),
                do_sample=False,
                max_new_tokens=max_new_tokens,
            )
        finally:
            handle.remove()
        # the merge of a single audio token leaves the prompt's length as it is, so this holds for every clip
        new = answers[:, longest:].tolist()
        return [self.processor.tokenizer.decode(self._ended(row), skip_special_tokens=True).strip() for row in new]

    def _asked(self, wave: Wave, prompt: str) -> list[int]:
        """Token ids of the chat about one clip, with a placeholder for each of its audio tokens."""
        count = audio_tokens(len(wave), self.hop)
        if count == 0:
            raise ArdError(f"the clip is too short for the model: {len(wave)} samples at {self.sample_rate} Hz")
        ids: list[int] = self.processor.tokenizer(self.chat(prompt), add_special_tokens=False)["input_ids"]
        at = ids.index(self.audio_id)
        return [*ids[:at], *[self.audio_id] * count, *ids[at + 1 :]]

    def _ended(self, ids: list[int]) -> list[int]:
        """An answer without what fills it up behind its end while others of the batch go on."""
        ends = self.model.generation_config.eos_token_id
        ends = set(ends) if isinstance(ends, (list, tuple)) else {ends}
        return ids[: next((i for i, token in enumerate(ids) if token in ends), len(ids))]

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "prompt": self.prompt, "tokens": self.section.tokens}


def _chosen(positions: slice | list[int]) -> slice | torch.Tensor:
    return positions if isinstance(positions, slice) else torch.tensor(positions)


def _keep_mask(module: torch.nn.Module, args: Any, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Give the prefill its attention mask back: `generate` drops one that is all ones, and the merge of a
    single audio token (clips of 321 … 960 samples) cannot do without."""
    if values.get("input_features") is not None and values.get("attention_mask") is None:
        values = {**values, "attention_mask": torch.ones_like(values["input_ids"])}
    return args, values
