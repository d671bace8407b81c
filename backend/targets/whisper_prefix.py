"""Prefixes of Whisper's encoder: the layers above, then the decoder, run again for changed frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.targets.hugging_face import grid
from backend.targets.prefix import Continuation, Prefix, StepChange, end_tokens, first_token, score_processors
from backend.targets.tap import block_output, tap

if TYPE_CHECKING:
    from backend.targets.whisper import Whisper

NO_SPEECH = ("<|nospeech|>", "<|nocaptions|>")
"""Names of the no-speech token, which differ between vocabularies."""


def no_speech_token(tokenizer: Any) -> int:
    """Id of the no-speech token (S-43); ArdError if the vocabulary has none."""
    known = tokenizer.get_vocab()
    for name in NO_SPEECH:
        if name in known:
            return int(known[name])
    raise ArdError("the model's vocabulary has no token for 'no speech'", todo="Use one of OpenAI's Whisper models.")


class WhisperPrefix(Prefix):
    """All frames of the window after an encoder layer; the decoder's prompt is what `Whisper.generate` begins with.

    `audio` are the frames that start inside the clip, `every` those of the whole window, with the silence behind it.
    Decoding steps do not pass through the encoder, so nothing can be changed there.

    Parameters
    ----------
    features : tensor [1, mel, frames]
    frames : int
        That start inside the clip.
    said : int64 tensor [n]
        Text taken to come before the clip, as tokens with their marker; empty for none.
    """

    def __init__(self, target: Whisper, layer: str, features: Tensor, frames: int, said: Tensor) -> None:
        self.target, self.layer = target, layer
        self.model: Any = target.model
        self.encoder: Any = self.model.get_encoder()
        _, self.blocks = target._blocks["encoder"]
        self.index = int(layer.rpartition(".")[2])
        self.x = tap({layer: target.module(layer)[1]}, lambda: self.encoder(features))[layer][0]
        self.audio = torch.arange(frames, device=self.x.device)
        self.read = self.audio if target.section.frames == "valid" else self.every
        self.seconds = grid(frames, target.hop / target.sample_rate)
        self.said = said
        self.no_speech_token = no_speech_token(target.processor.tokenizer)
        self.ends = end_tokens(self.model)
        # the language is told from the frames, so the whole prompt is only known once rows are continued
        self.prompt_ids = torch.cat([said, torch.tensor(self._start(), device=said.device)])
        self._processors = score_processors(self.model, len(self.prompt_ids))

    def _start(self, language: int | None = None) -> list[int]:
        """Start of transcript, language and task where the model knows several, and no timestamps."""
        config = self.model.generation_config
        start = [int(config.decoder_start_token_id)]
        if getattr(config, "is_multilingual", False):
            first = min(config.lang_to_id.values()) if language is None else language
            start += [first, int(config.task_to_id["transcribe"])]
        return [*start, int(config.no_timestamps_token_id)]

    @torch.no_grad()
    def continue_from(self, x: Tensor, at_step: StepChange | None = None) -> Continuation:
        hidden = x.to(self.x.dtype)
        for block in self.blocks[self.index + 1 :]:
            hidden = block_output(block(hidden, None))
        return WhisperContinuation(self, self.encoder.layer_norm(hidden))

    def prompts(self, encoded: Tensor) -> Tensor:
        """The decoder's prompt of each row [B, p]; the language is the model's own guess from the row's frames."""
        rows = len(encoded)
        if getattr(self.model.generation_config, "is_multilingual", False):
            from transformers.modeling_outputs import BaseModelOutput

            found = self.model.detect_language(encoder_outputs=BaseModelOutput(last_hidden_state=encoded)).tolist()
            starts = [self._start(language) for language in found]
        else:
            starts = [self._start()] * rows
        return torch.cat([self.said.expand(rows, -1), torch.tensor(starts, device=encoded.device)], dim=1)

    @property
    def longest(self) -> int:
        return int(self.model.config.max_target_positions) - len(self.prompt_ids)

    def processed(self, answers: Tensor, logits: Tensor) -> Tensor:
        ids = torch.cat([self.prompt_ids.expand(len(answers), -1), answers], dim=1)
        for process in self._processors:
            logits = process(ids, logits)
        return logits

    def text(self, tokens: list[int]) -> str:
        end = min(self.ends)
        # specials and timestamps follow the text in Whisper's vocabularies, beginning with the end token
        return str(self.target.processor.decode([i for i in tokens if i < end])).strip()

    def token_text(self, token: int) -> str:
        return str(self.target.processor.tokenizer.decode([token], decode_with_timestamps=False))

    def word_token(self, word: str) -> int:
        # a transcript begins with a blank
        said = f" {word.strip()}" if word.strip() else ""
        return first_token(self.target.processor.tokenizer(said, add_special_tokens=False)["input_ids"], word)


class WhisperContinuation(Continuation):
    """Transcripts of encoded frames.

    Attributes
    ----------
    no_speech : float32 tensor [B]
        Softmax probability of the no-speech token after the start of the transcript (S-43).
    """

    def __init__(self, prefix: WhisperPrefix, encoded: Tensor) -> None:
        from transformers import DynamicCache, EncoderDecoderCache

        self.prefix, self.encoded = prefix, encoded
        config = prefix.model.config
        self.cache: Any = EncoderDecoderCache(DynamicCache(config=config), DynamicCache(config=config))
        logits = self._run(prefix.prompts(encoded))
        start = len(prefix.said)
        self.no_speech = torch.softmax(logits[:, start], dim=-1)[:, prefix.no_speech_token]
        prefix.no_speech = self.no_speech
        self.logits = logits[:, -1]

    @torch.no_grad()
    def _run(self, tokens: Tensor) -> Tensor:
        from transformers.modeling_outputs import BaseModelOutput

        found: Tensor = self.prefix.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=self.encoded), decoder_input_ids=tokens,
            past_key_values=self.cache, use_cache=True,
        ).logits.float()  # fmt: skip
        return found

    def extend(self, tokens: Tensor) -> None:
        self.logits = self._run(tokens[:, None])[:, -1]

    def keep(self, rows: Tensor) -> None:
        self.logits, self.encoded = self.logits[rows], self.encoded[rows]
        for part in (self.cache.self_attention_cache, self.cache.cross_attention_cache):
            for layer in part.layers:
                layer.keys, layer.values = layer.keys[rows], layer.values[rows]

    def teacher_forced(self, tokens: Tensor) -> Tensor:
        first = self.logits[:, None]
        if len(tokens) < 2:
            return first
        length = self.cache.self_attention_cache.get_seq_length()
        rest = self._run(tokens[:-1].expand(len(first), -1))
        self.cache.self_attention_cache.crop(length - self.cache.self_attention_cache.get_seq_length())
        return torch.cat([first, rest], dim=1)
