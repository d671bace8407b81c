"""Whisper: encoder frames at 50 a second (S-03, S-04), and decoder states at the words of the transcript."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.alignment import alignment_heads, cross_attention, token_seconds
from backend.targets.base import TARGETS, Encoded, Target, Wave
from backend.targets.families import FAMILIES
from backend.targets.hugging_face import HuggingFaceTarget, Seconds, grid
from backend.targets.layers import split_layer
from backend.targets.load import from_pretrained, pretrained
from backend.targets.mel import log_mel
from backend.targets.prefix import Prefix
from backend.targets.tap import Replace, spliced, tap
from backend.targets.whisper_prefix import WhisperPrefix


@dataclass(frozen=True)
class _Transcripts:
    """Greedy transcripts of a batch: `prompt` and `text` are token ids, `words` the decoded text."""

    prompt: list[list[int]]
    text: list[list[int]]
    words: list[str]


@TARGETS.register("whisper")
class Whisper(HuggingFaceTarget):
    """Residual stream after encoder and decoder blocks of a Whisper model.

    Encoder: the model always computes its whole window; the frames that start inside the clip are
    kept, ceil(n / 320) (S-04), or all of them (`model.frames = "all"`). Before the final LayerNorm (S-02).

    Decoder: the clip is transcribed greedily by the model's own `generate`; then prompt and text run
    through the decoder once more, all at once. Position t of a layer is the decoder *input* position of
    text token t (the state that has read this token and predicts the next one); prompt, timestamps and
    end are left out. A token's seconds are those at which it was *predicted*, from the cross-attention
    of the alignment heads, hence approximate. Text beyond the decoder's longest input is cut.
    """

    inside: ClassVar[dict[str, str]] = {"encoder": "encoder", "decoder": "decoder"}
    whole_windows: ClassVar[bool] = True

    def __init__(self, model: Any, identity: Any, section: ModelSection, processor: Any) -> None:
        super().__init__(model, identity, section, processor.feature_extractor)
        self.processor = processor
        config = model.config
        named = getattr(model.generation_config, "alignment_heads", None)
        self._heads = alignment_heads(named, config.decoder_layers, config.decoder_attention_heads)

    @property
    def _greedy(self) -> dict[str, Any]:
        """Greedy transcription; models of many languages detect theirs and must be told the task."""
        many = bool(getattr(self.model.generation_config, "is_multilingual", False))
        return {"do_sample": False, "num_beams": 1, **({"task": "transcribe"} if many else {})}

    def _suppression(self) -> dict[str, Any]:
        """The model's own suppressed tokens as one addition a step; the library's comparison took 4 of 10 seconds."""
        from transformers import LogitsProcessorList

        config = copy.deepcopy(self.model.generation_config)
        suppressed, config.suppress_tokens = config.suppress_tokens, None
        if not suppressed:
            return {}
        mask = torch.zeros(self.model.config.vocab_size, dtype=self.dtype, device=self.device)
        mask[torch.tensor(suppressed, device=self.device)] = -torch.inf
        processors = LogitsProcessorList([lambda ids, scores: scores + mask])
        return {"generation_config": config, "logits_processor": processors}

    def _limit(self, max_new_tokens: int, given: int = 0) -> dict[str, int]:
        """At most `max_new_tokens` after `given` ones; a request beyond the decoder's own length is left to it."""
        # four tokens say start, language, task and no timestamps
        fits = max_new_tokens + given + 4 <= int(self.model.config.max_target_positions)
        return {"max_new_tokens": max_new_tokens} if fits else {}

    @classmethod
    def load(cls, section: ModelSection, device: torch.device) -> Target:
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        model, identity = pretrained(WhisperForConditionalGeneration, section, device)
        return cls(model, identity, section, from_pretrained(WhisperProcessor, identity, section))

    @classmethod
    def stacks_of(cls, config: Mapping[str, Any]) -> dict[str, int]:
        return FAMILIES["whisper"].stacks(config)

    @classmethod
    def widths_of(cls, config: Mapping[str, Any]) -> dict[str, int]:
        return FAMILIES["whisper"].widths(config)

    @property
    def hop(self) -> int:
        """Samples between encoder frames: two mel frames."""
        return 2 * int(self.extractor.hop_length)

    def token_count(self, samples: int, layer: str) -> int | None:
        if split_layer(self.resolve(layer))[0] == "decoder":
            return None
        if samples and self.section.frames == "all":
            return int(self.model.config.max_source_positions)
        return self._valid_frames(samples)

    def _valid_frames(self, samples: int) -> int:
        return min(-(-samples // self.hop), int(self.model.config.max_source_positions))

    def encode(self, clips: Sequence[Wave], layers: Sequence[str]) -> list[Encoded]:
        waves = self.in_window(clips)
        layers = [self.resolve(layer) for layer in layers]
        results = [self.nothing(layers) for _ in waves]
        members = [i for i, wave in enumerate(waves) if len(wave) > 0]
        if not members:
            return results
        features = self._features([waves[i] for i in members])
        frames = [self._valid_frames(len(waves[i])) for i in members]
        for i, result in zip(members, self._encode(features, frames, layers), strict=True):
            results[i] = result
        return results

    def _features(self, waves: Sequence[Wave]) -> torch.Tensor:
        return log_mel(self.extractor, waves).to(self.device, self.dtype)

    @torch.no_grad()
    def _encode(self, features: torch.Tensor, frames: list[int], layers: Sequence[str]) -> list[Encoded]:
        encoder, decoder = self.blocks_of(layers, "encoder"), self.blocks_of(layers, "decoder")
        run_encoder = self.model.get_encoder()
        states: dict[str, torch.Tensor] = {}
        kept = frames if self.section.frames == "valid" else [self.model.config.max_source_positions] * len(frames)
        if not decoder:
            states = tap(encoder, lambda: run_encoder(features))
            times = [grid(count, self.hop / self.sample_rate) for count in kept]
            return [
                Encoded({layer: states[layer][row, :count] for layer in layers}, times[row])
                for row, count in enumerate(kept)
            ]
        outputs: list[Any] = []
        if encoder:
            states = tap(encoder, lambda: outputs.append(run_encoder(features)), stop=False)
        else:
            outputs.append(run_encoder(features))
        spoken = self._transcribe(outputs[0])
        read, seconds = self._read_text(outputs[0].last_hidden_state, spoken, frames, decoder)
        results = []
        for row, count in enumerate(kept):
            encoder_times = (grid(count, self.hop / self.sample_rate), False)
            x = {layer: states[layer][row, :count] if layer in encoder else read[row][layer] for layer in layers}
            first = encoder_times if layers[0] in encoder else (seconds[row], True)
            others = {
                layer: encoder_times if layer in encoder else (seconds[row], True)
                for layer in layers
                if (layer in encoder) != (layers[0] in encoder)
            }
            results.append(Encoded(x, *first, text=spoken.words[row], others=others))
        return results

    def transcripts(self, encoded: torch.Tensor, max_new_tokens: int) -> list[str]:
        """Greedy transcripts [n] where the encoder's output is `encoded` [n, frames, d]."""
        from transformers.modeling_outputs import BaseModelOutput

        return self._transcribe(BaseModelOutput(last_hidden_state=encoded), max_new_tokens).words

    @torch.no_grad()
    def _transcribe(self, encoded: Any, max_new_tokens: int | None = None) -> _Transcripts:
        """The model's own greedy decoding, and the prompt it used, read off its first decoder call."""
        calls: list[torch.Tensor] = []
        rows = len(encoded.last_hidden_state)

        def see(module: torch.nn.Module, args: Any, values: dict[str, Any]) -> None:
            ids = values.get("input_ids")
            if ids is not None and len(ids) == rows:
                calls.append(ids.detach().cpu())

        handle = self.model.get_decoder().register_forward_pre_hook(see, with_kwargs=True)
        # sounds that are no speech make Whisper repeat itself until it is stopped
        longest = self.section.transcript_tokens if max_new_tokens is None else max_new_tokens
        wanted = {**self._greedy, **self._limit(longest), **self._suppression()}
        try:
            sequences = self.model.generate(encoder_outputs=encoded, return_timestamps=False, **wanted)
        finally:
            handle.remove()
        # language detection asks with one token, decoding steps with one: the prompt is the first longest call
        prompt = max(calls, key=lambda ids: ids.shape[1]).tolist()
        end = int(self.model.generation_config.eos_token_id)
        limit = int(self.model.config.max_target_positions)
        # specials and timestamps follow the text in Whisper's vocabularies, beginning with the end token
        text = [[i for i in row if i < end][: limit - len(prompt[0])] for row in sequences.tolist()]
        words = self.processor.batch_decode(text, skip_special_tokens=True)
        return _Transcripts(prompt, text, [word.strip() for word in words])

    def _read_text(
        self, encoded: torch.Tensor, spoken: _Transcripts, frames: list[int], asked: Mapping[str, torch.nn.Module]
    ) -> tuple[list[dict[str, torch.Tensor]], list[Seconds]]:
        """States [n, d] at the text tokens of each clip, and their seconds."""
        tokens = [prompt + text for prompt, text in zip(spoken.prompt, spoken.text, strict=True)]
        longest = max(len(row) for row in tokens)
        pad = int(self.model.generation_config.pad_token_id or 0)
        # padding stands behind the text, where a causal decoder cannot see it
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in tokens], device=self.device)
        blocks: Any = self._blocks["decoder"][1]
        norms = {f"align.{i}": blocks[i].encoder_attn_layer_norm for i in sorted({layer for layer, _ in self._heads})}
        decoder = self.model.get_decoder()
        found = tap(
            {**asked, **norms},
            lambda: decoder(input_ids=ids, encoder_hidden_states=encoded, use_cache=False),
        )
        start = len(spoken.prompt[0])
        states, seconds = [], []
        for row, text in enumerate(spoken.text):
            states.append({layer: found[layer][row, start : start + len(text)] for layer in asked})
            seconds.append(self._align(found, encoded[row], row, start, len(text), frames[row]))
        return states, seconds

    def _align(
        self, found: Mapping[str, torch.Tensor], encoded: torch.Tensor, row: int, prompt: int, text: int, frames: int
    ) -> Seconds:
        if text == 0:
            return np.empty((0, 2))
        blocks: Any = self._blocks["decoder"][1]
        weights = {
            i: cross_attention(blocks[i].encoder_attn, found[f"align.{i}"][row, : prompt + text], encoded)
            for i in {layer for layer, _ in self._heads}
        }
        chosen = torch.stack([weights[layer][head] for layer, head in self._heads])[..., :frames]
        return token_seconds(chosen, prompt, self.hop / self.sample_rate, int(self.model.config.median_filter_width))

    def spliced(self, layer: str, samples: int, replace: Replace) -> AbstractContextManager[None]:
        layer = self.resolve(layer)
        if split_layer(layer)[0] == "decoder":
            raise ArdError(
                f"nothing can be put into layer {layer}: its positions are the transcript that would change",
                todo="Use a layer of the encoder.",
            )
        frames = self.token_count(min(samples, self.window_samples), layer)
        return spliced(self.module(layer)[1], replace, lambda hidden: slice(0, frames))

    def begin(self, clip: Wave, prompt: str, layer: str) -> Prefix:
        (wave,) = self.in_window([clip])
        layer = self.resolve(layer)
        if split_layer(layer)[0] == "decoder":
            raise ArdError(
                f"nothing can be steered in layer {layer}: its positions are the transcript that would change",
                todo="Use a layer of the encoder.",
            )
        if len(wave) == 0:
            raise ArdError("there is no audio to transcribe: the clip has no samples")
        said = torch.zeros(0, dtype=torch.int64, device=self.device)
        if prompt:
            said = self.processor.get_prompt_ids(prompt, return_tensors="pt").to(self.device)
        return WhisperPrefix(self, layer, self._features([wave]), self._valid_frames(len(wave)), said)

    @torch.no_grad()
    def answer_loss(self, clip: Wave, prompt: str, answer: str) -> float:
        if prompt:
            raise ArdError("a transcript answers no question", todo="Leave the question empty.")
        (wave,) = self.in_window([clip])
        said = self.processor.tokenizer(answer, add_special_tokens=False)["input_ids"]
        config = self.model.generation_config
        forced = [self.model.config.decoder_start_token_id, config.no_timestamps_token_id]
        if getattr(config, "is_multilingual", False):
            raise ArdError("the loss of a transcript is offered for models of one language only")
        ids = torch.tensor([[*forced, *said, config.eos_token_id]], device=self.device)
        logits = self.model(self._features([wave]), decoder_input_ids=ids[:, :-1], use_cache=False).logits[0]
        wanted = ids[0, len(forced) :]
        return float(torch.nn.functional.cross_entropy(logits[len(forced) - 1 :].float(), wanted))

    def generate(self, clip: Wave, prompt: str = "", max_new_tokens: int = 256) -> str:
        """Greedy transcript of the clip's first window; `prompt` is text that is taken to come before it."""
        (wave,) = self.in_window([clip])
        if len(wave) == 0:
            raise ArdError("there is no audio to transcribe: the clip has no samples")
        values: dict[str, Any] = {}
        if prompt:
            values["prompt_ids"] = self.processor.get_prompt_ids(prompt, return_tensors="pt").to(self.device)
        values |= self._limit(max_new_tokens, len(values.get("prompt_ids", [])))
        ids = self.model.generate(self._features([wave]), **self._greedy, **values)
        end = int(self.model.generation_config.eos_token_id)
        text = [i for i in ids[0].tolist() if i < end]
        return str(self.processor.decode(text, skip_special_tokens=True)).strip()
