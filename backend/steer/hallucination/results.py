"""Per-clip results on disk, keyed by everything that determines them, so that a stopped run goes on (Rule 3)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.study.atomic import replacing


@dataclass(frozen=True)
class Answer:
    """One clip under one condition: p, and the transcript where it was asked for."""

    p: float
    text: str | None = None


class Results:
    """Answers of clips under pushes, in `answers-<fp>.jsonl` of a folder; one line a clip and push, appended.

    Parameters
    ----------
    identity : str
        Fingerprint of model, layer, SAE and readings: files of another one are left alone.

    A line that a killed run left unfinished is dropped.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"answers-{identity}.jsonl"
        self.pooled_folder = folder / f"pooled-{identity}"
        self._known: dict[tuple[str, str], Answer] = {}
        self._read()

    def _read(self) -> None:
        if not self.path.exists():
            return
        data = self.path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            with open(self.path, "rb+") as file:
                file.truncate(len(whole))
        for number, line in enumerate(whole.decode().splitlines(), 1):
            try:
                one = json.loads(line)
                self._keep(one["clip"], one["push"], Answer(float(one["p"]), one.get("text")))
            except (ValueError, KeyError, TypeError) as error:
                raise ArdError(
                    f"line {number} of the kept answers is damaged", path=self.path, todo="Remove the file."
                ) from error

    def _keep(self, clip: str, push: str, answer: Answer) -> None:
        before = self._known.get((clip, push))
        if before is None or answer.text is not None:
            self._known[clip, push] = answer

    def has(self, clip: str, push: str, *, text: bool) -> bool:
        found = self._known.get((clip, push))
        return found is not None and (found.text is not None or not text)

    def __getitem__(self, key: tuple[str, str]) -> Answer:
        """The answer of (clip, push)."""
        return self._known[key]

    def add(self, clip: str, answers: Iterable[tuple[str, Answer]]) -> None:
        """Keep a clip's answers by push and write them out."""
        lines = []
        for push, answer in answers:
            self._keep(clip, push, answer)
            values: dict[str, Any] = {"clip": clip, "push": push, "p": answer.p}
            if answer.text is not None:
                values["text"] = answer.text
            lines.append(json.dumps(values, ensure_ascii=False) + "\n")
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("".join(lines))

    def has_pooled(self, clip: str) -> bool:
        return self._pooled_path(clip).exists()

    def add_pooled(self, clip: str, pooled: Pooled) -> None:
        with replacing(self._pooled_path(clip)) as temporary, open(temporary, "wb") as file:
            np.savez(
                file, feature=pooled.feature, value=pooled.value, sum_x=pooled.sum_x,
                figures=np.array([pooled.frames, pooled.squares]),
            )  # fmt: skip

    def pooled(self, clip: str) -> Pooled:
        """ArdError if the file is damaged."""
        path = self._pooled_path(clip)
        try:
            with np.load(path) as file:
                frames, squares = file["figures"].tolist()
                return Pooled(file["feature"], file["value"], file["sum_x"], int(frames), float(squares))
        except (OSError, ValueError, KeyError) as error:
            raise ArdError("a kept result is damaged", path=path, todo="Remove the file.") from error

    def _pooled_path(self, clip: str) -> Path:
        return self.pooled_folder / f"{clip}.npz"


@dataclass(frozen=True)
class Pooled:
    """What the vectors are made from.

    Attributes
    ----------
    feature, value : [active]
        Features that are active in the clip and their largest code (S-46).
    sum_x : float64 [d]
        Sum of x over the valid frames (S-48); `frames` is their number, `squares` the sum of ‖x‖².
    """

    feature: npt.NDArray[np.int64]
    value: npt.NDArray[np.float32]
    sum_x: npt.NDArray[np.float64]
    frames: int
    squares: float
