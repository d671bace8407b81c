"""The steerability profile of the open study: read on the reader's thread, measured in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ard_gui.services.command_run import CommandRun
from ard_gui.services.map_reading import grouping_labels
from backend.store.clips import ClipTable
from backend.store.steerability import Profile, current_profile
from backend.study.folder import Study

FAVOURITE = "category"
PLACE_WORDS = {"audio": "audio", "prompt": "prompt", "answer": "prompt + answer"}


@dataclass(frozen=True)
class ShownProfile:
    """What the view shows of a study.

    Attributes
    ----------
    profile : Profile or None
        None where none has been measured.
    labels : tuple of str
        Labels by which one can be measured, "category" first where there is one.
    """

    profile: Profile | None
    labels: tuple[str, ...]


def read_profile(study: Study) -> ShownProfile:
    """The profile and the labels of the clips; ArdError for a damaged file, or without a clip index."""
    table = ClipTable(study.clips())
    try:
        labels = grouping_labels(table)
    finally:
        table.close()
    return ShownProfile(current_profile(study), tuple(sorted(labels, key=lambda one: (one != FAVOURITE, one))))


def command(study: Path, label: str) -> list[str]:
    """The words of the command that measures."""
    return ["steerability", str(study), "--label", label]


class SteerabilityRun(CommandRun):
    """One measurement at a time; `made` when the study names the new profile."""

    def start(self, study: Path, label: str) -> None:
        """Begin; does nothing while a run is going on."""
        self.run(command(study, label))


def cell_words(cell: dict[str, dict[str, float]]) -> str:
    """Share and interval, in two lines."""
    own = cell["steered"]
    if not own["n"]:
        return "–"
    return f"{own['value']:.0%}\n{100 * own['low']:.0f}–{100 * own['high']:.0f}"


def cell_sentence(profile: Profile, layer: str, place: str, strength: float) -> str:
    """Everything known of one cell."""
    cell = profile.cell(layer, place, strength)
    if cell is None or not cell["steered"]["n"]:
        return f"{layer}, {PLACE_WORDS[place]}, {strength:g}x: no clip could be measured."
    own, control, coherent = cell["steered"], cell["control"], cell["coherent"]
    what = "transcripts changed" if profile.settings["outcome"] == "changed" else "answers shifted to the target"
    return (
        f"{layer}, {PLACE_WORDS[place]}, {strength:g}x: {own['count']} of {own['n']} {what}, {own['value']:.0%} "
        f"(95 %: {own['low']:.0%} … {own['high']:.0%}). Random directions of the same norm: {control['value']:.0%} "
        f"({control['low']:.0%} … {control['high']:.0%}). Coherent: {coherent['value']:.0%}. "
        f"Mean displacement {cell['displacement']:.3g}."
    )


def heading(profile: Profile) -> str:
    """What was measured."""
    settings, figures = profile.settings, profile.figures
    classes = ", ".join(settings["classes"])
    if settings["outcome"] == "changed":
        return (
            f"{figures['clips']} clips, {settings['label']}: {classes}. A transcript states no class: what is shown is "
            "the share of transcripts that change."
        )
    return (
        f"{figures['clips']} clips, {settings['label']}: {classes}. Asked: “{settings['prompt']}” "
        f"({figures['right']} answered right without steering). Share of coherent answers that state the target."
    )
