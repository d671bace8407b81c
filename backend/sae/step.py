"""What passes between an architecture and the trainer in one training step."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from backend.sae.kernels import Decode, Precision
from backend.sae.parallel import ALONE, World
from backend.sae.selection import PreActivations


@dataclass(frozen=True)
class Means:
    """How a step is computed: precision, arithmetic and the processes that share the batch."""

    precision: Precision = "float32"
    decode: Decode = "gather"
    world: World = ALONE


@dataclass
class Gradients:
    """This process's share of one step, in scaled units; `loss`, `parameters`, `fired` and `decoder_dots`
    add up over the processes.

    Attributes
    ----------
    parameters : dict of str to Tensor
        Gradient of the loss by parameter name.
    loss : scalar
    residual : float tensor [n, d]
        x̂ − x.
    squared_error : float tensor [n]
        ‖x − x̂‖².
    l0 : int64 tensor [n]
        Active features per token.
    fired : float tensor [D]
        Above zero where a feature was active.
    smallest : scalar
        Smallest positive value kept, infinity if there is none.
    decoder_dots : float tensor [D] or None
        Row-wise product of W_dec's gradient and W_dec, where it came for free.
    pre : PreActivations or None
        What the selection was made from.
    """

    parameters: dict[str, Tensor]
    loss: Tensor
    residual: Tensor
    squared_error: Tensor
    l0: Tensor
    fired: Tensor
    smallest: Tensor
    decoder_dots: Tensor | None = None
    pre: PreActivations | None = field(default=None, repr=False)
