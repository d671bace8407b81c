"""`ard retrieve`: which clips stand for each feature of each SAE, with exact scores (A-20…A-25, A-37a)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.extract.recipe import Recipe, recipes
from backend.jobs.job import Job
from backend.stages.base import Product
from backend.store.clips import ClipTable
from backend.store.effects import KEY as EFFECTS
from backend.store.effects import current_effects
from backend.study.atomic import read_json, remove_leftovers, write_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import is_current, read_manifest, write_manifest
from backend.study.settings import Settings, plain
from backend.train.jobs import sae_jobs

if TYPE_CHECKING:
    from backend.retrieval.collect import Collection, FeatureCollection, UnitCollection
    from backend.retrieval.result import Result
    from backend.retrieval.source import Source

STAGE = "retrieve"
OF_RAW_UNITS = ("raw_units", "raw_reading")
NOT_OF_UNITS = ("neighbours", "max_tokens_window")


@dataclass(frozen=True)
class Ranking:
    """One ranking that the settings ask for.

    Attributes
    ----------
    id : str
        Name under `features/`: the SAE's id, or "raw-<layer>".
    recipe : Recipe
        Of the activations it reads.
    sae : Path or None
        The SAE's folder; None for raw units.
    settings, inputs : dict
        For the manifest.
    fingerprint : str
        Hash of both; "" while an input is missing.
    """

    id: str
    recipe: Recipe
    sae: Path | None
    settings: dict[str, Any]
    inputs: dict[str, Any]
    fingerprint: str

    @property
    def layer(self) -> str:
        return self.recipe.layer


def rankings(study: Study, settings: Settings) -> list[Ranking]:
    """The trained SAEs of the grid, imported SAEs on the study's layers, and raw units if asked for."""
    by_layer = {recipe.layer: recipe for recipe in recipes(study, settings)}
    wanted = {job.id: (job.layer, job.fingerprint) for job in sae_jobs(study, settings)}
    for name in study.sae_ids():
        manifest = read_manifest(study.sae(name) / "manifest.json")
        if name not in wanted and manifest.get("stage") != "train" and manifest["settings"].get("layer") in by_layer:
            wanted[name] = (manifest["settings"]["layer"], manifest["fingerprint"])
    found = [_of_sae(study, settings, name, by_layer[layer], print_) for name, (layer, print_) in wanted.items()]
    if settings.retrieve.raw_units:
        found += [_of_units(settings, recipe) for recipe in by_layer.values()]
    return found


def _of_sae(study: Study, settings: Settings, name: str, recipe: Recipe, wanted: str) -> Ranking:
    values = {k: v for k, v in plain(settings.retrieve).items() if k not in ("memory_mb", *OF_RAW_UNITS)}
    folder = study.sae(name)
    there = wanted != "" and is_current(folder / "manifest.json", wanted)
    weights = str(read_json(folder / "config.json")["weights_hash"]) if there else ""
    inputs = {"sae": wanted, "weights": weights, "activations": recipe.fingerprint, **recipe.inputs}
    print_ = fingerprint({"settings": values, "inputs": inputs}) if there and recipe.fingerprint else ""
    return Ranking(name, recipe, folder, {"layer": recipe.layer, **values}, inputs, print_)


def _of_units(settings: Settings, recipe: Recipe) -> Ranking:
    values = {k: v for k, v in plain(settings.retrieve).items() if k not in ("memory_mb", "raw_units", *NOT_OF_UNITS)}
    inputs = {"activations": recipe.fingerprint, **recipe.inputs}
    print_ = fingerprint({"settings": values, "inputs": inputs}) if recipe.fingerprint else ""
    return Ranking(f"raw-{recipe.layer}", recipe, None, {"layer": recipe.layer, **values}, inputs, print_)


def products(study: Study, settings: Settings) -> list[Product]:
    """One product per SAE, and per layer for raw units; its manifest is the one `current.json` names."""
    return [
        Product(STAGE, r.id, _current_manifest(study, r) or _manifest(study, r), r.fingerprint, {"layer": r.layer})
        for r in rankings(study, settings)
    ]


def _name(ranking: Ranking) -> str:
    return f"retrieval-{ranking.fingerprint or 'none'}"


def _manifest(study: Study, ranking: Ranking) -> Path:
    return study.features(ranking.id) / f"{_name(ranking)}.json"


def _current_manifest(study: Study, ranking: Ranking) -> Path | None:
    current = study.features(ranking.id) / "current.json"
    if not current.exists():
        return None
    return study.features(ranking.id) / str(read_json(current)["manifest"])


def run(study: Study, settings: Settings, job: Job) -> None:
    """Rank what is missing or stale: one pass over the activations for all of it.

    A killed run goes on after the last whole shard and ends with the same file. Raises Stopped where
    the user asked for it.
    """
    missing = [r for r in rankings(study, settings) if r.fingerprint and not _is_current(study, r)]
    if not missing:
        job.current(STAGE)
        return
    with job.running(STAGE):
        _Retrieval(study, settings, job, missing).run()


def _is_current(study: Study, ranking: Ranking) -> bool:
    manifest = _current_manifest(study, ranking)
    return manifest is not None and is_current(manifest, ranking.fingerprint)


@dataclass
class _Retrieval:
    study: Study
    settings: Settings
    job: Job
    rankings: list[Ranking]

    def run(self) -> None:
        from backend.targets.load import choose_device

        self.device = choose_device(self.settings.model.device)
        self.table = ClipTable(self.study.clips())
        if self.settings.extract.storage == "stream":
            self._pass(self.rankings)
            return
        for layer in dict.fromkeys(r.layer for r in self.rankings):
            self._pass([r for r in self.rankings if r.layer == layer])

    def _pass(self, rankings: Sequence[Ranking]) -> None:
        """One pass over the activations for several rankings, then each one's file."""
        from backend.retrieval.collect import collect

        began = time.monotonic()
        for one in rankings:
            self._clear_others(one)
        source = self._source([one.recipe for one in rankings])
        collections = {one.id: self._collection(one, len(rankings)) for one in rankings}
        by_layer: dict[str, list[Collection]] = {}
        for one in rankings:
            by_layer.setdefault(one.layer, []).append(collections[one.id])
        collect(source, by_layer, self.job)
        passed = time.monotonic() - began
        for one in rankings:
            began = time.monotonic()
            path = self.study.features(one.id) / f"{_name(one)}.h5"
            result = self._finish(one, collections[one.id], source.shards(one.layer), path)
            self._publish(one, path, result, passed, time.monotonic() - began)

    def _source(self, layers: Sequence[Recipe]) -> Source:
        from backend.retrieval.source import CachedSource, LiveSource
        from backend.store.activations import ActivationStore

        if self.settings.extract.storage == "stream":
            return LiveSource(self.settings, self.table, list(dict.fromkeys(r.layer for r in layers)), self.job)
        stores = {recipe.layer: ActivationStore(recipe.folder(self.study)) for recipe in layers}
        return CachedSource(stores, self.table.probe, self.settings.retrieve.batch_tokens)

    def _collection(self, one: Ranking, sharing: int) -> FeatureCollection | UnitCollection:
        from backend.retrieval.collect import FeatureCollection, UnitCollection
        from backend.sae.files import load_sae

        section = self.settings.retrieve
        if one.sae is None:
            return UnitCollection(self._spill(one), self.device)
        return FeatureCollection(
            self._spill(one),
            load_sae(one.sae, self.device),
            score=section.score,
            window=section.max_tokens_window,
            batch_tokens=section.batch_tokens,
            memory=section.memory_mb * 2**20 // (2 * sharing),
            job=self.job,
        )

    def _finish(
        self, one: Ranking, collection: FeatureCollection | UnitCollection, shards: Sequence[str], path: Path
    ) -> Result:
        from backend.retrieval.collect import UnitCollection
        from backend.retrieval.result import finish_features, finish_units

        section, stop = self.settings.retrieve, self.job.check_stop
        if isinstance(collection, UnitCollection):
            return finish_units(path, collection, shards, one.recipe.d, self.table, section, stop)
        self.job.begin_progress("features")
        return finish_features(path, collection, shards, self.table, section, stop, self.job.progress)

    def _publish(self, one: Ranking, path: Path, result: Result, passed: float, merged: float) -> None:
        """Manifest, then `current.json`, then nothing else of this ranking is left."""
        manifest = _manifest(self.study, one)
        write_manifest(
            manifest,
            stage=STAGE,
            fingerprint=one.fingerprint,
            settings=one.settings,
            inputs=one.inputs,
            outputs={"file": path.name, "features": result.features, "bytes": path.stat().st_size},
            figures={**result.figures, "pass_seconds": round(passed, 3), "merge_seconds": round(merged, 3)},
            seconds=passed + merged,
            device=str(self.device),
        )
        current: dict[str, Any] = {
            "retrieval": path.name, "manifest": manifest.name, "fingerprint": one.fingerprint
        }  # fmt: skip
        mapped, effects = self.study.map(one.id), current_effects(self.study, one.id)
        if mapped is not None:
            current["map"] = mapped.name
        if effects:
            current[EFFECTS] = {concept: file.name for concept, file in effects.items()}
        write_json(self.study.features(one.id) / "current.json", current)
        for old in self.study.features(one.id).glob("retrieval-*"):
            if old.name not in current.values():
                with suppress(OSError):  # a reader elsewhere may hold it open; `ard gc` removes it later
                    old.unlink()
        shutil.rmtree(self._spill(one), ignore_errors=True)
        dead, short = result.figures["dead"], result.figures["insufficient"]
        self.job.message(f"{one.id}: {result.features} features ranked, {short} with too few clips, {dead} dead")

    def _spill(self, one: Ranking) -> Path:
        """Folder of the committed shards; how the probing set is cut belongs to its name."""
        extract, section = self.settings.extract, self.settings.retrieve
        cut = fingerprint([one.fingerprint, extract.storage, extract.shard_tokens, section.score])
        return self.study.features(one.id) / f"spill-{cut}"

    def _clear_others(self, one: Ranking) -> None:
        """Remove what a killed run, or one under other settings, left behind."""
        folder = self.study.features(one.id)
        remove_leftovers(folder)
        for other in folder.glob("spill-*"):
            if other != self._spill(one):
                shutil.rmtree(other, ignore_errors=True)
