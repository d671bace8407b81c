"""Sections of the model card about what ships beside the model: clips, embedder, SAE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.builtin.card import cell, table


def clips_section(told: Mapping[str, Any]) -> str:
    """What the model says of the shipped clips, from `shipped.as_json`: shares of every type, and every failure."""
    rows = [
        [name, f"{one['right'] / one['n']:.2f}", str(one["right"]), str(one["n"])]
        for name, one in told["types"].items()
    ]
    parts = [
        "## The shipped clips",
        f"Everything that can be asked of each of the {told['clips']} clips in `resources/demo/clips`, in one phrasing "
        'each; "absent" are questions about something that is not there. These shares are not balanced.',
        table(["type", "right", "answers right", "answers"], rows, numbers=(1, 2, 3)),
    ]
    if told["failures"]:
        parts.append(f"All {len(told['failures'])} wrong answers:")
        parts.append(
            table(
                ["clip", "question", "true", "answer"],
                [[one["clip"], one["question"], one["expected"], one["answer"]] for one in told["failures"]],
            )
        )
    return "\n\n".join(parts)


def embedder_section(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Text → audio retrieval of the embedder, by split."""
    rows = [
        [split.replace("_", " "), f"{one['recall_at_10']:.2f}", f"{one['chance']:.2f}",
         str(int(one["queries"])), str(int(one["clips"]))]
        for split, one in figures.items()
    ]  # fmt: skip
    return "\n\n".join(
        [
            "## The embedder",
            "`resources/demo/embedder` is a CLAP-style dual encoder on the same audio tower, trained on the same "
            "captions. Text to audio: the share of different captions for which one of the first ten of all clips with "
            "one sound has that very caption; *chance* is the same for a random order.",
            table(["split", "recall@10", "chance", "captions", "clips"], rows, numbers=(1, 2, 3, 4)),
        ]
    )


def dictionary_section(
    manifest: Mapping[str, Any], splice: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]
) -> str:
    """The shipped SAE, why it is at its layer, and what the model says with it in its residual stream."""
    settings, figures = manifest["settings"], manifest["figures"]
    sae, (low, high) = settings["sae"], splice["interval"]
    rows = [
        ["layer", settings["layer"]],
        ["architecture, D, k", f"{sae['architecture']}, {sae['n_features']}, {sae['k']}"],
        ["FVU on the training corpus", f"{figures['fvu']:.4f}"],
        ["L0 on the training corpus", f"{figures['l0']:.1f}"],
        ["dead features", f"{figures['dead_share']:.1%}"],
        [
            f"answers unchanged with the SAE spliced in, {splice['clips']} shipped clips",
            f"{splice['unchanged']:.3f} ({low:.3f}–{high:.3f})",
        ],
        ["loss of the original answers, nats a token", f"{splice['loss_original']:.4f}"],
        ["the same with the SAE spliced in", f"{splice['loss_reconstructed']:.4f}"],
    ]
    reaches = [[one["layer"], f"{one['follows']:.2f}", f"{one['keeps']:.2f}", str(one["pairs"])] for one in layers]
    changed = [one for one in splice["answers"] if one["original"] != one["reconstructed"]]
    parts = ["## The SAE", "`resources/demo/sae`, trained by the ordinary pipeline on the training recordings."]
    parts.append(table(["", ""], rows))
    if layers:
        parts.append(
            "Its layer is the deepest at which the audio positions still decide the answer: two clips of one length "
            "exchange them, and *follows* is the share that is then answered as the other clip, *keeps* as before."
        )
        parts.append(table(["layer", "follows", "keeps", "answers"], reaches, numbers=(1, 2, 3)))
    if changed:
        parts.append(
            f"To the question “{cell(changed[0]['question'])}” these {len(changed)} clips are answered otherwise:"
        )
        parts.append(
            table(["clip", "original", "reconstructed"],
                  [[one["clip"], one["original"], one["reconstructed"]] for one in changed])
        )  # fmt: skip
    return "\n\n".join(parts)
