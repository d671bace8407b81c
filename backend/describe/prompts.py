"""Prompts of captioners and namers: files, so that anyone can read and change them (A-33, A-34).

`resources/prompts/caption.txt` and `concept.txt` are the AR&D paper's own, word for word. `short-name.txt` is an
extension: the paper's answers are sentences, while the names it shows have one to five words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backend.errors import ArdError
from backend.resources import resource

FOLDER = "prompts"


def read_prompt(study_root: Path, name: str) -> str:
    """The text of a prompt, without the newline that ends its file.

    Parameters
    ----------
    name : str
        A file in the study, relative to its folder; if there is none, `resources/prompts/<name>.txt`.

    Raises
    ------
    ArdError
        Listing the known prompts if there is neither; for a path that leaves the study, an empty file, or one that is
        not UTF-8.
    """
    path = _find(study_root, name)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArdError("the prompt cannot be read as UTF-8 text", path=path, todo="Save it as UTF-8.") from error
    text = text.removesuffix("\n")
    if not text.strip():
        raise ArdError("the prompt is empty", path=path, todo="Write a prompt into it.")
    return text


def known_prompts() -> list[str]:
    """Names of the prompts that come with ARD, sorted."""
    return sorted(path.stem for path in resource(FOLDER).glob("*.txt"))


def aggregation_prompt(prompt: str, captions: Sequence[str]) -> str:
    """What a language model is asked about the captions of one feature (A-34).

    The prompt, a blank line, then "1. first caption", "2. second caption" … A caption that has several lines is put
    on one, so that the list stays one.
    """
    numbered = [f"{number}. {' '.join(caption.split())}" for number, caption in enumerate(captions, start=1)]
    return "\n".join([prompt, "", *numbered])


def _find(study_root: Path, name: str) -> Path:
    root = study_root.resolve()
    if not name or "\0" in name or Path(name).is_absolute() or not (root / name).resolve().is_relative_to(root):
        raise ArdError(
            f"the prompt '{name}' is not a path inside the study",
            path=study_root,
            todo="Give a path relative to the study's folder, or the name of a prompt that comes with ARD.",
        )
    if (root / name).is_file():
        return root / name
    if name in known_prompts():
        return resource(f"{FOLDER}/{name}.txt")
    raise ArdError(
        f"there is no prompt '{name}', neither as a file in the study nor among those that come with ARD",
        path=study_root,
        todo=f"Write that file, or use one of: {', '.join(known_prompts())}.",
    )
