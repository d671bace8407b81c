"""What a rater has heard of the clips of one concept: they must all be heard before a label is taken (A-45)."""

from __future__ import annotations

import math
from collections.abc import Sequence

SLACK_SECONDS = 0.15
"""The last of a clip that may be missing: the playhead is looked at only now and then."""


class HeardClips:
    """Counts plays and seconds, clip by clip.

    Parameters
    ----------
    clips : int
    needed : float
        Seconds of a clip that must be heard; all of it where it is shorter.
    plays, heard : sequence
        Counts and seconds so far, from an earlier sitting.

    Attributes
    ----------
    plays : list of int
    seconds : list of float
        Seconds played, the same ones again counted again.
    lengths : list of float
        NaN while a clip has not been read.
    unplayable : set of int
        Clips that cannot be read; nobody has to hear them.
    """

    def __init__(self, clips: int, needed: float, plays: Sequence[int] = (), heard: Sequence[float] = ()) -> None:
        self.needed = needed
        self.plays = list(plays) if len(plays) == clips else [0] * clips
        self.seconds = list(heard) if len(heard) == clips else [0.0] * clips
        self.lengths = [math.nan] * clips
        self.unplayable: set[int] = set()

    def began(self, clip: int) -> None:
        """A clip was started."""
        self.plays[clip] += 1

    def sounded(self, clip: int, seconds: float) -> None:
        """So much of it was played."""
        self.seconds[clip] += max(0.0, seconds)

    def wanted(self, clip: int) -> float:
        """Seconds of a clip that must be heard."""
        length = self.lengths[clip]
        return self.needed if math.isnan(length) else min(self.needed, length)

    def is_heard(self, clip: int) -> bool:
        """Whether enough of a clip was played."""
        wanted = self.wanted(clip)
        return self.plays[clip] > 0 and self.seconds[clip] >= wanted - min(SLACK_SECONDS, wanted / 2)

    @property
    def missing(self) -> list[int]:
        """Clips that must still be heard."""
        return [i for i in range(len(self.plays)) if i not in self.unplayable and not self.is_heard(i)]

    @property
    def complete(self) -> bool:
        """Whether a label may be given: every clip that can be played was heard, and there is one."""
        return not self.missing and len(self.unplayable) < len(self.plays)
