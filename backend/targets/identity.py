"""What a model is, from its small files: enough for `ard status` and fingerprints, without torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.study.atomic import read_json
from backend.study.fingerprint import edge_hash, fingerprint
from backend.study.settings import ModelSection
from backend.targets.families import FAMILIES, PREPROCESSOR, Family
from backend.targets.layers import resolve_all

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
INDEXES = tuple(f"{name}.index.json" for name in WEIGHTS)
VOLATILE = ("_name_or_path", "transformers_version")
CORRECT = "Correct model.path in study.toml."
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class ModelIdentity:
    """One model, before it is loaded.

    Attributes
    ----------
    model_type : str
        Key of the targets registry.
    stacks, widths : dict
        Blocks and d of each stack, the usual stack first.
    rates : dict
        Tokens per second of sound in each stack; None where that follows from what is said, or is not known.
    sample_rate : int or None
        Hertz, from the feature extractor.
    window_seconds : float or None
        From the feature extractor, or the family's own where that names none.
    fingerprint : str
        Changes with the weights, the configuration or the feature extractor. For a hub id it follows
        from the commit, so that it is the same before and after the weights are downloaded.
    missing : tuple of str
        Files that a local folder lacks and loading needs.
    revision : str
        Commit on the hub; "" for a local folder.
    source : str
        What `from_pretrained` takes: the folder or the hub id.
    """

    model_type: str
    stacks: dict[str, int]
    widths: dict[str, int]
    sample_rate: int | None
    window_seconds: float | None
    fingerprint: str
    missing: tuple[str, ...]
    is_local: bool
    revision: str
    source: str
    rates: dict[str, float | None]

    def check_complete(self) -> None:
        """ArdError naming the files that loading would not find."""
        if self.missing:
            raise ArdError(
                f"the model folder is incomplete; it lacks: {', '.join(self.missing)}",
                path=self.source,
                todo="Copy the missing files into it, or download the model again.",
            )


def identify(section: ModelSection) -> ModelIdentity:
    """Recognise the model by `config.model_type`; nothing is loaded and torch is not imported.

    Of a hub id only the JSON files are fetched, and only if they are not in the cache and
    `local_files_only` is off. Raises ArdError for a folder or id that is not there, a folder without
    config.json, a damaged file, and a model type that neither ARD nor an installed package knows.
    """
    folder = Path(section.path).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ArdError(
                "the model folder has no config.json",
                path=folder,
                todo="Give the folder that holds config.json and the weights, as save_pretrained writes it.",
            )
        return _identity(section, folder.resolve(), revision="", is_local=True)
    if not is_hub_id(section.path):
        raise ArdError("there is no such model folder", path=section.path, todo=CORRECT)
    snapshot = _snapshot(section)
    return _identity(section, snapshot, revision=snapshot.name, is_local=False)


def is_hub_id(path: str) -> bool:
    """Whether `path`, which is no folder, may be a name on a model hub."""
    return not path.startswith((".", "/", "~")) and "\\" not in path and HUB_ID.fullmatch(path) is not None


def resolve_layers(section: ModelSection, identity: ModelIdentity | None = None) -> list[str]:
    """Full names of the layers a study asks for, each once; ArdError lists what the model has."""
    return resolve_all(section.layers, (identity or identify(section)).stacks)


def known_types() -> list[str]:
    """Model types that can be loaded: built in, and offered by installed packages."""
    return sorted({*FAMILIES, *(entry.name for entry in entry_points(group="ard.targets"))})


def _identity(section: ModelSection, folder: Path, *, revision: str, is_local: bool) -> ModelIdentity:
    config = read_object(folder / "config.json")
    model_type = str(config.get("model_type", ""))
    family = _family(model_type, folder)
    extractor = _extractor(folder)
    weights, missing = weight_files(folder)
    missing += _lacking(family, folder)
    stable = {key: value for key, value in config.items() if key not in VOLATILE}
    parts: dict[str, Any] = {"config": stable, "extractor": extractor}
    if is_local:
        parts["weights"] = {name: edge_hash(folder / name) for name in weights if (folder / name).is_file()}
    else:
        parts |= {"hub": section.path, "revision": revision}
    window = extractor.get("chunk_length", family.window_seconds)
    rate = extractor.get("sampling_rate")
    try:
        stacks, widths = family.stacks(config), family.widths(config)
        rates = family.rates(config, extractor)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArdError(
            f"config.json does not say how many layers the model has: {error!r}",
            path=folder / "config.json",
            todo="Get the model again.",
        ) from error
    return ModelIdentity(
        model_type=model_type,
        stacks=stacks,
        widths=widths,
        sample_rate=None if rate is None else int(rate),
        window_seconds=None if window is None else float(window),
        fingerprint=fingerprint(parts),
        missing=tuple(missing) if is_local else (),
        is_local=is_local,
        revision=revision,
        source=str(folder) if is_local else section.path,
        rates={stack: rates.get(stack) for stack in stacks},
    )


def lacking(identity: ModelIdentity, folder: Path) -> list[str]:
    """Files beside config and weights that loading needs and `folder` does not hold; alternatives joined by "or"."""
    return _lacking(_family(identity.model_type, folder), folder)


def _lacking(family: Family, folder: Path) -> list[str]:
    return [" or ".join(group) for group in family.needs if not any((folder / name).is_file() for name in group)]


def _family(model_type: str, folder: Path) -> Family:
    if model_type in FAMILIES:
        return FAMILIES[model_type]
    # only a target that ARD does not bring needs its class, and with it torch
    from backend.targets.base import TARGETS

    if model_type not in set(TARGETS):
        raise ArdError(
            f"the model type '{model_type}' is not known",
            path=folder,
            todo=f"Known types: {', '.join(known_types())}. docs/add-a-model.md shows how to add one.",
        )
    target = TARGETS.get(model_type)
    return Family(target.stacks_of, target.widths_of, ())


def _extractor(folder: Path) -> Mapping[str, Any]:
    """The feature extractor's settings; processor_config.json (transformers 5) holds them one level down."""
    for name in PREPROCESSOR:
        if (folder / name).is_file():
            settings = read_object(folder / name)
            found = settings.get("feature_extractor", settings)
            return found if isinstance(found, dict) else {}
    return {}


def weight_files(folder: Path) -> tuple[list[str], list[str]]:
    """Weight files of the folder and those that are missing; safetensors before anything else (Rule 7)."""
    for name, index in zip(WEIGHTS, INDEXES, strict=True):
        if (folder / name).is_file():
            return [name], []
        if (folder / index).is_file():
            shards = sorted(set(read_object(folder / index).get("weight_map", {}).values()))
            return [index, *shards], [shard for shard in shards if not (folder / shard).is_file()]
    return [], [WEIGHTS[0]]


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file of a model; ArdError if it is damaged."""
    try:
        value = read_json(path)
    except ArdError as error:
        raise ArdError("a file of the model is not valid JSON", path=path, todo="Download the model again.") from error
    if not isinstance(value, dict):
        raise ArdError("a file of the model is not a JSON object", path=path, todo="Download the model again.")
    return value


def cached_folder(section: ModelSection) -> Path | None:
    """Folder of the hub's cache on this disk that holds config.json of the asked revision; None if there is none."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(section.path, "config.json", revision=section.revision or None)
    except HFValidationError as error:
        raise ArdError(f"'{section.path}' is neither a folder nor a name on a model hub", todo=CORRECT) from error
    return Path(cached).parent if isinstance(cached, str) else None


def not_on_hub(section: ModelSection) -> ArdError:
    """The message for a name or revision that the hub does not know, or does not show to everybody."""
    return ArdError(
        f"the model hub has no '{section.path}'" + (f" at revision '{section.revision}'" if section.revision else ""),
        todo="Correct model.path and model.revision; for a gated model run: hf auth login",
    )


def _snapshot(section: ModelSection) -> Path:
    """Folder of the hub cache that holds the JSON files of the asked revision."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

    cached = cached_folder(section)
    if cached is not None:
        return cached
    if section.local_files_only:
        raise ArdError(
            f"the model '{section.path}' is neither a folder nor in the cache of the model hub",
            todo="Set model.local_files_only = false to download it, or give the path of its folder.",
        )
    try:
        config = Path(hf_hub_download(section.path, "config.json", revision=section.revision or None))
        for name in (*PREPROCESSOR, "tokenizer.json"):
            try:
                hf_hub_download(section.path, name, revision=config.parent.name)
            except EntryNotFoundError:
                continue
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise not_on_hub(section) from error
    except (OSError, ValueError) as error:
        raise offline(section.path, error) from error
    return config.parent


def offline(name: str, error: Exception) -> ArdError:
    """The message for a hub that cannot be reached."""
    return ArdError(
        f"the model '{name}' is not on this disk, and the model hub cannot be reached ({type(error).__name__})",
        todo="Connect to the network once, or copy the model's folder to this disk and name that folder.",
    )
