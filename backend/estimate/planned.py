"""A study as it will be once it is indexed, for questions asked before anything runs; nothing of it is written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.audio.filecache import FileCache
from backend.errors import ArdError, Stopped
from backend.jobs.job import Job
from backend.stages import index
from backend.store import clips as clip_table
from backend.store.clips import ClipTable
from backend.study.atomic import write_json
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.settings import Settings


@dataclass(frozen=True)
class PlannedStudy(Study):
    """A study whose clip table lies elsewhere.

    Attributes
    ----------
    index : Path
        Folder of the table and its manifest; everything else is looked for in `root`.
    """

    index: Path

    @property
    def index_manifest(self) -> Path:
        return Study(self.index).index_manifest

    def clips(self) -> Path:
        return Study(self.index).clips()


@dataclass(frozen=True)
class Planned:
    """What is asked about.

    Attributes
    ----------
    table : ClipTable or None
        None where the data sets hold no clip that can be used.
    indexed : bool
        The study's own clip table is valid.
    index_bytes : int
        Of the files that indexing will write; 0 where `indexed`.
    files : int
        Sound files whose headers indexing reads.
    unreadable : int
        Files that cannot be used.
    problem : ArdError or None
        Why the data sets cannot be read; `table` is None then.
    scratch : Path
        Folder for measurements; removed at the end.
    """

    study: Study
    settings: Settings
    table: ClipTable | None
    indexed: bool
    index_bytes: int
    files: int
    unreadable: int
    scratch: Path
    problem: ArdError | None = None


def place_of(place: Path, within: Path | None = None) -> tuple[Study, Path]:
    """The study and the settings file that `place` means: a study folder, or a file like study.toml.

    A file's study is `within`, or the folder it lies in, which need not be a study yet. ArdError as `Study.open`.
    """
    place = place.expanduser().resolve()
    if place.is_dir():
        study = Study.open(place)
        return study, study.toml
    return Study(within.expanduser().resolve() if within else place.parent), place


@contextmanager
def planned(study: Study, toml: Path, job: Job) -> Iterator[Planned]:
    """Read settings and, where the study's own table is not valid, the headers of its sound into a folder apart.

    Raises ArdError for settings that cannot be used; Stopped where the user asked for it.
    """
    settings = load_settings(toml)
    with tempfile.TemporaryDirectory(prefix="ard-estimate-") as name:
        scratch = Path(name)
        (product,) = index.products(study, settings)
        if product.state == "finished" and study.clips().is_file():
            yield Planned(study, settings, ClipTable(study.clips()), True, 0, 0, 0, scratch)
            return
        yield _read(study, settings, scratch, job)


def _read(study: Study, settings: Settings, scratch: Path, job: Job) -> Planned:
    kept = index.cache_path(study)
    if kept.is_file():
        shutil.copyfile(kept, index.cache_path(Study(scratch)))
    cache = FileCache(index.cache_path(Study(scratch)))
    try:
        found = index.listings(study, settings)
        with job.running(index.STAGE):
            print_, clips, unreadable = index.read_all(study, settings, found, cache, job)
    except Stopped:
        raise
    except ArdError as error:
        return Planned(study, settings, None, False, 0, 0, 0, scratch, error)
    files = sum(len(one.names) for one in found)
    if not clips:
        return Planned(study, settings, None, False, 0, files, len(unreadable), scratch)
    there = Study(scratch)
    path = there.clips_file(print_)
    clip_table.write(path, clips, unreadable, [str(one.root) for one in found])
    outputs = {"file": path.name, **index.summary(clips, unreadable)}
    write_json(there.index_manifest, {"format": 1, "fingerprint": print_, "outputs": outputs})
    size = sum(one.stat().st_size for one in (path, index.cache_path(there)) if one.is_file())
    seen = PlannedStudy(study.root, scratch)
    return Planned(seen, settings, ClipTable(path), False, size, files, len(unreadable), scratch)
