"""Prefixes of a Qwen2-Audio-class model: the decoder's, with the keys and values of the lower layers kept, and the
audio tower's, whose upper part runs through the whole model again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from backend.targets.last_position import knows, of_last_position
from backend.targets.prefix import Continuation, Prefix, StepChange, end_tokens, first_token, score_processors
from backend.targets.tap import block_output, mapped, tap

if TYPE_CHECKING:
    from backend.targets.qwen2_audio import Qwen2Audio


class _ChatPrefix(Prefix):
    """What both stacks share: the chat around the clip, and how its answer is read."""

    def __init__(self, target: Qwen2Audio, layer: str, inputs: dict[str, Tensor]) -> None:
        self.target, self.layer, self.inputs = target, layer, inputs
        self.model: Any = target.model
        self.block = target.module(layer)[1]
        self.prompt_ids = inputs["input_ids"][0]
        self.ends = end_tokens(target.model)
        self._processors = score_processors(target.model, len(self.prompt_ids))

    def processed(self, answers: Tensor, logits: Tensor) -> Tensor:
        ids = torch.cat([self.prompt_ids.expand(len(answers), -1), answers], dim=1)
        for process in self._processors:
            logits = process(ids, logits)
        return logits

    def text(self, tokens: list[int]) -> str:
        kept = tokens[: next((i for i, token in enumerate(tokens) if token in self.ends), len(tokens))]
        return str(self.target.processor.tokenizer.decode(kept, skip_special_tokens=True)).strip()

    def token_text(self, token: int) -> str:
        return str(self.target.processor.tokenizer.decode([token]))

    def word_token(self, word: str) -> int:
        return first_token(self.target.processor.tokenizer(word, add_special_tokens=False)["input_ids"], word)


class DecoderPrefix(_ChatPrefix):
    """Keys and values of the layers up to and with `layer`, and x there."""

    def __init__(self, target: Qwen2Audio, layer: str, inputs: dict[str, Tensor]) -> None:
        super().__init__(target, layer, inputs)
        path, blocks = target._blocks["decoder"]
        self.decoder: Any = target.model.get_submodule(path.rpartition(".")[0])
        self.blocks: Any = blocks
        self.index = int(layer.rpartition(".")[2])
        self.cache = whole_cache()
        found = tap(
            {layer: self.block},
            lambda: self.model(**inputs, past_key_values=self.cache, use_cache=True),
        )
        self.x = found[layer][0]
        placeholders = (self.prompt_ids == target.audio_id).nonzero()[:, 0]
        self.audio = placeholders
        chosen = {"audio": self.audio, "all": self.every}
        text = torch.ones(len(self.x), dtype=torch.bool, device=self.x.device)
        text[self.audio] = False
        self.read = chosen.get(target.section.tokens, text.nonzero()[:, 0])
        self.seconds = target.audio_seconds(len(self.audio))
        self._positions = self.every[None]
        self._embeddings = self.decoder.rotary_emb(self.x[None], self._positions)
        self._masks = self._attention_masks()

    def _attention_masks(self) -> list[Tensor | None]:
        """Of each layer the mask of a prefill without padding; the same for any number of rows."""
        from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

        config = self.decoder.config
        # a part-filled cache must not be passed: its length, read off the first layer, would be counted twice
        values = {
            "config": config, "inputs_embeds": self.x[None], "attention_mask": None, "past_key_values": None,
            "position_ids": self._positions,
        }  # fmt: skip
        masks = {"full_attention": create_causal_mask(**values)}
        if "sliding_attention" in config.layer_types:
            masks["sliding_attention"] = create_sliding_window_causal_mask(**values)
        return [masks[kind] for kind in config.layer_types]

    @property
    def nbytes(self) -> int:
        kept = self.cache.layers[: self.index + 1]
        return self.x.nbytes + sum(int(layer.keys.nbytes + layer.values.nbytes) for layer in kept)

    @torch.no_grad()
    def continue_from(self, x: Tensor, at_step: StepChange | None = None) -> Continuation:
        hidden, cache = x.to(self.x.dtype), self.expanded(len(x))
        above = range(self.index + 1, len(self.blocks))
        alone = len(above) > 0 and len(self.x) > 1 and knows(self.blocks[above[-1]])
        for number in above[:-1] if alone else above:
            given = self.blocks[number](
                hidden, attention_mask=self._masks[number], position_embeddings=self._embeddings,
                position_ids=self._positions, past_key_values=cache, use_cache=True,
            )  # fmt: skip
            hidden = block_output(given)
        if alone:
            hidden = of_last_position(self.blocks[above[-1]], hidden, self._positions, self._embeddings, cache)
        return _DecoderContinuation(self, cache, hidden[:, -1:], at_step)

    def expanded(self, rows: int) -> Any:
        """A cache of the lower layers for `rows` answers; what is kept stays as it is."""
        cache = whole_cache()
        for number in range(self.index + 1):
            kept = self.cache.layers[number]
            cache.update(kept.keys.expand(rows, -1, -1, -1), kept.values.expand(rows, -1, -1, -1), number)
        return cache

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits [..., V] float32 of the decoder's last hidden states."""
        head = self.model.get_output_embeddings()
        found: Tensor = head(self.decoder.norm(hidden)).float()
        return found


class _DecoderContinuation(Continuation):
    def __init__(self, prefix: DecoderPrefix, cache: Any, last: Tensor, at_step: StepChange | None) -> None:
        self.prefix, self.cache, self.at_step = prefix, cache, at_step
        self.logits = prefix.logits(last)[:, -1]

    def extend(self, tokens: Tensor) -> None:
        self.logits = self._run(tokens[:, None])[:, -1]

    @torch.no_grad()
    def _run(self, tokens: Tensor) -> Tensor:
        with changed(self.prefix.block, self.at_step):
            # the decoder normalises its own output
            hidden = self.prefix.decoder(input_ids=tokens, past_key_values=self.cache, use_cache=True).last_hidden_state
        found: Tensor = self.prefix.model.get_output_embeddings()(hidden).float()
        return found

    def keep(self, rows: Tensor) -> None:
        self.logits = self.logits[rows]
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]

    def teacher_forced(self, tokens: Tensor) -> Tensor:
        first = self.logits[:, None]
        if len(tokens) < 2:
            return first
        length = self.cache.get_seq_length()
        rest = self._run(tokens[:-1].expand(len(first), -1))
        # a positive number would be the length to keep, which newer releases refuse
        self.cache.crop(length - self.cache.get_seq_length())
        return torch.cat([first, rest], dim=1)


class TowerPrefix(_ChatPrefix):
    """x of the audio tower; what is above runs through tower and decoder from the start, once per batch of rows."""

    def __init__(self, target: Qwen2Audio, layer: str, inputs: dict[str, Tensor], frames: int) -> None:
        super().__init__(target, layer, inputs)
        self.x = tap({layer: self.block}, lambda: self.model(**inputs, use_cache=False))[layer][0]
        self.audio = self.read = torch.arange(frames, device=self.x.device)
        step = 2 * target.hop / target.sample_rate
        edges = np.arange(frames + 1) * step
        self.seconds = np.stack([edges[:-1], edges[1:]], axis=1)

    @torch.no_grad()
    def continue_from(self, x: Tensor, at_step: StepChange | None = None) -> Continuation:
        rows = len(x)
        cache = whole_cache()
        inputs = {name: value.expand(rows, *value.shape[1:]) for name, value in self.inputs.items()}
        with mapped(self.block, lambda hidden: x):
            logits = self.model(**inputs, past_key_values=cache, use_cache=True).logits[:, -1]
        return _WholeContinuation(self, cache, logits.float())


class _WholeContinuation(Continuation):
    """Decoding where the steered stack does not run again."""

    def __init__(self, prefix: TowerPrefix, cache: Any, logits: Tensor) -> None:
        self.prefix, self.cache, self.logits = prefix, cache, logits

    def extend(self, tokens: Tensor) -> None:
        self.logits = self._run(tokens[:, None])[:, -1]

    @torch.no_grad()
    def _run(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.prefix.model(input_ids=tokens, past_key_values=self.cache, use_cache=True).logits.float()
        return found

    keep = _DecoderContinuation.keep
    teacher_forced = _DecoderContinuation.teacher_forced


def whole_cache() -> Any:
    """An empty cache that keeps every position.

    Made without the model's configuration, because layers with a sliding window would forget what is behind it, and
    could then neither be cut back nor be continued for other rows; their masks leave it out all the same.
    """
    from transformers import DynamicCache

    return DynamicCache()


@contextmanager
def changed(block: torch.nn.Module, change: StepChange | None) -> Iterator[None]:
    """While it lasts, `change` maps what `block` gives, position by position [B, d]."""
    if change is None:
        yield
        return
    with mapped(block, lambda hidden: torch.stack([change(row) for row in hidden.unbind(1)], dim=1)):
        yield
