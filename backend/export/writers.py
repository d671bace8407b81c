"""The formats features are exported in, by name (Rule 4): each writer lives in its own file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO

from backend.errors import ArdError
from backend.export.csv_rows import write_csv
from backend.export.html import write_html
from backend.export.html_card import Beside
from backend.export.json_document import write_json_document
from backend.export.json_lines import write_json_lines
from backend.export.markdown import write_markdown
from backend.export.records import Export
from backend.export.wav_folder import write_wav_folder
from backend.study.atomic import disk_full, replacing, sync_folder

PAGE = "index.html"

WRITERS: dict[str, Callable[[Export, IO[str]], None]] = {
    "csv": write_csv,
    "json": write_json_document,
    "jsonl": write_json_lines,
    "md": write_markdown,
    "html": write_html,
}
FOLDER = "wav"
FORMATS = (*WRITERS, FOLDER)


def export_to(export: Export, name: str, path: Path, *, sound: bool = True, least: bool = False) -> None:
    """Write `export` to `path`, whole or not at all; ArdError for a format that does not exist.

    Any thread may call it; it uses nothing but what it is given.

    Parameters
    ----------
    name : str
        One of `FORMATS`. `path` is a file, or for wav a new folder.
    sound : bool
        Whether a format that can hold sound (html) does so (X-6).
    least : bool
        wav: the least representative clips too.
    """
    if name not in FORMATS:
        raise ArdError(f"there is no export format '{name}'", todo=f"Use one of: {', '.join(FORMATS)}.")
    if name == FOLDER:
        write_wav_folder(export, path, least=least)
        return
    if path.is_dir():
        raise ArdError("the export needs a file, this is a folder", path=path, todo="Name a file with --out.")
    try:
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
            if name == "html":
                write_html(export, handle, sound=sound)
            else:
                WRITERS[name](export, handle)
    except PermissionError as error:
        raise ArdError("the export cannot be written there", path=path, todo="Name another place.") from error


def export_folder(export: Export, folder: Path, *, sound: bool = True) -> None:
    """Write the report as a new folder: `index.html`, and `sounds` and `pictures` beside it, whole or not at all.

    Raises ArdError if something stands there already: nothing of the user's is ever replaced.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArdError("the report needs a new or an empty folder", path=folder, todo="Name another with --out.")
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True)
        with open(temporary / PAGE, "w", encoding="utf-8", newline="") as handle:
            write_html(export, handle, sound=sound, place=Beside(temporary))
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
        sync_folder(folder.parent)
    except PermissionError as error:
        raise ArdError("the report cannot be written there", path=folder, todo="Name another place.") from error
    except OSError as error:
        if "No space left" in str(error):
            raise disk_full(folder) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
