"""`ard gc`: remove results that nothing names any more."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from backend.errors import ArdError
from backend.jobs.lock import write_lock
from backend.jobs.runner import TEMPORARY
from backend.stages import pipeline
from backend.study import queue
from backend.study.configuration import load_settings
from backend.study.folder import Study

FINGERPRINT = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")


def collect(study: Study, *, dry_run: bool) -> list[tuple[Path, int]]:
    """Remove clip tables, activations and rankings that are neither current nor named by any result.

    SAEs are never removed: each is named by its own folder, and so is what it was trained on, as long as it
    stands. Everything is checked to lie inside the study before it goes, links are not followed.

    Returns what was (or would be) removed, relative to the study, with its bytes.
    """
    with write_lock(study):
        named = _named(study)
        found = [path for path in _candidates(study) if _is_garbage(path, named)]
        found += [*_leftovers(study), *_stream_buffers(study), *_left_by_the_queue(study)]
        removed = []
        for path in found:
            if path.is_symlink():
                continue
            study.inside(path)
            removed.append((path.relative_to(study.root), _bytes(path)))
            if dry_run:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return removed


def _named(study: Study) -> set[str]:
    """Every fingerprint that a valid result or the present settings mention.

    Raises ArdError if the present settings' results cannot be found out: then nothing may be removed.
    """
    settings = load_settings(study.toml)
    named: set[str] = set()
    for name in pipeline.ORDER:
        for product in pipeline.stage(name).products(study, settings):
            if not product.fingerprint and product.manifest.exists():
                raise ArdError(
                    f"it cannot be told which results of {name} are still valid",
                    path=study.root,
                    todo="See `ard status`; run gc when every folder of sound is there.",
                )
            named.add(product.fingerprint)
    witnesses = [study.index_manifest, *study.root.glob("saes/*/manifest.json")]
    for current in study.root.glob("features/*/current.json"):
        named |= _mentioned(current)
        names = json.loads(current.read_text(encoding="utf-8")).values()
        witnesses += [current.parent / f"{Path(name).stem}.json" for name in names if isinstance(name, str)]
        witnesses += [current.parent / "manifest.json"]
    for path in witnesses:
        named |= _mentioned(path)
    return named - {""}


def _mentioned(path: Path) -> set[str]:
    return set(FINGERPRINT.findall(path.read_text(encoding="utf-8"))) if path.is_file() else set()


def _candidates(study: Study) -> Iterator[Path]:
    """What carries a fingerprint in its name."""
    yield from sorted(study.root.glob("clips-*.h5"))
    yield from sorted(study.root.glob("activations/*/*"))
    yield from sorted(p for p in study.root.glob("features/*/*") if p.name != "current.json")
    yield from sorted(study.root.glob("describe/*"))


def _is_garbage(path: Path, named: set[str]) -> bool:
    mine = FINGERPRINT.findall(path.name)
    return bool(mine) and not named.intersection(mine)


def _leftovers(study: Study) -> Iterator[Path]:
    """Temporary files of killed writers; the lock is held, so nobody is writing them."""
    folders = ("", "activations/*/*/", "saes/*/", "saes/*/*/", "features/*/", "describe/*/")
    for pattern in (f"{folder}.*.tmp" for folder in folders):
        yield from (p for p in sorted(study.root.glob(pattern)) if TEMPORARY.fullmatch(p.name))


def _left_by_the_queue(study: Study) -> Iterator[Path]:
    """What commands printed whose requests have left the queue."""
    folder = queue.folder(study)
    with suppress(ArdError):
        study.inside(folder)
        for pattern in ("*.out", "*.process"):
            yield from (path for path in sorted(folder.glob(pattern)) if not path.with_suffix(".json").exists())


def _stream_buffers(study: Study) -> Iterator[Path]:
    """Saved buffers of live streams, once no SAE is left that could go on from them."""
    trained = pipeline.stage("train").products(study, load_settings(study.toml))
    if all(product.state == "finished" for product in trained):
        yield from sorted(study.root.glob("checkpoints/*"))


def _bytes(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink())
    return path.stat().st_size
