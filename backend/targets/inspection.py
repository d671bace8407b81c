"""`ard inspect-model`: what a model is, what of it is on this disk, and what stands in the way of loading it.

Only headers and small files are read. Of a hub id nothing but those JSON files is fetched that say which layers it has.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.identity import ModelIdentity, cached_folder, identify, is_hub_id, lacking, not_on_hub
from backend.targets.identity import offline as out_of_reach
from backend.targets.weights import Weights, weights_of

HUB_SECONDS = 10.0
SMALL = (".json", ".model", ".txt", ".jinja")
SHARDS = {
    "safetensors": re.compile(r"model(-\d+-of-\d+)?\.safetensors"),
    "bin": re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin"),
}
"""Weights as `from_pretrained` looks for them; safetensors before anything else (Rule 7)."""


@dataclass(frozen=True)
class Inspection:
    """What is known of a model before it is loaded.

    Attributes
    ----------
    model : str
        As it was asked for.
    place : "folder", "cache" or "hub"
        A folder; the hub's cache on this disk, with all that loading needs; or the hub, from where something of it
        would be downloaded.
    complete : bool
        Whether it can be loaded without a download.
    stacks : list of dict
        `name`, `layers`, `d`, `tokens_per_second` (None where that is not fixed) and `usual` (a bare layer number means
        this stack); the usual one first.
    parameters, weight_bytes : int or None
        None where no header and no hub says it.
    missing : list of str
        Files that loading needs and that are not on this disk.
    to_download_bytes : int or None
        0 where nothing is missing; None where nobody can say: an incomplete folder, or a hub out of reach.
    problems : list of dict
        `what` and `todo`.
    """

    model: str
    place: Literal["folder", "cache", "hub"]
    complete: bool
    model_type: str
    sample_rate: int | None
    window_seconds: float | None
    stacks: list[dict[str, Any]]
    parameters: int | None
    weight_bytes: int | None
    missing: list[str]
    to_download_bytes: int | None
    problems: list[dict[str, str]]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Listing:
    """What the hub says of a model.

    Attributes
    ----------
    sizes : dict of str to int
        Bytes of each of its files.
    parameters : int or None
    """

    sizes: dict[str, int] = field(default_factory=dict)
    parameters: int | None = None

    def needed(self) -> dict[str, int]:
        """The files that loading downloads: small ones at the top, and one kind of weights."""
        top = {name: size for name, size in self.sizes.items() if "/" not in name}
        weights: dict[str, int] = {}
        for pattern in SHARDS.values():
            weights = weights or {name: size for name, size in top.items() if pattern.fullmatch(name)}
        return {name: size for name, size in top.items() if name.endswith(SMALL)} | weights

    def weights(self) -> dict[str, int]:
        """Of those the weights."""
        return {name: size for name, size in self.needed().items() if not name.endswith(SMALL)}


def inspect(model: str, revision: str = "", *, offline: bool = False) -> Inspection:
    """Look at a folder or a hub id.

    Parameters
    ----------
    offline : bool
        Do not ask the hub.

    Raises
    ------
    ArdError
        As `identify`: no such folder, no config.json, an unknown model type; a hub id without a config.json in the
        cache where the hub is not asked, cannot be reached, or does not have it.
    """
    section = ModelSection(path=model, revision=revision, local_files_only=offline)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _of_folder(section, folder)
    if not is_hub_id(model):
        what = "this is a file, not a folder" if folder.exists() else "there is no such model folder"
        raise ArdError(what, path=model, todo="Give the folder that holds config.json and the weights.")
    return _of_hub(section)


def _of_folder(section: ModelSection, folder: Path) -> Inspection:
    identity = identify(section)
    found = _described(section, identity, weights_of(folder))
    missing = list(identity.missing)
    problems = list(found.problems)
    if missing:
        what = f"the model folder is incomplete; it lacks: {', '.join(missing)}"
        problems.insert(0, _problem(what, "Copy the missing files into it, or download the model again."))
    download = None if problems else 0
    return replace(
        found, place="folder", complete=not problems, missing=missing, to_download_bytes=download, problems=problems
    )


def _of_hub(section: ModelSection) -> Inspection:
    cached, listing = cached_folder(section), None
    if cached is None and not section.local_files_only:
        listing = listed(section)
    identity = identify(section)  # fetches the JSON files, or says that it may not
    cached = cached or cached_folder(section)
    assert cached is not None
    weights = weights_of(cached)
    missing = [*weights.missing, *lacking(identity, cached)]
    found = replace(_described(section, identity, weights), missing=missing)
    if not missing:
        return replace(found, place="cache", complete=not found.problems, to_download_bytes=0)
    if listing is None and section.local_files_only:
        todo = "Let the hub be asked, or copy the model's folder to this disk and name that folder."
        return _with(found, f"not on this disk: {', '.join(missing)}", todo)
    try:
        return _to_download(found, cached, listing or listed(section))
    except ArdError as error:
        return _with(found, error.what, error.todo or "")


def _to_download(found: Inspection, cached: Path, listing: Listing) -> Inspection:
    """The inspection with what loading would fetch."""
    wanted = {name: size for name, size in listing.needed().items() if not (cached / name).is_file()}
    total, free = sum(wanted.values()), shutil.disk_usage(cached).free
    if total > free:
        what = f"{total / 1e9:.1f} GB would be downloaded, and {free / 1e9:.1f} GB are free where the hub's cache is"
        found = _with(found, what, "Make room, or let HF_HOME name a folder on another disk.")
    weights = listing.weights()
    if not weights:
        todo = "Choose a model with model.safetensors or pytorch_model.bin."
        found = _with(found, "the hub has no weights of this model that can be loaded", todo)
    return replace(
        found, missing=sorted(wanted), to_download_bytes=total,
        parameters=listing.parameters if found.parameters is None else found.parameters,
        weight_bytes=sum(weights.values()) or found.weight_bytes,
    )  # fmt: skip


def listed(section: ModelSection) -> Listing:
    """The hub's list of a model's files; ArdError if it has no such model or cannot be reached.

    Asked once, and not as downloads are: those try again for half a minute.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        found = HfApi().model_info(
            section.path, revision=section.revision or None, files_metadata=True, timeout=HUB_SECONDS
        )
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise not_on_hub(section) from error
    except Exception as error:  # the client raises its HTTP library's own kinds
        raise out_of_reach(section.path, error) from error
    total = getattr(found.safetensors, "total", None)
    return Listing({one.rfilename: one.size or 0 for one in found.siblings or ()}, total)


def _described(section: ModelSection, identity: ModelIdentity, weights: Weights) -> Inspection:
    usual = next(iter(identity.stacks), "")
    stacks = [
        {
            "name": name, "layers": layers, "d": identity.widths[name],
            "tokens_per_second": identity.rates.get(name), "usual": name == usual,
        }
        for name, layers in identity.stacks.items()
    ]  # fmt: skip
    problems = [_problem(f"{name}: {why}", "Copy it once more, or download it again.") for name, why in weights.damaged]
    return Inspection(
        section.path, "hub", False, identity.model_type, identity.sample_rate, identity.window_seconds, stacks,
        weights.parameters, weights.bytes if weights.bytes else None, [], None, problems,
    )  # fmt: skip


def _with(found: Inspection, what: str, todo: str) -> Inspection:
    return replace(found, problems=[*found.problems, _problem(what, todo)])


def _problem(what: str, todo: str) -> dict[str, str]:
    return {"what": what, "todo": todo}
