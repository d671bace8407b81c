"""What one SAE is, wholly resolved: no "auto", no lists, ready to be written beside its weights (Rule 6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from backend.errors import ArdError
from backend.study.settings import SaeSection, default_k

FORMAT = 1


@dataclass(frozen=True)
class SaeConfig:
    """Architecture, size and every resolved reading of A-11..A-17 and S-08..S-11.

    The meaning of each field is that of the same name in `SaeSection`.

    Attributes
    ----------
    architecture : str
        Name in `backend.sae.base.ARCHITECTURES`.
    d, n_features : int
        Width of the residual stream and number of features D.
    k : int
        Active features per token (on average, for BatchTopK); JumpReLU does not use it.
    auxk_k : int
        Dead features that AuxK decodes per token.
    """

    architecture: str
    d: int
    n_features: int
    k: int
    seed: int = 0
    bias_mode: Literal["none", "post", "pre"] = "pre"
    bias_init: Literal["geometric_median", "mean", "zeros"] = "geometric_median"
    relu: bool = True
    decoder_norm: Literal["unit", "free"] = "unit"
    input_scaling: Literal["none", "mean_sq_norm", "per_vector"] = "none"
    inference: Literal["threshold", "per_clip"] = "threshold"
    threshold_start: int = 1000
    threshold_beta: float = 0.999
    auxk_alpha: float = 0.0
    auxk_k: int = 0
    dead_tokens: int = 10_000_000
    l0_coefficient: float = 1e-3
    l0_warmup_steps: int = 10_000
    bandwidth: float = 1e-3

    def __post_init__(self) -> None:
        if self.d < 1 or self.n_features < 1:
            raise ArdError(f"an SAE cannot have width {self.d} and {self.n_features} features")
        if not 1 <= self.k <= self.n_features:
            raise ArdError(
                f"k = {self.k} active features per token do not fit an SAE of {self.n_features} features",
                todo=f"Set sae.k between 1 and {self.n_features}, or raise sae.expansion.",
            )

    @property
    def expansion(self) -> float:
        """e = D / d."""
        return self.n_features / self.d

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SaeConfig:
        """The config that `to_json` wrote; ArdError if it is of another version or names unknown fields."""
        values = dict(values)
        version = values.pop("format", None)
        if version != FORMAT:
            raise ArdError(
                f"this SAE's configuration has format {version}, ARD reads format {FORMAT}",
                todo="Open it with the version of ARD that wrote it, or train it again.",
            )
        known = {f.name for f in dataclasses.fields(cls)}
        missing = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING} - set(values)
        if missing or set(values) - known:
            wrong = ", ".join(sorted(missing | (set(values) - known)))
            raise ArdError(f"this SAE's configuration has missing or unknown fields: {wrong}")
        return cls(**values)


def configs(section: SaeSection, d: int) -> Iterator[SaeConfig]:
    """One config per architecture × expansion × k × seed of the section, for a stream of width d (A-18)."""
    for architecture, expansion, k, seed in product(section.architecture, section.expansion, section.k, section.seeds):
        n_features = expansion * d
        yield SaeConfig(
            architecture=architecture,
            d=d,
            n_features=n_features,
            k=default_k(n_features) if k == "auto" else k,
            seed=seed,
            bias_mode=section.bias_mode,
            bias_init=section.bias_init,
            relu=section.relu,
            decoder_norm=section.decoder_norm,
            input_scaling=section.input_scaling,
            inference=section.inference,
            threshold_start=section.threshold_start,
            threshold_beta=section.threshold_beta,
            auxk_alpha=section.auxk_alpha,
            auxk_k=max(1, d // 2) if section.auxk_k == "auto" else section.auxk_k,
            dead_tokens=section.dead_tokens,
            l0_coefficient=section.l0_coefficient,
            l0_warmup_steps=section.l0_warmup_steps,
            bandwidth=section.bandwidth,
        )


def sae_id(layer: str, config: SaeConfig) -> str:
    """E.g. "encoder.3-batchtopk-e8-k25-s0": layer, architecture, expansion, k, seed."""
    return f"{layer}-{config.architecture}-e{config.expansion:g}-k{config.k}-s{config.seed}"
