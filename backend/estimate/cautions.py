"""What should be said before anything runs: too little disk or memory, an absent device, a model that is not whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backend.errors import ArdError
from backend.estimate.workload import Workload
from backend.extract.estimate import RESERVE
from backend.targets.identity import INDEXES, WEIGHTS, ModelIdentity, identify

LONG_SECONDS = 24 * 3600
GIB = 1024**3


@dataclass(frozen=True)
class Caution:
    """What happened or will, and what to do about it."""

    what: str
    todo: str

    def plain(self) -> dict[str, str]:
        return {"what": self.what, "todo": self.todo}


def of_error(error: ArdError) -> Caution:
    where = f" ({error.path})" if error.path and error.path not in error.what else ""
    return Caution(f"{error.what}{where}", error.todo or "")


def of_disk(needed: int, meanwhile: int, free: int, place: Path) -> list[Caution]:
    """Where what is written, what exists only meanwhile and a reserve do not fit."""
    if needed == 0 or needed + meanwhile + RESERVE <= free:
        return []
    beside = f" and {_gib(meanwhile)} for a while" if meanwhile else ""
    return [
        Caution(
            f"the study will need {_gib(needed)}{beside}, and the disk has {_gib(free)} free ({place})",
            'Free some space, ask for fewer layers or clips, or set extract.storage = "stream".',
        )
    ]


def of_memory(needed: int, available: int, total: int) -> list[Caution]:
    """Where the process will be larger than what is free now, or than the machine."""
    todo = "Lower extract.batch_clips, train.batch_tokens or sae.expansion, or train fewer SAEs in one run."
    if needed > total:
        return [Caution(f"the run will need about {_gib(needed)} of memory, and this machine has {_gib(total)}", todo)]
    if needed > available:
        what = f"the run will need about {_gib(needed)} of memory, and {_gib(available)} of {_gib(total)} are free now"
        return [Caution(what, f"Close other programs. {todo}")]
    return []


def of_device_memory(needed: int, total: int) -> list[Caution]:
    if total == 0 or needed <= total:
        return []
    return [
        Caution(
            f"the run will need about {_gib(needed)} on the graphics device, which has {_gib(total)}",
            'Set model.dtype = "bfloat16", lower extract.batch_clips, or set model.device = "cpu".',
        )
    ]


def of_clips(clips: int, unreadable: int) -> list[Caution]:
    if clips == 0:
        reason = f"; {unreadable} files cannot be used" if unreadable else ""
        return [Caution(f"the data sets hold no clip that can be used{reason}", "Correct the folders of sound.")]
    if unreadable:
        return [Caution(f"{unreadable} files cannot be used and are left out", "ard status lists them after indexing.")]
    return []


def of_time(seconds: float) -> list[Caution]:
    if seconds <= LONG_SECONDS:
        return []
    return [
        Caution(
            f"the run will take about {seconds / 86400:.1f} days on this machine",
            "Use a graphics device, fewer clips, layers or steps, or a smaller sae.expansion.",
        )
    ]


def of_models(work: Workload, weights: int) -> list[Caution]:
    """Folders that lack files, and weights that are still to be fetched from the hub."""
    found = _of_model(work.identity, work.settings.model.local_files_only, weights, "model.path")
    captions = work.settings.captions
    if captions.captioner == "audiollm" and captions.model and work.to_describe:
        from backend.describe.captioners.audiollm import captioning_model

        try:
            other = identify(captioning_model(work.settings))
        except ArdError as error:
            return [*found, of_error(error)]
        found += _of_model(other, work.settings.model.local_files_only, 0, "captions.model")
    if work.settings.names.namer == "causal-lm" and work.to_describe:
        found += _of_namer(work.settings.names.model)
    return found


def _of_namer(model: str) -> list[Caution]:
    looks_like_path = model.startswith((".", "/", "~"))
    if model and not (looks_like_path and not Path(model).expanduser().exists()):
        return []
    what = f"there is no language model at names.model ({model})" if model else "names.model names no language model"
    return [Caution(what, 'Set names.model to a folder, a hub id or a .gguf file, or names.namer = "consensus".')]


def _of_model(identity: ModelIdentity, offline: bool, weights: int, setting: str) -> list[Caution]:
    if identity.missing:
        return [
            Caution(
                f"the model folder is incomplete; it lacks: {', '.join(identity.missing)} ({identity.source})",
                "Copy the missing files into it, or download the model again.",
            )
        ]
    if identity.is_local or _in_cache(identity):
        return []
    size = hub_bytes(identity) if not offline else None
    about = f"{_gib(size)}" if size else f"about {_gib(weights)}" if weights else "an unknown size"
    if offline or size is None:
        return [
            Caution(
                f"the weights of '{identity.source}' ({about}) are not on this disk, and the hub was not reached",
                f"Connect to the network once, or copy the model's folder here and set {setting} to it.",
            )
        ]
    return [Caution(f"the weights of '{identity.source}' will be downloaded first: {about}", "Keep the network up.")]


def _in_cache(identity: ModelIdentity) -> bool:
    from huggingface_hub import try_to_load_from_cache

    names = (*WEIGHTS, *INDEXES)
    return any(isinstance(try_to_load_from_cache(identity.source, n, revision=identity.revision), str) for n in names)


def hub_bytes(identity: ModelIdentity) -> int | None:
    """Bytes of the weights that the hub would send; None if it does not answer."""
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(identity.source, revision=identity.revision, files_metadata=True, timeout=10)
    except Exception:  # the hub's client raises its own kinds, and those of its transport
        return None
    files = info.siblings or []
    for ending in (".safetensors", ".bin"):
        found = [one.size or 0 for one in files if one.rfilename.endswith(ending) and "/" not in one.rfilename]
        if found:
            return sum(found)
    return None


def _gib(count: float) -> str:
    return f"{count / GIB:.2f} GiB"
