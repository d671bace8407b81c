"""The sections of the form for a new study: what belongs to each, and each in a few words; nothing of Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from ard_gui.state.setting_list import shown
from ard_gui.state.study_form import StudyForm
from backend.resources import BUILTIN_MODEL, resource

SECTIONS = ("Model", "Sounds", "Layers", "SAE", "Describe")
FOLDER = "folder"
"""The place of the study, which stands beside the sections."""
BEGINNINGS = {
    "folder": FOLDER, "model.layers": "Layers", "model.": "Model", "audio": "Sounds", "embed": "Describe",
    "scores": "Describe", "captions": "Describe", "names": "Describe",
}  # fmt: skip

WORDS: Mapping[str, Mapping[str, str]] = {
    "embed.embedder": {
        "mini": "built in, nothing to download", "clap": "a CLAP model of transformers",
        "laion-clap": "LAION's own package, see ard setup", "msclap": "Microsoft's CLAP, see ard setup",
    },
    "captions.captioner": {
        "dataset": "the clips' own captions or labels", "audiollm": "an audio language model listens",
        "endpoint": "a server with audio input", "none": "scores only, no captions and no names",
    },
    "names.namer": {
        "consensus": "what the captions share; no language model", "causal-lm": "a language model, here",
        "endpoint": "a server, such as vLLM or Ollama", "none": "captions only, no names",
    },
    "sae.architecture": {
        "topk": "the k largest features of every token", "batchtopk": "k features a token on average over a batch",
        "jumprelu": "every feature above a threshold of its own, learned",
    },
}  # fmt: skip
"""What registered things are, in a few words; one that another package brought has none."""


def section_of(place: str) -> str:
    """The section in which a setting, or another place that has a problem, is to be found."""
    return next((section for begin, section in BEGINNINGS.items() if place.startswith(begin)), "SAE")


def by_section(sentences: Mapping[str, str]) -> dict[str, list[str]]:
    """Sentences about places, by section."""
    found: dict[str, list[str]] = {}
    for place, sentence in sentences.items():
        found.setdefault(section_of(place), []).append(sentence)
    return found


def summary(form: StudyForm) -> dict[str, str]:
    """Every section in a few words."""
    sources, own = len(form.sources), len(form.own)
    grid = [form.value(f"sae.{key}") for key in ("architecture", "expansion", "k", "seeds")]
    saes = len(form.value("model.layers"))
    for one in grid:
        saes *= len(one)
    captioner = form.value("captions.captioner")
    changed = f", {own} changed" if own else ""
    return {
        "Model": "the built-in model" if form.model == str(resource(BUILTIN_MODEL)) else PurePath(form.model).name,
        "Sounds": PurePath(form.sources[0]["path"]).name if sources == 1 else f"{sources} folders" if sources else "",
        "Layers": shown(form.value("model.layers")),
        "SAE": f"{form.profile}{changed}; {saes} SAE{'' if saes == 1 else 's'}",
        "Describe": "scores only" if captioner == "none" else f"{captioner}, {form.value('names.namer')}",
    }


def full_names(layers: Sequence[str], stacks: Mapping[str, tuple[int, int]]) -> list[str]:
    """Layers as "decoder.3", in their order: "3" and "last" mean the first stack; those there are not are left out.

    Parameters
    ----------
    stacks : mapping
        Name to blocks and width, the usual one first (`form_rules.stacks_of`).
    """
    found = []
    for layer in layers:
        stack, _, number = layer.rpartition(".")
        stack = stack or next(iter(stacks), "")
        count = stacks.get(stack, (0, 0))[0]
        at = count - 1 if number == "last" else int(number) if number.isdigit() else count
        if 0 <= at < count:
            found.append(f"{stack}.{at}")
    return list(dict.fromkeys(found))
