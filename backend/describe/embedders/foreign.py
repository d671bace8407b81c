"""`laion-clap` and `msclap`: packages that cannot share ARD's environment, each in a process of its own (A-26).

ARD starts the process with the environment's interpreter (`ard setup NAME`), gives it windows as .npy files and
reads vectors back; `foreign_worker.py` beside this file is what runs there.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from backend.describe.embedders.base import EMBEDDERS, Embedder, Vectors, Wave
from backend.describe.embedders.environments import WORKER, Environment, environment
from backend.errors import ArdError
from backend.study.settings import EmbedSection

SECONDS_TO_END = 10
LAST_LINES = 3


class Worker:
    """The process; `ask` sends a request and waits for its answer.

    Attributes
    ----------
    facts : dict
        What it loaded: sample_rate, window_seconds, dimensions, identity.

    Raises
    ------
    ArdError
        If the environment is not there, or the process does not get as far as loading its model.
    """

    def __init__(self, place: Environment, model: str, device: str, *, local_files_only: bool) -> None:
        self.place = place
        if place.made() is None:
            raise ArdError(
                f"the embedder '{place.name}' runs in an environment of its own, which is not there",
                path=place.folder,
                todo=f"Run: ard setup {place.name}",
            )
        self._files = tempfile.TemporaryDirectory(prefix="ard-embed-")
        self.folder = Path(self._files.name)
        self._count = 0
        with open(self.folder / "log.txt", "wb") as log:
            self._process = subprocess.Popen(
                [str(place.python), "-I", str(WORKER), place.name, "--model", model, "--device", device],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, "HF_HUB_OFFLINE": "1"} if local_files_only else None,
            )  # fmt: skip
        try:
            first = self._read()
            if "ready" not in first:
                raise ArdError(
                    f"the embedder '{place.name}' cannot be loaded: {first.get('error', 'no reason given')}",
                    path=place.folder,
                    todo="It fetches tokenizers and, where embed.model is empty, weights from the model hub: connect "
                    "to the network once, or set embed.model to its checkpoint.",
                )
        except ArdError:
            self.close()
            raise
        self.facts: dict[str, Any] = first["ready"]

    def ask(self, count: int, **request: Any) -> Vectors:
        """Vectors [count, dimensions] for a request; ArdError if it fails or the process ends."""
        self._count += 1
        out = self.folder / "out.npy"
        line = json.dumps({"id": self._count, "out": str(out), **request}) + "\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._ended() from error
        found = self._read()
        while found.get("id") != self._count:
            found = self._read()
        if "error" in found:
            raise ArdError(
                f"the embedder '{self.place.name}' failed: {found['error']}",
                path=self.place.folder,
                todo="If its memory is short, lower embed.batch_clips or set model.device.",
            )
        vectors: Vectors = np.load(out)
        wanted = (count, int(self.facts["dimensions"]))
        if vectors.shape != wanted:
            raise ArdError(
                f"the embedder '{self.place.name}' answered with vectors of shape {list(vectors.shape)} "
                f"instead of {list(wanted)}",
                path=self.place.folder,
                todo=f"Make its environment again: remove the folder, then run: ard setup {self.place.name}",
            )
        return vectors

    def _read(self) -> dict[str, Any]:
        """The next line of the protocol; others, from a library or a start-up script, are passed over."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict) and found.get("ard") == 1:
                return found
        raise self._ended()

    def _ended(self) -> ArdError:
        """The message for a process that is no longer there, with the last it said."""
        status = self._process.wait()
        text = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
        said = " / ".join([line.strip() for line in text.splitlines() if line.strip()][-LAST_LINES:])
        return ArdError(
            f"the process of the embedder '{self.place.name}' ended with status {status}"
            + (f": {said}" if said else ""),
            path=self.place.folder,
            todo="Run the same command again; what is embedded is kept. If it was killed for memory, lower "
            "embed.batch_clips.",
        )

    def close(self) -> None:
        """End the process, which happens by itself when its stdin closes, and remove its files."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._files.cleanup()


class ForeignEmbedder(Embedder):
    """An embedder in its own process; `name` is its environment's."""

    name: ClassVar[str]

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.sample_rate = int(worker.facts["sample_rate"])
        self.window_seconds = float(worker.facts["window_seconds"])
        self.dimensions = int(worker.facts["dimensions"])

    @classmethod
    def load(cls, section: EmbedSection, device: str, *, local_files_only: bool = False) -> Embedder:
        if section.model and not Path(section.model).expanduser().is_file():
            raise ArdError(
                f"the checkpoint of '{cls.name}' is not there",
                path=section.model,
                todo='Correct embed.model in study.toml; "" takes the package\'s usual one from the model hub.',
            )
        model = str(Path(section.model).expanduser().absolute()) if section.model else ""
        return cls(Worker(environment(cls.name), model, device, local_files_only=local_files_only))

    def embed_windows(self, windows: Sequence[Wave]) -> Vectors:
        if not windows:
            return np.empty((0, self.dimensions), dtype=np.float32)
        length = round(self.window_seconds * self.sample_rate)
        path = self.worker.folder / "in.npy"
        # what is shorter is repeated: the packages' own way of filling up differs, and one of them draws lots
        np.save(path, np.stack([np.resize(wave, length) for wave in windows]).astype(np.float32))
        return self.worker.ask(len(windows), audio=str(path))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return self.worker.ask(len(texts), texts=list(texts))

    def identity(self) -> dict[str, Any]:
        """Name, hash of the weights, and versions of the package, torch and transformers in its environment."""
        return {"name": self.name, **self.worker.facts["identity"]}

    def close(self) -> None:
        self.worker.close()


@EMBEDDERS.register("laion-clap")
class LaionClapEmbedder(ForeignEmbedder):
    """laion_clap's CLAP_Module without feature fusion; embed.model is its `.pt` file."""

    name: ClassVar[str] = "laion-clap"


@EMBEDDERS.register("msclap")
class MsClapEmbedder(ForeignEmbedder):
    """Microsoft's CLAP of 2023, the paper's; embed.model is its `.pth` file."""

    name: ClassVar[str] = "msclap"
