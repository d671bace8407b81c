"""A sound through the study's model and one of its SAEs, by the code that ranked the study's clips (Rule 5)."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from backend.audio.load import clip_seconds
from backend.errors import ArdError
from backend.extract.decode import Decoded
from backend.extract.forward import ClipTokens, Forward, Rows
from backend.extract.shards import loader
from backend.retrieval.sound import SoundFeatures, sae_features, unit_features
from backend.serve.base import Request, Talk
from backend.serve.resident import Ranked, Resident
from backend.store.activations import from_store, to_store
from backend.store.clips import Clip


class SoundRequest(Request):
    """A request about one sound, which passes as a file."""

    path: str = Field(min_length=1, description="The file, absolute.")
    member: str = Field("", description="What inside it, for an archive or a parquet file.")
    start: float = Field(0.0, ge=0, description="Seconds in the file at which the sound begins.")
    end: float | None = Field(None, gt=0, description="Seconds at which it ends; null for the file's end.")
    sae: str = Field("", description="Id of the ranking; may be left out where the study has one SAE.")

    def clip(self) -> Clip:
        """The sound as if it were a clip of a study."""
        end = math.nan if self.end is None else self.end
        return Clip(record=self.path, path=self.path, member=self.member, start=self.start, end=end)

    def sound(self) -> tuple[Hashable, ...]:
        """What names the samples: file, part, time of change and size; ArdError if the file is not there."""
        try:
            status = Path(self.path).stat()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ArdError(
                f"the sound cannot be read: {reason}", path=self.path, todo="Choose another file."
            ) from error
        return self.path, self.member, self.start, self.end, status.st_mtime_ns, status.st_size


@dataclass(frozen=True)
class Encoding:
    """One sound, encoded.

    Attributes
    ----------
    ranked : Ranked
    duration : float
        Seconds of the sound.
    heard : list of (float, float)
        The parts the model was given, in seconds of the sound (A-03).
    seconds : float64 array [T, 2]
        Start and end of each token in seconds of the sound; NaN for a text position.
    approximate : bool
        Whether those come from cross-attention.
    text : str
        What the model transcribed on the way, or "".
    features : SoundFeatures
    """

    ranked: Ranked
    duration: float
    heard: list[tuple[float, float]]
    seconds: npt.NDArray[np.float64]
    approximate: bool
    text: str
    features: SoundFeatures


def encode(resident: Resident, asked: SoundRequest, talk: Talk) -> Encoding:
    """The sound under the ranking it asks for.

    Raises ArdError where the file is missing, not audio, damaged, empty, holds NaN or is too short for one token;
    where there is no such ranking; and as loading the model does. Stopped if it is no longer wanted.
    """
    ranked = resident.ranked(asked.sae)
    resident.check_weights(ranked)
    clip, settings = asked.clip(), resident.settings
    sound = asked.sound()

    def heard() -> tuple[ClipTokens, list[tuple[float, float]]]:
        target = resident.target(talk)
        talk.step("reading the sound")
        waves = tuple(loader(target, settings)(clip))
        talk.step("running the model")
        forward = Forward(target, batch_waves=settings.extract.batch_clips, job=talk.job)
        found = forward([Decoded(clip, waves)], [ranked.layer])[ranked.layer][0]
        return found, [(wave.start, wave.start + len(wave.samples) / target.sample_rate) for wave in waves]

    def encoded() -> Encoding:
        duration = clip_seconds(clip)
        tokens, parts = resident.kept(("tokens", *sound, ranked.layer), heard, lambda found: found[0].x.nbytes)
        if tokens.problem:
            raise ArdError(f"the sound gives {tokens.problem}", path=asked.path, todo="Take a longer one.")
        talk.check()
        x = as_kept(tokens, ranked.dtype)
        if ranked.raw:
            features = unit_features(x, ranked.settings, _device(resident))
        else:
            features = sae_features(resident.sae(ranked, talk), x, ranked.settings)
        return Encoding(ranked, duration, parts, tokens.seconds, tokens.approximate, tokens.text, features)

    key = ("encoding", *sound, ranked.id, ranked.path, ranked.weights)
    found = resident.kept(key, encoded, lambda found: found.features.nbytes)
    talk.check()
    return found


def as_kept(tokens: ClipTokens, dtype: str) -> torch.Tensor:
    """x [T, d] in float32, rounded to the precision in which the study keeps activations ("" for none)."""
    rows = Rows(tokens.x.shape[1])
    rows.add([tokens])
    x = rows.x()
    return torch.from_numpy(from_store(*to_store(x, dtype)) if dtype else x)


def _device(resident: Resident) -> torch.device:
    from backend.targets.load import choose_device

    return choose_device(resident.settings.model.device)
