"""`ard compare`: which features two SAEs of a study share (S-14, S-19). Made when somebody asks for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backend.errors import ArdError
from backend.export.comparison import plain_figures
from backend.extract.recipe import recipes
from backend.jobs.job import Job
from backend.stages.base import Product
from backend.store import comparison as store
from backend.store.activations import ActivationStore
from backend.store.clips import ClipTable
from backend.study.atomic import read_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import is_current, read_manifest, write_manifest
from backend.study.settings import Settings

if TYPE_CHECKING:
    from backend.analyse.overlap import Overlap
    from backend.analyse.partners import Partners
    from backend.sae.base import Sae

STAGE = "compare"
MATCHING = 1
"""Raised when the same settings give another comparison."""
LISTED = 4
"""Nearest directions that are kept, and whose IoU is measured, per feature."""


@dataclass(frozen=True)
class Compared:
    """One of the two SAEs.

    Attributes
    ----------
    id, layer, weights : str
    d : int
    activations : ActivationStore or None
        Of its layer; None where they are not stored.
    """

    id: str
    layer: str
    weights: str
    d: int
    activations: ActivationStore | None


def run(study: Study, settings: Settings, a: str, b: str, job: Job) -> Path:
    """Compare the SAEs `a` and `b` and return the comparison's file; one that is there already is only named.

    A killed run leaves nothing that counts and gives the same when run again.

    Raises
    ------
    ArdError
        If an SAE is not there, they are the same, or their directions lie in spaces of different width.
    Stopped
        If the user asked for it.
    """
    if a == b:
        raise ArdError(f"'{a}' is compared with itself", path=study.root, todo="Name two SAEs.")
    one, other = (_compared(study, settings, name) for name in (a, b))
    if one.d != other.d:
        raise ArdError(
            f"the directions of {a} have width {one.d}, those of {b} {other.d}: they cannot be compared",
            path=study.root,
            todo="Name two SAEs of layers of the same width.",
        )
    reason = _no_iou(one, other)
    stores = [side.activations.fingerprint if side.activations and not reason else "" for side in (one, other)]
    wanted: dict[str, Any] = {"listed": LISTED, "matching": MATCHING}
    inputs = {
        "a": a, "a_weights": one.weights, "a_activations": stores[0],
        "b": b, "b_weights": other.weights, "b_activations": stores[1],
        "clips": "" if reason else store.clip_list(study), "without_iou": reason,
    }  # fmt: skip
    print_ = fingerprint({"settings": wanted, "inputs": inputs})
    folder = study.inside(store.folder(study) / print_)
    path = folder / "pairs.h5"
    if path.is_file() and is_current(folder / "manifest.json", print_):
        job.current(STAGE)
        return path
    with job.running(STAGE):
        _Comparison(study, settings, one, other, reason, job).make(path, wanted, inputs, print_)
    return path


class _Comparison:
    """One comparison to be made."""

    def __init__(
        self, study: Study, settings: Settings, a: Compared, b: Compared, reason: str, job: Job
    ) -> None:  # fmt: skip
        from backend.sae.files import load_sae
        from backend.targets.load import choose_device

        self.study, self.settings, self.a, self.b, self.job = study, settings, a, b, job
        self.without_iou = reason
        self.memory = settings.retrieve.memory_mb * 2**20 // 4
        device = choose_device(settings.model.device)
        self.first: Sae = load_sae(study.sae(a.id), device)
        self.second: Sae = load_sae(study.sae(b.id), device)

    def make(self, path: Path, settings: dict[str, Any], inputs: dict[str, Any], print_: str) -> None:
        """Match, encode, write the file and, last, its manifest."""
        from backend.analyse.partners import mutual

        began = time.monotonic()
        ab, ba = self._match(self.first, self.second), self._match(self.second, self.first)
        overlap = None if self.without_iou else self._encode(ab, ba)
        sides = (
            self._side(self.a, ab, mutual(ab, ba), overlap, first=True),
            self._side(self.b, ba, mutual(ba, ab), overlap, first=False),
        )
        tokens = overlap.tokens if overlap else 0
        store.write(path, *sides, tokens=tokens, without_iou=self.without_iou, settings=settings)
        write_manifest(
            path.with_name("manifest.json"),
            stage=STAGE,
            fingerprint=print_,
            settings=settings,
            inputs=inputs,
            outputs={"file": path.name, "bytes": path.stat().st_size, "tokens": tokens},
            figures={name: plain_figures(side) for name, side in zip(store.SIDES, sides, strict=True)},
            seconds=time.monotonic() - began,
            device=str(self.first.W_dec.device),
        )
        for side in sides:
            self.job.message(
                f"{side.id}: {int((~side.without).sum())} of {side.features} features have a partner "
                f"(cosine of {store.PARTNER} or more), {int((side.mutual & ~side.without).sum())} a mutual one"
            )

    def _match(self, one: Sae, other: Sae) -> Partners:
        from backend.analyse.partners import partners

        features = one.config.n_features
        self.job.begin_progress("directions compared")

        def compared(done: int) -> None:
            self.job.progress(done, features)
            self.job.check_stop()

        return partners(one.W_dec, other.W_dec, LISTED, self.memory, compared)

    def _encode(self, ab: Partners, ba: Partners) -> Overlap | None:
        """Activity of the matched pairs on the probing clips; None, with the reason kept, where there are no tokens."""
        from backend.analyse.overlap import Overlap
        from backend.analyse.paired_codes import PairedTokens, paired_codes

        batch = self.settings.retrieve.batch_tokens
        assert self.a.activations is not None
        assert self.b.activations is not None
        tokens = PairedTokens(self.a.activations, self.b.activations, ClipTable(self.study.clips()).probe, batch)
        if tokens.unlike:
            text = f"{tokens.unlike} clips have another number of tokens in {self.b.layer} than in {self.a.layer}"
            self.job.message(f"{text}; they are left out of the IoU", level="warning")
        if not tokens.clips:
            self.without_iou = "no clip of the probing set has activations in both layers"
            return None
        numbers = [np.repeat(np.arange(len(side.feature)), side.feature.shape[1]) for side in (ab, ba)]
        pairs = (
            np.concatenate([numbers[0], ba.feature.ravel()]), np.concatenate([ab.feature.ravel(), numbers[1]])
        )  # fmt: skip
        overlap = Overlap(*pairs, (len(ab.feature), len(ba.feature)), self.memory)
        self.job.begin_progress("clips")
        for done, of_a, of_b in paired_codes(tokens, self.first, self.second, batch):
            overlap.add(of_a, of_b)
            self.job.progress(done, tokens.clips)
            self.job.check_stop()
        return overlap

    def _side(
        self, one: Compared, found: Partners, both_ways: Any, overlap: Overlap | None, *, first: bool
    ) -> store.Side:  # fmt: skip
        shape = found.feature.shape
        if overlap is None:
            iou, active = np.full(shape, np.nan, np.float32), np.full(shape[0], -1, np.int64)
        else:
            values, active = overlap.iou(), overlap.active_a if first else overlap.active_b
            iou = (values[: found.feature.size] if first else values[-found.feature.size :]).reshape(shape)
        return store.Side(one.id, one.weights, found.feature, found.cosine, iou, both_ways, active)


def _compared(study: Study, settings: Settings, sae_id: str) -> Compared:
    path = study.sae(sae_id) / "manifest.json"
    if sae_id.startswith("raw-") or not path.is_file():
        known = ", ".join(study.sae_ids()) or "none yet"
        raise ArdError(f"there is no finished SAE '{sae_id}' (there are: {known})", path=study.root)
    layer = str(read_manifest(path)["settings"].get("layer", ""))
    return Compared(
        sae_id, layer, store.weights_of(study, sae_id), _width(study, sae_id), _activations(study, settings, layer)
    )  # fmt: skip


def _width(study: Study, sae_id: str) -> int:
    return int(read_json(study.sae(sae_id) / "config.json")["d"])


def _activations(study: Study, settings: Settings, layer: str) -> ActivationStore | None:
    """The stored activations of a layer; None where there are none, for whatever reason."""
    if settings.extract.storage != "cache" or not study.index_manifest.is_file():
        return None
    for recipe in recipes(study, settings):
        folder = recipe.folder(study)
        product = Product("extract", layer, folder / "manifest.json", recipe.fingerprint)
        if recipe.layer == layer and product.state == "finished":
            return ActivationStore(folder)
    return None


def _no_iou(a: Compared, b: Compared) -> str:
    """Why the two cannot be encoded token by token; "" if they can."""
    for side in (a, b):
        if side.activations is None:
            return f"the activations of {side.layer} are not stored"
    if a.layer.rpartition(".")[0] != b.layer.rpartition(".")[0]:
        return f"{a.layer} and {b.layer} do not have the same tokens"
    return ""
