"""Commands that bring in and out: import-whisper, import-clap, build-corpus, export-sae, export-vector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backend.cli.browse import study_and_numbers
from backend.cli.console import SaeOption, open_study
from backend.errors import ArdError


def import_whisper(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="CTranslate2 folder (model.bin, config.json).")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="Hugging Face folder to write.")],
) -> None:
    """Turn a CTranslate2 Whisper folder into one that transformers loads; no network is needed."""
    from backend.targets.convert_whisper import import_whisper as convert

    typer.echo(f"{convert(source, target)} is ready: ard new DIR --model {target} --audio FOLDER")


def import_clap(
    source: Annotated[Path, typer.Argument(metavar="SRC.pt", help="Checkpoint of the laion_clap package.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="Folder to write, for embed.model.")],
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="Folder with roberta-base's tokenizer; else sound only.")
    ] = None,
) -> None:
    """Turn a LAION CLAP checkpoint into a folder that transformers loads; no network and no second environment."""
    from backend.describe.convert_laion import import_laion

    made = import_laion(source, target, tokenizer)
    typer.echo(f'{made.folder} is ready: set embed.embedder = "clap" and embed.model = "{made.folder}" in study.toml')
    if not made.text:
        typer.echo(
            "it embeds sound only, because a checkpoint holds no tokenizer; scores of names need text too. "
            "To add it, import again with --tokenizer and a folder of roberta-base",
            err=True,
        )


def build_corpus(
    paths: Annotated[list[Path], typer.Argument(metavar="ROOT... OUT", help="Unpacked packages, then the manifest.")],
    fetch: Annotated[bool, typer.Option("--fetch", help="First download the packages into the first ROOT.")] = False,
    per_label: Annotated[int, typer.Option("--per-label", min=0, help="Most clips of a label; 0 for all.")] = 0,
) -> None:
    """Build the labelled manifest of real recordings that the walkthrough uses."""
    from backend.audio.corpus import build_corpus as build

    *roots, out = paths
    if not roots:
        raise typer.BadParameter("name at least one folder of unpacked packages, then the manifest to write")
    if fetch:
        from backend.audio.packages import fetch_packages

        fetch_packages([], roots[0])
    summary = build(roots, out, per_label=per_label)
    typer.echo(f"{out}: {summary.clips} clips, {summary.seconds / 3600:.2f} hours, paths relative to {summary.base}")
    for title, counts in (
        ("categories", summary.categories),
        ("packages", summary.packages),
        ("labels", summary.labels),
        ("left out", summary.left_out),
    ):
        typer.echo(f"{title}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))


def export_sae(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder.")],
    sae: Annotated[str, typer.Argument(metavar="SAE", help="Id of the SAE.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write.")],
    format_: Annotated[str, typer.Option("--format", help="ard, dictionary_learning, saelens or sparsify.")],
) -> None:
    """Write an SAE of the study in another library's layout."""
    from backend.sae.files import load_sae
    from backend.sae.formats.exchange import export_sae as write
    from backend.study.manifest import read_manifest

    place = open_study(study)
    if sae not in place.sae_ids():
        known = ", ".join(place.sae_ids()) or "none yet"
        raise ArdError(f"there is no finished SAE '{sae}' (there are: {known})", path=place.root)
    layer = str(read_manifest(place.sae(sae) / "manifest.json")["settings"].get("layer", ""))
    number = layer.rpartition(".")[2]
    write(load_sae(place.sae(sae)), format_, out, layer=int(number) if number.isdecimal() else None)
    typer.echo(f"{sae} written to {out} as {format_}")


def export_vector(
    words: Annotated[list[str], typer.Argument(metavar="[STUDY] K", help="Study folder and feature.")],
    out: Annotated[Path, typer.Option("--out", help="File to write: .npy, .safetensors, .json or .gguf.")],
    sae: SaeOption = "",
) -> None:
    """Write a feature's decoder direction and encoder row, with where they belong."""
    from backend.export.records import FeatureSet
    from backend.sae.files import load_sae
    from backend.sae.formats.vector import feature_vector, write_vector
    from backend.store.features import choose
    from backend.study.atomic import read_json
    from backend.study.configuration import load_settings

    study, (number,) = study_and_numbers(words, ("K",))
    place = open_study(study)
    chosen = FeatureSet.of(place, choose(place, sae))
    if chosen.id not in place.sae_ids():
        raise ArdError(
            f"'{chosen.id}' is no SAE: raw units have no direction of their own", todo="Name one with --sae."
        )
    if number >= len(chosen.columns["max"]):
        last = len(chosen.columns["max"]) - 1
        raise ArdError(f"there is no feature {number} in {chosen.id}", todo=f"Use a number from 0 to {last}.")
    weights = load_sae(place.sae(chosen.id))
    vector = feature_vector(weights, number, {
        "sae": chosen.id,
        "layer": chosen.layer,
        "model": load_settings(place.toml).model.path,
        "weights_hash": str(read_json(place.sae(chosen.id) / "config.json")["weights_hash"]),
        "max_activation": float(chosen.columns["max"][number]),
        "name": str(chosen.columns["name"][number]) if "name" in chosen.columns else "",
        "namer": chosen.namer,
    })  # fmt: skip
    written = write_vector(vector, out)
    typer.echo(f"feature {number} of {chosen.id} written to {' and '.join(str(path) for path in written)}")


COMMANDS = (import_whisper, import_clap, build_corpus, export_sae, export_vector)
