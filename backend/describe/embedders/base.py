"""What an embedder must answer: sound, and where it can text, as vectors whose cosine means likeness (A-26)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.registry import Registry
from backend.study.settings import EmbedSection

Wave = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]


class Embedder(ABC):
    """One loaded embedder; close it, or use it in a `with` block.

    Attributes
    ----------
    sample_rate : int
        Hertz it expects.
    window_seconds : float
        Longest sound of one embedding.
    repeats_short : bool
        True where sounds shorter than the window are repeated to fill it (A-26); False where it takes any length.
    dimensions : int
        Of its vectors.
    """

    sample_rate: int
    window_seconds: float
    dimensions: int
    repeats_short: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def load(cls, section: EmbedSection, device: str, *, local_files_only: bool = False) -> Embedder:
        """Load it; ArdError naming the missing file or what to install.

        Parameters
        ----------
        device : str
            As `ModelSection.device`.
        """

    @abstractmethod
    def embed_windows(self, windows: Sequence[Wave]) -> Vectors:
        """Vectors [n, dimensions] of mono windows at `sample_rate`, none longer than the window; any length of vector.

        A batch gives what its windows give alone (to rounding).
        """

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Vectors [n, dimensions] of texts; ArdError for an embedder without a text side."""
        raise ArdError(f"{type(self).__name__} embeds no text")

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What its vectors depend on: name, weights' hash or revision, package versions; JSON-ready."""

    def close(self) -> None:  # noqa: B027  (most hold nothing)
        """Give back what it holds (a process, memory)."""

    def __enter__(self) -> Embedder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


EMBEDDERS: Registry[type[Embedder]] = Registry(
    "embedders",
    {
        "mini": "backend.describe.embedders.mini",
        "clap": "backend.describe.embedders.clap",
        "laion-clap": "backend.describe.embedders.foreign",
        "msclap": "backend.describe.embedders.foreign",
    },
)
