"""Before a published SAE is believed it must reconstruct real activations (P-13, S-08, S-09).

Files do not say, or say wrongly, whether b_dec is subtracted before encoding and whether the SAE expects
scaled input. So the fraction of variance unexplained is measured under every convention; the file's own
one is kept unless another is clearly better, and an SAE that explains nothing under any is refused.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.base import Sae
from backend.sae.formats.published import BiasMode, Published
from backend.sae.metrics import evaluate

InputScaling = Literal["none", "mean_sq_norm", "mean_norm", "per_vector"]
SCALINGS: tuple[InputScaling, ...] = ("none", "mean_sq_norm", "mean_norm", "per_vector")
BIAS_MODES: tuple[BiasMode, ...] = ("pre", "post", "none")
CLEARLY_BETTER = 0.9
"""Another convention replaces the declared one if its FVU is below this share of the declared FVU."""

CHUNK = 4096


@dataclass(frozen=True)
class Convention:
    """One reading of the same weights and what it gave.

    Attributes
    ----------
    bias_mode : "pre", "post" or "none"
        A-11.
    input_scaling : str
        none; mean_sq_norm: x / √E‖x‖² (S-08, P-12); mean_norm: x·√d / E‖x‖ (SAELens'
        expected_average_only_in); per_vector: x / ‖x‖. x̂ is scaled back.
    fvu : float
        As in `Quality`; infinite where x̂ is not finite.
    l0 : float
        Mean number of active features per token.
    """

    bias_mode: BiasMode
    input_scaling: InputScaling
    fvu: float
    l0: float


@dataclass(frozen=True)
class Verification:
    """What was measured on `tokens` real activations.

    Attributes
    ----------
    declared : Convention
        The file's own reading.
    chosen : Convention
    tried : tuple of Convention
    factor : float
        Input factor that `chosen` folds into biases and thresholds; 1 for none and per_vector.
    warnings : tuple of str
    """

    tokens: int
    declared: Convention
    chosen: Convention
    tried: tuple[Convention, ...]
    factor: float
    warnings: tuple[str, ...] = ()

    def refusal(self) -> ArdError | None:
        """Why this SAE is not believed; None if it is."""
        if self.chosen.fvu < 1:
            return None
        best = min(one.fvu for one in self.tried)
        return ArdError(
            f"this SAE does not reconstruct these activations: FVU {best:.3g} at best, where the mean alone has 1",
            todo="Check that model, layer and dtype are those it was trained on (AudioSAE's layer_n is block n - 1).",
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; infinite FVUs become null."""
        record = dataclasses.asdict(self)
        for convention in (record["declared"], record["chosen"], *record["tried"]):
            convention["fvu"] = convention["fvu"] if math.isfinite(convention["fvu"]) else None
        return record


def input_factors(x: Tensor) -> dict[InputScaling, float]:
    """The scalar by which each convention divides x [tokens, d]; O-12: √62.5 for (3,4), (0,10)."""
    norms = x.double().norm(dim=1)
    return {
        "none": 1.0,
        "mean_sq_norm": float(norms.square().mean().sqrt()),
        "mean_norm": float(norms.mean()) / math.sqrt(x.shape[1]),
        "per_vector": 1.0,
    }


def under(sae: Published, bias_mode: BiasMode, scaling: InputScaling, factor: float) -> Published:
    """The same weights read under another convention, for raw x."""
    per_vector: Literal["none", "per_vector"] = "per_vector" if scaling == "per_vector" else "none"
    read = sae.reconfigured(bias_mode=bias_mode, input_scaling=per_vector)
    if bias_mode == "none":
        read = dataclasses.replace(read, b_dec=torch.zeros_like(read.b_dec))
    return read.scaled(factor)


def _chunks(lengths: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Runs of whole clips of about `CHUNK` tokens: their rows and their lengths."""
    start = first = tokens = 0
    values = lengths.tolist()
    for number, length in enumerate(values):
        tokens += length
        if tokens >= CHUNK or number == len(values) - 1:
            yield slice(start, start + tokens), lengths[first : number + 1]
            start, first, tokens = start + tokens, number + 1, 0


def measure(sae: Sae, x: Tensor, clip_lengths: Tensor | None = None) -> tuple[float, float]:
    """FVU (infinite where x̂ is not finite) and mean L0 of `sae` at inference on x [tokens, d]."""
    lengths = torch.tensor([x.shape[0]]) if clip_lengths is None else clip_lengths
    found = evaluate(sae, ((x[rows], clips) for rows, clips in _chunks(lengths)))
    return (found["fvu"] if math.isfinite(found["fvu"]) else math.inf), found["l0_mean"]


def verify(sae: Published | Sae, x: Tensor, clip_lengths: Tensor | None = None) -> Verification:
    """`examine`, and ArdError too where the FVU is 1 or more under every convention."""
    found = examine(sae, x, clip_lengths)
    refusal = found.refusal()
    if refusal is not None:
        raise refusal
    return found


def examine(
    sae: Published | Sae,
    x: Tensor,
    clip_lengths: Tensor | None = None,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Verification:
    """Measure every convention on real activations x [tokens, d], whatever comes out.

    Parameters
    ----------
    clip_lengths : int tensor [n], optional
        Tokens of each clip, for BatchTopK without a threshold (S-11); None means one clip.
    told : callable
        Called after each convention with those done and those there are; what it raises ends the work.

    Raises
    ------
    ArdError
        The widths differ, or x does not vary.
    """
    read = sae if isinstance(sae, Published) else Published.of(sae)
    if x.ndim != 2 or x.shape[1] != read.config.d:
        raise ArdError(
            f"this SAE reads a stream of width {read.config.d}, the activations have width {x.shape[-1]}",
            todo="Import it for the model and layer it was trained on.",
        )
    x = x.float()
    if x.shape[0] < 2 or not bool((x != x[0]).any()):
        raise ArdError("the activations do not vary, so nothing can be verified on them", todo="Extract more clips.")
    factors = input_factors(x)
    conventions = [(bias_mode, scaling) for scaling in SCALINGS for bias_mode in BIAS_MODES]
    tried = []
    for bias_mode, scaling in conventions:
        variant = under(read, bias_mode, scaling, factors[scaling]).build()
        tried.append(Convention(bias_mode, scaling, *measure(variant, x, clip_lengths)))
        told(len(tried), len(conventions))
    own: InputScaling = "per_vector" if read.config.input_scaling == "per_vector" else "none"
    declared = next(c for c in tried if c.bias_mode == read.config.bias_mode and c.input_scaling == own)
    best = min(tried, key=lambda c: c.fvu)
    chosen = best if best.fvu < CLEARLY_BETTER * declared.fvu else declared
    return Verification(
        x.shape[0], declared, chosen, tuple(tried), factors[chosen.input_scaling], _warnings(read, declared, chosen)
    )


def _warnings(sae: Published, declared: Convention, chosen: Convention) -> tuple[str, ...]:
    found = []
    if chosen != declared:
        found.append(
            f"read with bias_mode {chosen.bias_mode} and input scaling {chosen.input_scaling} (FVU {chosen.fvu:.3g}); "
            f"as the file declares, {declared.bias_mode} and {declared.input_scaling}, the FVU is {declared.fvu:.3g}"
        )
    if sae.config.architecture != "jumprelu" and not sae.config.k / 4 <= chosen.l0 <= sae.config.k * 4:
        found.append(f"{chosen.l0:.1f} features are active per token where k = {sae.config.k}")
    return tuple(found)


def as_chosen(sae: Published, verification: Verification) -> Published:
    """`sae` under the convention that was chosen, working on raw x."""
    chosen = verification.chosen
    if chosen == verification.declared:
        return sae
    return under(sae, chosen.bias_mode, chosen.input_scaling, verification.factor)
