"""Clips through the model: all asked layers from one forward, memory errors answered by smaller batches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch

from backend.audio.load import Wave
from backend.errors import ArdError
from backend.extract.decode import Decoded
from backend.jobs.job import Job
from backend.store.activations import Array, Extras
from backend.targets.base import Encoded, Target


@dataclass(frozen=True)
class ClipTokens:
    """One clip at one layer.

    Attributes
    ----------
    x : tensor [T, d]
        On the CPU, in the model's precision.
    seconds : array [T, 2]
        Start and end in seconds of the clip; windows of a long clip follow one another.
    sound : int
        `sound_hash` of its samples.
    """

    clip: int
    x: torch.Tensor
    seconds: npt.NDArray[np.float64]
    approximate: bool = False
    text: str = ""
    problem: str = ""
    sound: int = 0


class Forward:
    """Runs the model on batches of decoded clips.

    Parameters
    ----------
    batch_waves : int
        Most windows in one forward; halved for good when the device runs out of memory.
    """

    def __init__(self, target: Target, *, batch_waves: int, job: Job) -> None:
        self.target = target
        self.batch_waves = batch_waves
        self.job = job

    def __call__(self, batch: Sequence[Decoded], layers: Sequence[str]) -> dict[str, list[ClipTokens]]:
        """Tokens of every clip of the batch at every layer, in the batch's order.

        All layers come from one forward. A clip that gives no token carries the reason in `problem`. Raises ArdError
        naming the clip whose activations are not finite.
        """
        owner = [i for i, one in enumerate(batch) for _ in one.waves]
        waves = [wave for one in batch for wave in one.waves]
        encoded = [e for part in self._forwards(waves, list(layers)) for e in part]
        mine: list[list[int]] = [[] for _ in batch]
        for wave, clip in enumerate(owner):
            mine[clip].append(wave)
        found: dict[str, list[ClipTokens]] = {}
        for layer in layers:
            self._check_finite(layer, encoded, [batch[i] for i in owner])
            found[layer] = [self._join(layer, one, waves, encoded, mine[i]) for i, one in enumerate(batch)]
        return found

    def _forwards(self, waves: list[Wave], layers: list[str]) -> Iterator[list[Encoded]]:
        first = 0
        while first < len(waves):
            part = waves[first : first + self.batch_waves]
            try:
                encoded = self.target.encode([wave.samples for wave in part], layers)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(error, len(part))
                continue
            first += len(part)
            yield [_to_host(one) for one in encoded]

    def _halve(self, error: Exception, used: int) -> None:
        if used == 1:
            raise ArdError(
                "the device has too little memory for one clip",
                todo="Use a smaller model.dtype, a device with more memory, or the CPU.",
            ) from error
        self.batch_waves = used // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.job.message(
            f"the device ran out of memory with {used} clips at once; going on with {self.batch_waves} "
            "(set extract.batch_clips lower to avoid this)",
            level="warning",
        )

    def _check_finite(self, layer: str, encoded: list[Encoded], owner: list[Decoded]) -> None:
        for one, clip in zip(encoded, owner, strict=True):
            if not bool(torch.isfinite(one.x[layer]).all()):
                raise ArdError(
                    f"the model gives NaN or infinite activations at layer {layer} for the clip '{clip.clip.record}'",
                    path=clip.clip.path,
                    todo='Use model.dtype = "float32" or "bfloat16"; if it stays, list the clip in clips.exclude.',
                )

    def _join(self, layer: str, one: Decoded, waves: list[Wave], encoded: list[Encoded], mine: list[int]) -> ClipTokens:
        """The windows of one clip one after another."""
        parts = [encoded[wave].x[layer] for wave in mine]
        times = [encoded[wave].times(layer)[0] + waves[wave].start for wave in mine]
        approximate = any(encoded[wave].times(layer)[1] for wave in mine)
        x = torch.cat(parts) if parts else torch.empty(0, self.target.width(layer))
        seconds = np.concatenate(times) if times else np.empty((0, 2))
        problem = one.problem
        if not problem and len(x) == 0:
            samples = sum(len(waves[wave].samples) for wave in mine)
            problem = f"no token: {samples} samples at {self.target.sample_rate} Hz give the model nothing to encode"
        return ClipTokens(
            clip=one.clip.index,
            x=x,
            seconds=seconds,
            approximate=approximate,
            # the transcript belongs to the layers whose positions it is made of, whatever is asked beside them
            text=" ".join(encoded[wave].text.strip() for wave in mine).strip() if approximate else "",
            problem=problem,
            sound=sound_hash(waves[wave].samples for wave in mine),
        )


def sound_hash(parts: Iterable[npt.NDArray[np.float32]]) -> int:
    """64-bit hash of samples; equal for files of other bytes that decode to the same audio (A-23)."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(np.ascontiguousarray(part).data)
    return int.from_bytes(digest.digest(), "little")


def by_stack(layers: Sequence[str]) -> list[list[str]]:
    """The layers ("encoder.3") grouped by the stack they belong to."""
    stacks: dict[str, list[str]] = {}
    for layer in layers:
        stacks.setdefault(layer.rpartition(".")[0], []).append(layer)
    return list(stacks.values())


def _to_host(one: Encoded) -> Encoded:
    """A compact copy: a view would keep the whole padded batch alive."""
    return replace(one, x={name: x.detach().to("cpu", copy=True) for name, x in one.x.items()})


def is_out_of_memory(error: BaseException) -> bool:
    """Whether PyTorch failed to get memory, on an accelerator or on the CPU."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "can't allocate memory" in text


@dataclass
class Rows:
    """Grows the rows of one layer of one shard, clip by clip."""

    d: int
    parts: list[torch.Tensor] = field(default_factory=list)
    clip: list[int] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    seconds: list[npt.NDArray[np.float64]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)
    approximate: bool = False
    sound: list[int] = field(default_factory=list)

    def add(self, clips: Iterable[ClipTokens]) -> None:
        for one in clips:
            if one.problem:
                self.skipped.append((one.clip, one.problem))
                continue
            self.parts.append(one.x)
            self.clip.append(one.clip)
            self.length.append(len(one.x))
            self.seconds.append(one.seconds)
            self.text.append(one.text)
            self.sound.append(one.sound)
            self.approximate = self.approximate or one.approximate

    def x(self) -> Array:
        """All rows [tokens, d], float32; the parts are let go on the way, so that they are held once."""
        out = np.empty((sum(self.length), self.d), np.float32)
        first = 0
        self.parts.reverse()
        while self.parts:
            part = self.parts.pop()
            out[first : first + len(part)] = part.float().numpy()
            first += len(part)
        return out

    def extras(self) -> Extras:
        step = grid_step(self.seconds)
        irregular = self.approximate or not all(on_grid(one, step) for one in self.seconds)
        times = np.concatenate([np.empty((0, 2)), *self.seconds])
        return Extras(
            seconds=times if irregular and len(times) else None,
            approximate=self.approximate,
            text=tuple(self.text),
            skipped=tuple(self.skipped),
            seconds_per_token=step,
            sound=np.array(self.sound, dtype=np.uint64),
        )


def grid_step(seconds: Sequence[npt.NDArray[np.float64]]) -> float:
    """Step Δ between the starts of consecutive tokens of every clip, or 0 if it is not one number.

    Taken from the longest clip; a single token's step is its length.
    """
    longest = max(seconds, key=len, default=np.empty((0, 2)))
    if len(longest) == 0:
        return 0.0
    step = float(longest[-1, 0] - longest[0, 0]) / (len(longest) - 1) if len(longest) > 1 else float(np.ptp(longest))
    same = step > 0 and all(on_grid(one - one[:1, :1], step) for one in seconds)
    return round(step, 9) if same else 0.0


def on_grid(seconds: npt.NDArray[np.float64], step: float) -> bool:
    """Whether token t starts at t·step. The end is not asked: the last one may be cut, HuBERT's frames overlap."""
    return step > 0 and np.allclose(seconds[:, 0], np.arange(len(seconds)) * step, rtol=0, atol=1e-5)
