"""A folder of WAV files: the clips that show each feature, and a manifest that says what they are."""

from __future__ import annotations

import csv
import io
import json
import math
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from backend.audio.load import Audio, load_wave
from backend.errors import ArdError
from backend.export.file_names import safe_name
from backend.export.json_values import finite
from backend.export.records import Export, FeatureSet, Record
from backend.store.clips import Clip
from backend.store.retrieval import RetrievalFile, Trace
from backend.study.atomic import new_folder

KIND, VERSION = "ard-wav-folder", 1
USUAL_RATE = 16000
COLUMNS = (
    "file", "problem", "feature", "name", "automatic_name", "m", "list", "rank", "score", "clip", "record", "path",
    "member", "start", "end", "seconds", "sample_rate", "labels", "source", "licence", "hash", "active",
)  # fmt: skip
Row = dict[str, Any]


def write_wav_folder(export: Export, folder: Path, *, least: bool = False) -> None:
    """Write the sounds of every feature's most representative clips as a new folder, whole or not at all.

    `feature-00123/1-most-<record>.wav`: mono, 16 bits, at the rate of the clip's own file, from the clip's start to its
    end. `manifest.csv` and `manifest.json` have a row for every clip (`COLUMNS`), also for those whose sound cannot be
    read: their `file` is empty and `problem` says why. `active` has the seconds in the file, [from, to] after
    [from, to], in which the feature is active; none for raw units, which have no traces.

    Parameters
    ----------
    least : bool
        The least representative clips too.

    Raises ArdError if something stands at `folder` already, it cannot be written, or the export has no sounds.
    """
    if export.source is None:
        raise ArdError("this export knows no sounds", todo="Choose another format.")
    try:
        with new_folder(folder) as temporary:
            temporary.mkdir(parents=True)
            rows = list(_clips(export, export.source, temporary, ("most", "least") if least else ("most",)))
            _write_manifests(export, rows, temporary)
    except PermissionError as error:
        raise ArdError("the sounds cannot be written there", path=folder, todo="Name another place.") from error


def _clips(export: Export, source: FeatureSet, folder: Path, lists: tuple[str, ...]) -> Iterator[Row]:
    width = max(5, len(str(len(source.columns["feature"]) - 1)))
    with RetrievalFile(source.retrieval) as file:
        for record in export.records():
            place = f"feature-{record['feature']:0{width}d}"
            traces = file.feature(record["feature"]).traces
            for name in lists:
                digits = len(str(len(record[name])))
                for one in record[name]:
                    address = f"{place}/{one['rank']:0{digits}d}-{name}-{_title(one)}.wav"
                    row = _row(record, name, one)
                    row |= _sound(source.table[one["clip"]], folder, address)
                    seconds = file.token_seconds(one["clip"])
                    row["active"] = intervals(traces.get(one["clip"]), seconds, row["seconds"])
                    yield row


def _row(record: Record, name: str, one: Record) -> Row:
    automatic = str(record.get("name", ""))
    known = {column: one[column] for column in COLUMNS if column in one}
    return {
        **dict.fromkeys(COLUMNS), **known, "feature": record["feature"], "list": name, "m": record.get("m"),
        "name": record.get("own_name") or automatic, "automatic_name": automatic,
    }  # fmt: skip


def _title(one: Record) -> str:
    """The clip's name without folders and ending."""
    return safe_name(posixpath.splitext(posixpath.basename(one["record"].replace("\\", "/")))[0])


def _sound(clip: Clip, folder: Path, address: str) -> Row:
    """Write the sound; its file, seconds and rate, or why it is not there."""
    rate = clip.sample_rate if clip.sample_rate > 0 else USUAL_RATE
    missing = {"file": "", "seconds": clip.duration, "sample_rate": clip.sample_rate or None}
    try:
        wave = load_wave(clip, rate)
    except (ArdError, OSError) as error:
        return {**missing, "problem": error.what if isinstance(error, ArdError) else "the file cannot be read"}
    if not len(wave):
        return {**missing, "problem": "the clip is shorter than one sample"}
    path = folder / address
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(wav(wave, rate))
    return {"file": address, "problem": "", "seconds": len(wave) / rate, "sample_rate": rate}


def wav(wave: Audio, rate: int) -> bytes:
    """Mono `wave` [n] as WAV of 16 bits; what exceeds [-1, 1] is clipped."""
    samples = np.rint(np.clip(wave, -1.0, 1.0) * 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def intervals(trace: Trace | None, token_seconds: npt.NDArray[np.float64], seconds: float) -> list[list[float]]:
    """[from, to] in seconds of every run of neighbouring active tokens, within the `seconds` of the clip.

    Parameters
    ----------
    trace : Trace or None
        None where the feature is not active.
    token_seconds : float array [T, 2]
    seconds : float
        NaN where the clip's length is not known: then nothing is cut off.
    """
    if trace is None:
        return []
    end = seconds if math.isfinite(seconds) else math.inf
    found: list[list[float]] = []
    for first, last in token_seconds[trace.token].tolist():
        first, last = max(0.0, first), min(last, end)
        if not last > first:
            continue
        if found and first <= found[-1][1] + 1e-6:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return [[round(first, 6), round(last, 6)] for first, last in found]


def _write_manifests(export: Export, rows: list[Row], folder: Path) -> None:
    document = {"format": KIND, "version": VERSION, "provenance": export.provenance, "clips": rows}
    text = json.dumps(finite(document), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    with open(folder / "manifest.csv", "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in finite(row).items()})


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else str(value)
