"""The study folder: where each thing lies, and nothing else knows the names (design §3)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.study.atomic import read_json


@dataclass(frozen=True)
class Study:
    """Paths inside one study folder. Building it touches nothing on disk."""

    root: Path

    @classmethod
    def open(cls, root: Path | str) -> Study:
        """The study at `root`; ArdError if there is no `study.toml`."""
        study = cls(Path(root).expanduser().resolve())
        if not study.toml.is_file():
            raise ArdError(
                "this folder is not a study: it has no study.toml",
                path=study.root,
                todo="Make one with: ard new DIR --model MODEL --audio FOLDER",
            )
        return study

    @property
    def toml(self) -> Path:
        return self.root / "study.toml"

    @property
    def lock(self) -> Path:
        return self.root / ".write.lock"

    @property
    def lock_owner(self) -> Path:
        """Who holds the write lock; there while it is held."""
        return self.root / ".write.owner.json"

    @property
    def index_manifest(self) -> Path:
        """Manifest of the index stage; its `file` names the valid `clips-<fp>.h5`."""
        return self.root / "clips.json"

    def clips_file(self, fp: str) -> Path:
        return self.root / f"clips-{fp}.h5"

    def clips(self) -> Path:
        """The valid clip table; ArdError if the index stage has not finished."""
        if not self.index_manifest.exists():
            raise ArdError("this study has no clip index yet", path=self.root, todo="Run: ard index")
        found = read_json(self.index_manifest)
        outputs = found.get("outputs") if isinstance(found, dict) else None
        if not isinstance(outputs, dict) or not isinstance(outputs.get("file"), str):
            raise ArdError("the clip index is damaged", path=self.index_manifest, todo="Run: ard index")
        return self.root / str(outputs["file"])

    def activations(self, layer: str, fp: str) -> Path:
        """Folder of one layer's shards under one extraction fingerprint."""
        return self.root / "activations" / layer / fp

    def sae(self, sae_id: str) -> Path:
        return self.root / "saes" / sae_id

    def features(self, sae_id: str) -> Path:
        """Folder of the results about one SAE (or `raw-<layer>` for raw units)."""
        return self.root / "features" / sae_id

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def sae_ids(self) -> list[str]:
        """Ids of the finished SAEs, sorted."""
        return sorted(p.parent.name for p in self.root.glob("saes/*/manifest.json"))

    def feature_ids(self) -> list[str]:
        """Ids with valid retrieval results, sorted."""
        return sorted(p.parent.name for p in self.root.glob("features/*/current.json"))

    def retrieval(self, sae_id: str) -> Path:
        """The valid retrieval file of `sae_id`; ArdError if there is none."""
        current = self.features(sae_id) / "current.json"
        if not current.exists():
            known = ", ".join(self.feature_ids()) or "none yet"
            raise ArdError(
                f"there are no ranked features for '{sae_id}' (there are: {known})",
                path=self.root,
                todo="Run: ard retrieve",
            )
        return self.features(sae_id) / str(self._current(sae_id)["retrieval"])

    def scores(self, sae_id: str) -> Path | None:
        """The valid scores file of `sae_id`; None where its features have no scores."""
        return self._named(sae_id, "scores")

    def concepts(self, sae_id: str) -> Path | None:
        """The valid concepts file of `sae_id`; None where its features are not described."""
        return self._named(sae_id, "concepts")

    def map(self, sae_id: str) -> Path | None:
        """The valid map of `sae_id`; None where there is none, or the SAE has other weights by now."""
        path, config = self._named(sae_id, "map"), self.sae(sae_id) / "config.json"
        if path is None or not config.is_file() or not path.with_suffix(".json").is_file():
            return None
        mapped = read_json(path.with_suffix(".json")).get("inputs", {}).get("weights", "")
        return path if mapped and mapped == read_json(config).get("weights_hash") else None

    def missing(self, sae_id: str) -> list[Path]:
        """Scores and concepts that are said to be valid and are not there; ArdError without ranked features."""
        named = [self._current(sae_id).get(key) for key in ("scores", "concepts")]
        return [path for path in (self.features(sae_id) / str(one) for one in named if one) if not path.is_file()]

    def _named(self, sae_id: str, key: str) -> Path | None:
        name = self._current(sae_id).get(key) if (self.features(sae_id) / "current.json").exists() else None
        path = self.features(sae_id) / str(name)
        return path if name and path.is_file() else None

    def _current(self, sae_id: str) -> dict[str, Any]:
        """Names of the valid results by kind, that of the retrieval file among them; ArdError if it is damaged."""
        path = self.features(sae_id) / "current.json"
        found = read_json(path)
        if not isinstance(found, dict) or not isinstance(found.get("retrieval"), str):
            raise ArdError("this list of results is damaged: it names no features", path=path, todo="Run: ard retrieve")
        return found

    def inside(self, path: Path) -> Path:
        """`path` resolved, or ArdError if it leaves the study: nothing outside is ever written or removed."""
        resolved = path.resolve()
        if not resolved.is_relative_to(self.root):
            raise ArdError("a path in the study points outside of it", path=path, todo="Remove that entry.")
        return resolved
