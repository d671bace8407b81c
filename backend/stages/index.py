"""Stage index: every data set of the study becomes rows of `clips-<fp>.h5`; nothing is decoded."""

from __future__ import annotations

import math
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from backend.audio.datasets.base import DATASETS
from backend.audio.datasets.exclude import Exclusion, exclusion
from backend.audio.datasets.folder import manifest_path
from backend.audio.datasets.read import dataset_root, read
from backend.audio.filecache import FileCache
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.jobs.job import Job
from backend.stages.base import Product
from backend.store import clips as clip_table
from backend.store.clips import Clip
from backend.study.atomic import remove_leftovers
from backend.study.fingerprint import file_hash, fingerprint
from backend.study.folder import Study
from backend.study.manifest import is_current, read_manifest, write_manifest
from backend.study.settings import AudioSection, Settings, fingerprinted, plain

STAGE = "index"
VERSION = 1
READERS = 4
NOT_IN_TABLE = {"weight", "domain"}
"""Settings of an `[[audio]]` table that training and analysis read themselves."""
SHOWN = 20


@dataclass(frozen=True)
class Listing:
    """The files one data set consists of.

    Attributes
    ----------
    names : list of str
        Relative to `root`.
    extra : str
        Hash of a manifest that may lie outside of `root`.
    """

    root: Path
    section: AudioSection
    names: list[str]
    extra: str


def cache_path(study: Study) -> Path:
    """What is known of the data sets' files; may be deleted at any time."""
    return study.root / "index-cache.json"


def products(study: Study, settings: Settings) -> list[Product]:
    """The clip table, with the fingerprint it would have now.

    The fingerprint holds settings, file names and content hashes (design §3), never times. Files
    whose size and time are as at the last run are not read again. Where a data set's folder is not
    there (an unplugged disk, another machine) its state cannot be known: the finished table counts
    as valid and ``detail["unchecked"]`` names the folder.
    """
    manifest = study.index_manifest
    if not manifest.exists():
        return [Product(STAGE, "clips", manifest, "")]
    absent = [
        str(root) for section in settings.audio if not (root := dataset_root(section, study.root)).is_dir()
    ]  # fmt: skip
    if absent:
        detail = {"unchecked": absent}
        return [Product(STAGE, "clips", manifest, read_manifest(manifest)["fingerprint"], detail)]
    try:
        fp = _fingerprint(study, settings, listings(study, settings), FileCache(cache_path(study)))
    except ArdError as error:
        return [Product(STAGE, "clips", manifest, "", {"error": str(error)})]
    return [Product(STAGE, "clips", manifest, fp)]


def run(study: Study, settings: Settings, job: Job) -> None:
    """Index every data set; what is current is left as it is.

    Writes `clips-<fp>.h5`, then the manifest `clips.json`, whose outputs are `file`, `clips`,
    `unreadable`, `hours`, `clip_list` (hash of what the clips are; later stages depend on this
    and not on labels or paths), `duplicates` (clips that repeat an earlier clip's audio) and
    `leaked` (C4: clips of data sets that only probe whose audio also trains the SAE).

    Raises
    ------
    ArdError
        If a data set's folder or an expected file is missing, or if no clip can be used.
    """
    began = time.monotonic()
    remove_leftovers(study.root)
    found = listings(study, settings)
    cache = FileCache(cache_path(study))
    if study.index_manifest.exists() and study.clips().exists():
        fp = _fingerprint(study, settings, found, cache)
        if is_current(study.index_manifest, fp):
            cache.save()
            job.current(STAGE)
            return
    with job.running(STAGE):
        fp, clips, unreadable = read_all(study, settings, found, cache, job)
        if not clips:
            reasons = "; ".join(f"{u.path}: {u.reason}" for _, u in unreadable[:3]) or "there are no sound files"
            raise ArdError(f"no clip of this study can be used ({reasons})", path=settings.audio[0].path)
        path = study.clips_file(fp)
        clip_table.write(path, clips, unreadable, [str(one.root) for one in found])
        outputs = {"file": path.name, **summary(clips, unreadable)}
        write_manifest(
            study.index_manifest,
            stage=STAGE,
            fingerprint=fp,
            settings={"audio": [plain(section) for section in settings.audio], "exclude": settings.clips.exclude},
            inputs={"files": _files_hash(found, cache)},
            outputs=outputs,
            seconds=time.monotonic() - began,
        )
        cache.keep({str(one.root): set(one.names) for one in found})
        cache.save()
        _remove_older(study, path)
        _report(job, outputs)


def listings(study: Study, settings: Settings) -> list[Listing]:
    """The files of every data set; ArdError if a folder or a manifest is missing."""
    found = []
    for section in settings.audio:
        root = dataset_root(section, study.root)
        if not root.is_dir():
            raise ArdError(
                "the folder of a data set is not there", path=root, todo="Correct its path in study.toml, or mount it."
            )
        adapter = DATASETS.get(section.adapter)()
        names = list(adapter.files(root, section))
        extra = file_hash(manifest_path(root, section.manifest)) if section.manifest else ""
        found.append(Listing(root, section, names, extra))
    return found


def read_all(
    study: Study, settings: Settings, found: list[Listing], cache: FileCache, job: Job
) -> tuple[str, list[Clip], list[tuple[int, Unreadable]]]:
    """Fingerprint of the clip table, its rows, and the files that cannot be used; only `cache` is written."""
    _probe_all(found, cache, job)
    fp = _fingerprint(study, settings, found, cache)
    return fp, *_collect(found, exclusion(study, settings), cache)


def summary(clips: list[Clip], unreadable: list[tuple[int, Unreadable]]) -> dict[str, Any]:
    """Counts, hours and flags of a clip list, as the manifest's outputs name them."""
    trained = {clip.hash for clip in clips if clip.train}
    leaked = [clip.record for clip in clips if not clip.train and clip.hash in trained]
    copies = Counter(clip.hash for clip in clips)
    seconds = sum(clip.duration for clip in clips if math.isfinite(clip.duration))
    return {
        "clips": len(clips),
        "unreadable": len(unreadable),
        "hours": round(seconds / 3600, 4),
        "clip_list": clip_list_hash(clips),
        "duplicates": sum(count - 1 for count in copies.values()),
        "leaked": len(leaked),
        "leaked_records": leaked[:SHOWN],
    }


def clip_list_hash(clips: list[Clip]) -> str:
    """Hash of which audio the clips are, in which order and for what use (X-1)."""
    return fingerprint(
        [[c.dataset, c.record, c.hash, _number(c.start), _number(c.end), c.train, c.probe] for c in clips]
    )


def unique_record(record: str, dataset: int, taken: set[str]) -> str:
    """`record`, or with "#<data set>" appended where an earlier clip has that id.

    The first to have an id keeps it, so that a data set appended to a study renames nothing.
    """
    name, number = record, 1
    while name in taken:
        name = f"{record}#{dataset}" if number == 1 else f"{record}#{dataset}.{number}"
        number += 1
    taken.add(name)
    return name


def _probe_all(found: list[Listing], cache: FileCache, job: Job) -> None:
    files = [(one.root, name) for one in found for name in one.names]
    job.begin_progress("files")
    try:
        with ThreadPoolExecutor(READERS) as pool:
            for first in range(0, len(files), 256):
                job.check_stop()
                block = files[first : first + 256]
                list(pool.map(lambda file: cache.probe(*file), block))
                job.progress(first + len(block), len(files))
    finally:
        cache.save()


def _collect(
    found: list[Listing], excluded: Exclusion, cache: FileCache
) -> tuple[list[Clip], list[tuple[int, Unreadable]]]:
    clips: list[Clip] = []
    unreadable: list[tuple[int, Unreadable]] = []
    taken: set[str] = set()
    for dataset, one in enumerate(found):
        for entry in read(one.root, one.section, partial(cache.probe, one.root)):
            if isinstance(entry, Unreadable):
                unreadable.append((dataset, entry))
            elif not excluded(entry):
                clips.append(_clip(entry, len(clips), dataset, one, taken))
    return clips, unreadable


def _clip(record: ClipRecord, index: int, dataset: int, listing: Listing, taken: set[str]) -> Clip:
    values = {field.name: getattr(record, field.name) for field in fields(ClipRecord)}
    values["record"] = unique_record(record.record, dataset, taken)
    return Clip(
        **values,
        index=index,
        dataset=dataset,
        root=str(listing.root),
        train=listing.section.use != "probe",
        probe=listing.section.use != "train",
    )


def _fingerprint(study: Study, settings: Settings, found: list[Listing], cache: FileCache) -> str:
    audio = [{k: v for k, v in fingerprinted(one.section).items() if k not in NOT_IN_TABLE} for one in found]
    return fingerprint(
        {
            "version": VERSION,
            "audio": audio,
            "exclude": exclusion(study, settings).hash,
            "files": _files_hash(found, cache),
        }
    )


def _files_hash(found: list[Listing], cache: FileCache) -> str:
    return fingerprint([[one.extra, [[name, cache.probe(one.root, name).hash] for name in one.names]] for one in found])


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _remove_older(study: Study, keep: Path) -> None:
    for path in study.root.glob("clips-*.h5"):
        if path != keep:
            try:
                path.unlink()
            except OSError:
                continue  # open in a reader on Windows; the next run or `ard gc` removes it


def _report(job: Job, outputs: dict[str, Any]) -> None:
    job.message(f"{outputs['clips']} clips, {outputs['hours']:.2f} hours")
    if outputs["unreadable"]:
        job.message(f"{outputs['unreadable']} files cannot be used; `ard status` lists them", level="warning")
    if outputs["leaked"]:
        job.message(
            f"{outputs['leaked']} clips that are only ranked are also trained on; list them in clips.exclude "
            f"to leave them out: {', '.join(outputs['leaked_records'][:3])} …",
            level="warning",
        )
