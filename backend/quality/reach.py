"""Up to which layer the audio positions decide the answer: exchange them between two clips and see whom it follows.

A decoder reads the audio into the positions of the question within some layers; above them, what stands at the audio
positions no longer matters, and nothing that is done to an SAE's features there can steer the answer (A-49).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.targets.base import Target, Wave
from backend.targets.tap import Replace


@dataclass(frozen=True)
class Reach:
    """One layer's result.

    Attributes
    ----------
    pairs : int
        Ordered pairs of clips whose own answers differ.
    follows : float
        Share of pairs in which a clip with the other's audio positions is answered as the other.
    keeps : float
        Share in which it is answered as before.
    """

    layer: str
    pairs: int
    follows: float
    keeps: float


def reach(
    target: Target,
    layers: Sequence[str],
    pairs: Sequence[tuple[Wave, Wave]],
    question: str,
    *,
    max_new_tokens: int,
    job: Job,
) -> list[Reach]:
    """Exchange the residual stream at the audio positions of both clips of each pair, layer by layer.

    Parameters
    ----------
    pairs : sequence of (Wave, Wave)
        Mono float32, both of one length, so that positions correspond.

    Raises ArdError if the lengths differ or no pair is answered differently; Stopped between pairs.
    """
    counts = {layer: [0, 0] for layer in layers}
    used = 0
    job.begin_progress("pairs")
    for number, pair in enumerate(pairs, 1):
        job.check_stop()
        if len(pair[0]) != len(pair[1]):
            raise ArdError("clips whose audio positions are exchanged must be of one length")
        own = [target.generate(wave, question, max_new_tokens) for wave in pair]
        if own[0] != own[1]:
            used += 2
            for layer in layers:
                x = [one.x[layer] for one in target.encode(list(pair), [layer])]
                for i, wave in enumerate(pair):
                    with target.spliced(layer, len(wave), instead(x[1 - i])):
                        said = target.generate(wave, question, max_new_tokens)
                    counts[layer][0] += said == own[1 - i]
                    counts[layer][1] += said == own[i]
        job.progress(number, len(pairs))
    if not used:
        raise ArdError("no two clips are answered differently", todo="Use other clips or another question.")
    return [Reach(layer, used, follows / used, keeps / used) for layer, (follows, keeps) in counts.items()]


def instead(x: Tensor) -> Replace:
    """Puts `x` [positions, d] where the stream is."""
    return lambda old: x.to(old)


def deepest(found: Sequence[Reach], least: float) -> str:
    """The last layer, in the given order, up to which at least the share `least` of answers follows.

    Raises ArdError if not even the first layer does.
    """
    chosen = ""
    for one in found:
        if one.follows < least:
            break
        chosen = one.layer
    if not chosen:
        raise ArdError(f"the audio positions decide fewer than {least:.0%} of the answers at every layer")
    return chosen
