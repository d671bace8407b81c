"""What the study's model does with a prompt, and which prompts it knows; read without loading the model."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from backend.errors import ArdError
from backend.resources import resource
from backend.study.folder import Study

ModelKind = Literal["question", "transcript", "representation"]
TRANSCRIBE, ENCODE = ("whisper",), ("hubert", "wav2vec2", "wavlm", "data2vec-audio", "wav2vec2-bert")
NAME = "{name}"
QUESTIONS = ("What do you hear?", "What kind of sound is this?", "Is it speech, music or another sound?")


@dataclass(frozen=True)
class ModelTold:
    """What the panel needs to know of the study's model.

    Attributes
    ----------
    kind : "question", "transcript" or "representation"
        It answers a prompt about the sound, transcribes it, or writes nothing.
    path : str
        Folder of the model, or its id on a hub.
    prompts : tuple of (title, text)
        To begin with; the first is what the model is asked for captions. `{name}` stands for a feature's name.
    """

    kind: ModelKind
    path: str
    prompts: tuple[tuple[str, str], ...]


def model_told(study: Study) -> ModelTold:
    """On the reader's thread. A model that cannot be looked at (it lies on a hub) is taken for one that answers.

    Raises ArdError if study.toml cannot be read.
    """
    try:
        settings: dict[str, Any] = tomllib.loads(study.toml.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArdError(f"study.toml cannot be read: {error}", path=study.toml, todo="Correct that file.") from error
    path = str(settings.get("model", {}).get("path", ""))
    kind = _kind(_model_type(study.root / path))
    if kind != "question":
        return ModelTold(kind, path, ())
    caption = _prompt(study, str(settings.get("captions", {}).get("prompt", "caption")))
    asked = (("As it was asked for captions", caption),) if caption else ()
    heard = _prompt(study, "detection")
    named = ((heard, heard),) if NAME in heard else ()
    return ModelTold(kind, path, (*asked, *((one, one) for one in QUESTIONS), *named))


def _model_type(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _kind(model_type: str) -> ModelKind:
    return "transcript" if model_type in TRANSCRIBE else "representation" if model_type in ENCODE else "question"


def _prompt(study: Study, name: str) -> str:
    """The text of a prompt by its name in `resources/prompts` or its file in the study; "" where it is gone."""
    try:
        own = study.root / name
        path = own if own.is_file() else resource(f"prompts/{name}.txt")
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ArdError, UnicodeDecodeError):
        return ""
