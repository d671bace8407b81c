"""Commands that judge an SAE by what the model does with it: splice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, open_study, print_json
from backend.errors import ArdError

if TYPE_CHECKING:
    from backend.jobs.job import Job
    from backend.quality.splice import SpliceReport
    from backend.study.folder import Study
    from backend.study.settings import Settings
    from backend.targets.base import Wave

PROMPT = "Generate a detailed caption for the audio clip"


def splice(
    study: StudyArgument = HERE,
    sae: SaeOption = "",
    clips: Annotated[int, typer.Option("--clips", min=1, help="Clips to ask, the same random ones every time.")] = 40,
    question: Annotated[str, typer.Option("--question", help="What is asked; Whisper transcribes.")] = PROMPT,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Longest answer in tokens.")] = 64,
    as_json: JsonOption = False,
) -> None:
    """Compare the model's answers with those it gives when the SAE's reconstruction replaces its residual stream."""
    import numpy as np

    from backend.audio.load import load_waves
    from backend.cli.jobs import run_command
    from backend.quality.splice import splice as compare
    from backend.sae.files import load_sae
    from backend.store.clips import ClipTable
    from backend.store.features import choose
    from backend.study.manifest import read_manifest
    from backend.targets.load import load_target

    place = open_study(study)
    sae_id = choose(place, sae)
    if sae_id.startswith("raw-"):
        raise ArdError("raw units reconstruct nothing", todo="Name an SAE with --sae.")
    found: list[SpliceReport] = []

    def work(study: Study, settings: Settings, job: Job) -> None:
        table, target = ClipTable(study.clips()), load_target(settings.model)
        layer = str(read_manifest(study.sae(sae_id) / "manifest.json")["settings"]["layer"])
        rows = [int(i) for i in np.argsort(table.tie_ids) if table.probe[i]][:clips]
        words = "" if target.describe()["class"].startswith("Whisper") else question

        def asked() -> Iterator[tuple[str, Wave, str]]:
            for row in rows:
                waves = load_waves(table[row], settings.clips, target.sample_rate, target.window_seconds)
                yield table[row].record, waves[0].samples, words

        with job.running("splice"):
            dictionary = load_sae(study.sae(sae_id))
            found.append(
                compare(target, dictionary, layer, asked(), max_new_tokens=tokens, job=job, total=len(rows))
            )  # fmt: skip

    run_command(place.root, "splice", work, False)
    (report,) = found
    if as_json:
        print_json({"sae": sae_id, **report.as_json()})
        return
    low, high = report.interval()
    original, reconstructed = report.losses()
    print(f"{sae_id}: {report.unchanged:.1%} of {len(report.answers)} answers unchanged (95 % {low:.1%} … {high:.1%})")
    print(f"loss of the original answers: {original:.4f} nats a token, reconstructed {reconstructed:.4f}")
    for one in report.answers:
        if one.original != one.reconstructed:
            print(f"\n{one.clip}\n  original       {one.original}\n  reconstructed  {one.reconstructed}")


COMMANDS = (splice,)
