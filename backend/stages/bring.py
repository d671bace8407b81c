"""Bring an SAE from outside into a study: find its layer's activations, verify it on them, write its folder (P-13)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.jobs.runner import TEMPORARY
from backend.stages import pipeline
from backend.store.activations import ActivationStore
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings

if TYPE_CHECKING:
    from backend.sae.formats.verify import Verification

STAGE = "import"
NAME = re.compile(r"\w[\w.-]*")
NOT_IN_NAMES = re.compile(r"[^\w.-]+")
OF_A_KILLED_IMPORT = {"sae.safetensors", "config.json"}
"""What an import writes before its manifest; training leaves its log and checkpoint beside them."""


@dataclass(frozen=True)
class Wanted:
    """What is to be imported.

    Attributes
    ----------
    source : Path
        File or folder in any format of `backend.sae.formats`.
    layer : str
        The study's layer that it reads, e.g. "encoder.11".
    name : str
        Its id in the study; "" for layer and file name.
    format : str
        "auto" to recognise it.
    architecture, k : optional
        What the file leaves open.
    """

    source: Path
    layer: str
    name: str = ""
    format: str = "auto"
    architecture: str | None = None
    k: int | None = None

    @property
    def id(self) -> str:
        return self.name or f"{self.layer}-{NOT_IN_NAMES.sub('-', self.source.resolve().stem)}"

    @property
    def choices(self) -> dict[str, Any]:
        return {"format": self.format, "architecture": self.architecture, "k": self.k}


@dataclass(frozen=True)
class Brought:
    """Id of the SAE in the study, what was measured (`Verification.to_json`), and what a person should know of it."""

    id: str
    verification: dict[str, Any]
    warnings: list[str]


def run(study: Study, settings: Settings, wanted: Wanted, job: Job) -> Brought:
    """Import the SAE as a job; one that the study has under this id already is only named.

    Raises
    ------
    ArdError
        As `bring_sae` does.
    Stopped
        If the user asked for it; nothing is written then.
    """
    there = _there_already(study, settings, wanted)
    if there is not None:
        job.current(STAGE)
        return there
    with job.running(STAGE):
        job.begin_progress("conventions tried")

        def told(done: int, total: int) -> None:
            job.progress(done, total)
            job.check_stop()

        brought = bring_sae(study, settings, wanted, told)
        job.message(in_words(brought))
        for text in brought.warnings:
            job.message(text, level="warning")
    return brought


def in_words(brought: Brought) -> str:
    """The figures as a sentence."""
    chosen, tokens = brought.verification["chosen"], brought.verification["tokens"]
    return (
        f"{brought.id}: FVU {chosen['fvu']:.4f}, L0 {chosen['l0']:.1f} on {tokens} tokens "
        f"(bias {chosen['bias_mode']}, scaling {chosen['input_scaling']})"
    )


def bring_sae(
    study: Study, settings: Settings, wanted: Wanted, told: Callable[[int, int], None] = lambda done, total: None
) -> Brought:
    """Import an SAE. `told` is called as by `backend.sae.formats.verify.examine`.

    Raises
    ------
    ArdError
        The study has no activations of the layer, the name cannot be used or is taken, or the SAE is not one that
        ARD can read or does not reconstruct the activations.
    """
    from backend.sae.formats.exchange import activation_sample, import_sae

    store = _activations(study, settings, wanted.layer)
    folder = _free_folder(study, wanted)
    x, lengths = activation_sample(store)
    import_sae(
        wanted.source, folder, x, layer=wanted.layer, clip_lengths=lengths, activations_fingerprint=store.fingerprint,
        told=told, **wanted.choices,
    )  # fmt: skip
    return _brought(wanted, folder / "manifest.json")


def check(study: Study, settings: Settings, wanted: Wanted) -> dict[str, Any]:
    """What an import would find; nothing is written.

    Returns
    -------
    dict
        `id`, `layer`, and as far as they could be found out `format`, `architecture`, `d`, `features`, `k` (null for
        JumpReLU), `declared_layer` (0-based block, null where the file names none), `tokens` the SAE was measured on,
        `candidates` with `bias_mode`, `input_scaling`, `fvu` (null where x̂ is not finite), `l0`, `declared`, `chosen`,
        `warnings`, and `problem`: why the import would be refused, "" if it would not.
    """
    found: dict[str, Any] = {
        "id": wanted.id, "layer": wanted.layer, "format": "", "architecture": "", "d": None, "features": None,
        "k": None, "declared_layer": None, "tokens": 0, "candidates": [], "warnings": [], "problem": "",
    }  # fmt: skip
    try:
        _check_into(found, study, settings, wanted)
    except ArdError as error:
        found["problem"] = str(error)
    return found


def _check_into(found: dict[str, Any], study: Study, settings: Settings, wanted: Wanted) -> None:
    from backend.sae.formats.exchange import activation_sample, read_published
    from backend.sae.formats.verify import examine

    found["format"], read = read_published(wanted.source, **wanted.choices)
    config = read.config
    found |= {"architecture": config.architecture, "d": config.d, "features": config.n_features}
    found |= {"k": None if config.architecture == "jumprelu" else config.k, "declared_layer": read.layer}
    found["warnings"] = [*read.notes, *_of_another_block(read.layer, wanted.layer)]
    store = _activations(study, settings, wanted.layer)
    _free_folder(study, wanted)
    verification = examine(read, *activation_sample(store))
    found["tokens"] = verification.tokens
    found["candidates"] = _candidates(verification)
    found["warnings"] += verification.warnings
    refusal = verification.refusal()
    if refusal is not None:
        raise refusal


def _candidates(verification: Verification) -> list[dict[str, Any]]:
    plain = verification.to_json()
    return [
        {**one, "declared": one == plain["declared"], "chosen": one == plain["chosen"]} for one in plain["tried"]
    ]  # fmt: skip


def _of_another_block(declared: int | None, layer: str) -> list[str]:
    number = layer.rpartition(".")[2]
    if declared is None or not number.isdecimal() or int(number) == declared:
        return []
    return [f"the file says that it belongs to block {declared} (the first is 0), and it is to read {layer}"]


def _activations(study: Study, settings: Settings, layer: str) -> ActivationStore:
    products = pipeline.stage("extract").products(study, settings)
    found = [one for one in products if one.name == layer and one.state == "finished"]
    if not found:
        known = ", ".join(one.name for one in products if one.state == "finished") or "none yet"
        raise ArdError(
            f"this study has no activations of layer '{layer}' (there are: {known})",
            path=study.root,
            todo="Name that layer in model.layers of study.toml and run: ard extract",
        )
    return ActivationStore(found[0].manifest.parent)


def _free_folder(study: Study, wanted: Wanted) -> Path:
    """Where the SAE goes; ArdError if the id cannot be used, or is that of another SAE."""
    if not NAME.fullmatch(wanted.id):
        raise ArdError(
            f"'{wanted.id}' cannot be the id of an SAE", todo="Give it a --name of letters, digits, . _ and -."
        )
    folder = study.inside(study.sae(wanted.id))
    there = {path.name for path in folder.iterdir() if not TEMPORARY.fullmatch(path.name)} if folder.exists() else set()
    if not there <= OF_A_KILLED_IMPORT:
        raise ArdError(f"there is an SAE '{wanted.id}' already", path=folder, todo="Give it another --name.")
    return folder


def _there_already(study: Study, settings: Settings, wanted: Wanted) -> Brought | None:
    """The import that a repeated one would give again: the same file for the same activations under the same id."""
    from backend.sae.formats.exchange import source_hash

    manifest = study.sae(wanted.id) / "manifest.json"
    if not NAME.fullmatch(wanted.id) or not manifest.is_file() or not wanted.source.exists():
        return None
    found = read_manifest(manifest)
    inputs = {
        "source": wanted.source.name,
        "source_hash": source_hash(wanted.source),
        "activations": _activations(study, settings, wanted.layer).fingerprint,
    }
    settled, sae = found["settings"], found["settings"].get("sae", {})
    same = (
        found["stage"] == STAGE
        and found["inputs"] == inputs
        and settled.get("layer") == wanted.layer
        and wanted.architecture in (None, sae.get("architecture"))
        and wanted.k in (None, sae.get("k"))
    )
    return _brought(wanted, manifest) if same else None


def _brought(wanted: Wanted, manifest: Path) -> Brought:
    found = read_manifest(manifest)
    figures = found["figures"]
    aside = _of_another_block(found["outputs"].get("declared_layer"), wanted.layer)
    return Brought(wanted.id, figures["verification"], [*aside, *figures["verification"]["warnings"]])
