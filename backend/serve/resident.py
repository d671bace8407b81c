"""What the model server keeps in memory: the study's model, SAEs and text embedder, each loaded when first needed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from backend.describe.sources import embedder_source
from backend.errors import ArdError
from backend.serve.base import Talk
from backend.serve.memory import Memory
from backend.stages import retrieve
from backend.stages.base import Product
from backend.store.features import choose
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import read_json
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings, plain

if TYPE_CHECKING:
    from backend.describe.embedders.base import Embedder
    from backend.sae.base import Sae
    from backend.targets.base import Target

T = TypeVar("T")
KEPT, KEPT_BYTES = 8, 2**29
SCENES, SCENE_BYTES = 6, 2**30
ANSWERS, ANSWER_BYTES = 4096, 2**26
RAW = "raw-"


@dataclass(frozen=True)
class Ranked:
    """One ranking of the study, as its results say.

    Attributes
    ----------
    id : str
        The SAE's id, or "raw-<layer>".
    layer : str
    path : Path
        Its retrieval file.
    settings : dict
        The `[retrieve]` settings it was made with.
    dtype : str
        Precision in which the activations it was made from were kept; "" where they were not (A-09).
    figures : dict
        Of its manifest.
    weights : str
        Hash of the SAE's weights; "" for raw units.
    model : str
        Fingerprint of the model whose activations were ranked.
    """

    id: str
    layer: str
    path: Path
    settings: dict[str, Any]
    dtype: str
    figures: dict[str, Any]
    weights: str
    model: str

    @property
    def raw(self) -> bool:
        return self.id.startswith(RAW)


class Resident:
    """One study's models in memory. For one thread.

    `study.toml` is looked at with every request: after a change of `[model]` or `[embed]` the model or the embedder is
    loaded anew when it is next needed.

    Attributes
    ----------
    scenes, answers : Memory
        Of steering.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._settings: Settings | None = None
        self._read_at: tuple[int, int] = (0, 0)
        self._target: Target | None = None
        self._saes: dict[str, tuple[str, Sae]] = {}
        self._embedder: Embedder | None = None
        self._ranked: dict[str, tuple[Hashable, Ranked]] = {}
        self._kept = Memory(KEPT, KEPT_BYTES)
        self.scenes = Memory(SCENES, SCENE_BYTES)
        self.answers = Memory(ANSWERS, ANSWER_BYTES)

    @classmethod
    def open(cls, root: Path | str) -> Resident:
        """ArdError if there is no study at `root` or its study.toml cannot be used."""
        found = cls(Study.open(root))
        _ = found.settings
        return found

    @property
    def settings(self) -> Settings:
        """Those of study.toml as it is now; ArdError if they cannot be used."""
        try:
            status = self.study.toml.stat()
        except OSError as error:
            raise ArdError("the study is no longer there", path=self.study.root, todo="Open it again.") from error
        now = (status.st_mtime_ns, status.st_size)
        if self._settings is None or now != self._read_at:
            found, before = load_settings(self.study.toml), self._settings
            self._settings, self._read_at = found, now
            if before is not None:
                self._forget(before, found)
        return self._settings

    def _forget(self, before: Settings, now: Settings) -> None:
        self._forget_results()
        if plain(before.model) != plain(now.model):
            self._target = None
            self._saes.clear()
        if plain(before.embed) != plain(now.embed) or before.model.device != now.model.device:
            self._close_embedder()

    def target(self, talk: Talk) -> Target:
        """The study's model; ArdError as `load_target`."""
        section = self.settings.model
        if self._target is None:
            talk.step("loading the model")
            from backend.targets.load import load_target

            self._target = load_target(section)
            talk.check()
        return self._target

    def ranked(self, asked: str) -> Ranked:
        """The ranking `asked`, "" for the only SAE there is; ArdError naming those there are."""
        if not asked:
            asked = choose(self.study, asked)
        try:
            status = (self.study.features(asked) / "current.json").stat()
        except OSError:
            return self._read_ranked(asked)
        # current.json is replaced last of all results; reading the others takes longer than a model's step
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino, self._read_at)
        known = self._ranked.get(asked)
        if known is None or known[0] != stamp:
            known = self._ranked[asked] = (stamp, self._read_ranked(asked))
        return known[1]

    def _read_ranked(self, asked: str) -> Ranked:
        name = choose(self.study, asked)
        folder = self.study.features(name)
        manifest = read_manifest(folder / str(read_json(folder / "current.json")["manifest"]))
        path = self.study.retrieval(name)
        with RetrievalFile(path) as file:
            settings = file.settings
        layer, inputs = str(manifest["settings"]["layer"]), manifest["inputs"]
        dtype = self._dtype(layer, str(inputs["activations"]))
        weights, model = str(inputs.get("weights", "")), str(inputs.get("model", ""))
        return Ranked(name, layer, path, settings, dtype, manifest["figures"], weights, model)

    def _dtype(self, layer: str, fp: str) -> str:
        manifest = self.study.activations(layer, fp) / "manifest.json"
        extract = self.settings.extract
        if manifest.exists():
            found = read_manifest(manifest)["outputs"]["dtypes"]
            # where shards differ, float16 gave way to bfloat16 in those that would overflow, as it does for one sound
            return str(found[0]) if len(found) == 1 else "float16"
        return "" if extract.storage == "stream" else extract.dtype

    def check_weights(self, ranked: Ranked) -> None:
        """ArdError if the SAE's weights are others than those whose features were ranked."""
        if ranked.raw:
            return
        folder = self.study.sae(ranked.id)
        if str(read_json(folder / "config.json")["weights_hash"]) != ranked.weights:
            raise ArdError(
                f"the SAE '{ranked.id}' has changed since its features were ranked", path=folder, todo="Run: ard run"
            )

    def sae(self, ranked: Ranked, talk: Talk) -> Sae:
        """The SAE of a ranking, on the model's device; ArdError as `check_weights`, and if its file is damaged."""
        from backend.sae.files import load_sae
        from backend.targets.load import choose_device

        self.check_weights(ranked)
        known = self._saes.get(ranked.id)
        if known is None or known[0] != ranked.weights:
            talk.step("loading the SAE")
            device = choose_device(self.settings.model.device)
            known = self._saes[ranked.id] = (ranked.weights, load_sae(self.study.sae(ranked.id), device))
        return known[1]

    def embedder(self, talk: Talk) -> Embedder:
        """The study's embedder, which is that of its scores (see `Text.why_not`); ArdError if it cannot be loaded."""
        section, model = self.settings.embed, self.settings.model
        if self._embedder is None:
            talk.step("loading the embedder")
            from backend.describe.embedders.base import EMBEDDERS

            load = EMBEDDERS.get(section.embedder).load
            self._embedder = load(section, model.device, local_files_only=model.local_files_only)
            talk.check()
        return self._embedder

    def stale(self) -> dict[str, bool]:
        """Of each ranking, whether its settings or inputs have changed since it was made; ArdError if unknown."""
        found: list[Product] = retrieve.products(self.study, self.settings)
        return {one.name: one.state != "finished" for one in found}

    def embedder_of_settings(self) -> dict[str, Any]:
        """Identity of the embedder that study.toml names."""
        return embedder_source(self.settings)

    def kept(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int] = lambda value: 0) -> T:
        """What `make` gave for `key`: the last few are kept, as far as there is room for their sizes in bytes.

        Keys name everything a value depends on.
        """
        return self._kept.kept(key, make, size)

    @property
    def loaded(self) -> list[str]:
        """What is in memory: "model", "embedder" and the ids of SAEs."""
        names = ["model"] * (self._target is not None) + ["embedder"] * (self._embedder is not None)
        return names + sorted(self._saes)

    def close(self) -> None:
        """Let everything go; an embedder in a process of its own is ended."""
        self._target = None
        self._saes.clear()
        self._forget_results()
        self._close_embedder()

    def _forget_results(self) -> None:
        for memory in (self._kept, self.scenes, self.answers):
            memory.clear()

    def _close_embedder(self) -> None:
        embedder, self._embedder = self._embedder, None
        if embedder is not None:
            embedder.close()
