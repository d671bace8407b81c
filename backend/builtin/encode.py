"""Run every example through the frozen audio tower once, so that training only computes what it changes."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.builtin.encoded import EncodedExamples, Rows
from backend.builtin.examples import Example
from backend.jobs.job import Job
from backend.streams.prefetch import Prefetched
from backend.study.fingerprint import fingerprint
from backend.targets.base import Wave
from backend.targets.token_counts import audio_tokens

Realise = Callable[[Example], Wave]
"""Makes the waveform of an example: mono float32 at 16 kHz."""

SHARD_EXAMPLES = 256
WINDOW_STEP = 50
"""Encoder frames (1 s) in which shorter windows are offered."""

EDGE = 2
"""Mel frames behind the audio that its last encoder frame sees through the two convolutions."""


class TowerEncoder:
    """What the projector of the built-in model gets for a waveform: the tower's output after pooling and norm.

    The model class computes the whole window however short the audio is, and masks what lies behind it. Rows of the
    audio itself are the same in a shorter window that still holds a little silence behind it, so a batch is computed
    in the shortest window that fits its longest clip.

    Parameters
    ----------
    tower : Qwen2AudioEncoder
        As `backend.builtin.architecture.build_tower` makes it.
    extractor : WhisperFeatureExtractor
        With the tower's window.
    """

    def __init__(self, tower: Any, extractor: Any) -> None:
        self.tower, self.extractor = tower, extractor
        self.frames = int(tower.config.max_source_positions)
        self._windows: dict[int, Any] = {self.frames: tower}

    @property
    def fingerprint(self) -> str:
        """Changes with the tower's weights and the feature extractor's settings."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.tower.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        return fingerprint([digest.hexdigest(), self.extractor.to_dict()])

    @torch.no_grad()
    def encode(self, waves: Sequence[Wave]) -> list[Rows]:
        """Rows [T, d] in float16 of each waveform, T as in A-05; of one longer than the window the first part."""
        waves = [wave[: self.extractor.n_samples] for wave in waves]
        hop = int(self.extractor.hop_length)
        mel_frames = [-(-len(wave) // hop) for wave in waves]
        mel = self.extractor(waves, sampling_rate=self.extractor.sampling_rate, return_tensors="pt").input_features
        window = self._window(max(mel_frames))
        tower = self._tower(window)
        valid = torch.tensor([(count - 1) // 2 + 1 for count in mel_frames])
        output = tower(
            mel[..., : 2 * window].to(tower.device), attention_mask=_mask(valid, window).to(tower.device)
        ).last_hidden_state
        rows = output.half().cpu().numpy()
        return [rows[i, : audio_tokens(len(wave), hop)] for i, wave in enumerate(waves)]

    def _window(self, mel_frames: int) -> int:
        """Encoder frames of the shortest window for audio of so many mel frames."""
        needed = -(-(mel_frames + EDGE) // 2)
        return min(self.frames, -(-needed // WINDOW_STEP) * WINDOW_STEP)

    def _tower(self, window: int) -> Any:
        """The tower with a window of so many frames; all windows share the weights."""
        if window not in self._windows:
            config = copy.deepcopy(self.tower.config)
            config.max_source_positions = window
            with torch.device("meta"):
                short = type(self.tower)(config)
            state: dict[str, Tensor] = self.tower.state_dict()
            state["embed_positions.weight"] = state["embed_positions.weight"][:window]
            short.load_state_dict(state, assign=True)
            self._windows[window] = short.requires_grad_(False).eval()
        return self._windows[window]


def encode_examples(
    encoder: TowerEncoder,
    examples: Sequence[Example],
    realise: Realise,
    *,
    sounds: Mapping[str, str],
    folder: Path,
    job: Job,
    batch: int = 16,
) -> tuple[EncodedExamples, list[str]]:
    """Encode what is not encoded yet, shard by shard; stopping loses at most the shard in work.

    Parameters
    ----------
    sounds : mapping
        `Recording.sound` by `Recording.id`. An example is encoded anew when the sound of a part, its place in the mix
        or the tower changes, and not when only its facts do.
    folder : Path
        Where the shards are; those that no example needs are removed.

    Returns
    -------
    (EncodedExamples, list of str)
        The shards, and the key of each example, in order.

    Raises
    ------
    ArdError
        What `realise` raises. Stopped if the user asked for it.
    """
    tower = encoder.fingerprint
    keys = [example_key(example, sounds, tower) for example in examples]
    encoded = EncodedExamples(folder)
    encoded.keep_only(set(keys))
    missing = sorted(
        {key: i for i, key in enumerate(keys) if key not in encoded}.values(), key=lambda i: examples[i].seconds
    )
    batches = [missing[start : start + batch] for start in range(0, len(missing), batch)]

    def waves_of(number: int) -> list[Wave]:
        return [realise(examples[i]) for i in batches[number]] if number < len(batches) else []

    done = len(keys) - len(missing)
    job.begin_progress("examples", already_done=done)
    ahead = Prefetched(waves_of)
    try:
        shard: dict[str, Rows] = {}
        for number, (members, waves) in enumerate(zip(batches, ahead, strict=False), 1):
            shard |= zip((keys[i] for i in members), encoder.encode(waves), strict=True)
            if len(shard) >= SHARD_EXAMPLES or number == len(batches):
                encoded.add(list(shard), list(shard.values()))
                shard = {}
                job.check_stop()
            done += len(members)
            job.progress(done, len(keys))
    finally:
        ahead.close()
    return encoded, keys


def example_key(example: Example, sounds: Mapping[str, str], tower: str) -> str:
    """Changes with all that decides the example's rows: its sound and the tower, but not what is said about it."""
    mix = {name: value for name, value in asdict(example).items() if name not in ("facts", "split")}
    return fingerprint([mix, [sounds[part.recording] for part in example.parts], tower])


def _mask(valid: Tensor, frames: int) -> Tensor:
    """Additive attention mask [batch, 1, frames, frames] that hides frames behind the audio, as the model's own."""
    hidden = torch.arange(frames)[None, :] >= valid[:, None]
    mask = torch.zeros(len(valid), 1, 1, frames).masked_fill(hidden[:, None, None], torch.finfo(torch.float32).min)
    return mask.expand(-1, 1, frames, -1)
