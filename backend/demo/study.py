"""The demo's study: made once, kept for next time."""

from __future__ import annotations

from pathlib import Path

from backend.errors import ArdError
from backend.study.atomic import read_json, write_json
from backend.study.creation import new_study
from backend.study.folder import Study

WARNING = (
    "Note: this model's weights are random. The features above show what its mel front end lets through "
    "(pitch, bandwidth, rhythm), not concepts that a model has learnt; a trained model finds those."
)
CHANGES = ("study.seed={seed}", "sae.seeds=[{seed}]", "train.steps=500", "retrieve.raw_units=true")


def prepare(folder: Path, seed: int) -> Study:
    """The demo study in `folder`; sounds, model and study.toml are made if they are not there.

    Raises ArdError if `folder` holds something else, or a demo of another seed.
    """
    root = folder.expanduser().resolve()
    study, mark = Study(root), root / "demo.json"
    if study.toml.exists():
        found = read_json(mark)["seed"] if mark.exists() else None
        if found != seed:
            what = "a study that is not the demo" if found is None else f"the demo of seed {found}"
            raise ArdError(f"this folder holds {what}", path=root, todo="Name another folder with --study.")
        return study
    if root.exists() and any(root.iterdir()) and not mark.exists():
        raise ArdError("this folder is not empty", path=root, todo="Name another folder with --study.")

    from backend.demo.model import write_model
    from backend.demo.sounds import write_sounds

    root.mkdir(parents=True, exist_ok=True)
    write_json(mark, {"seed": seed})
    manifest = write_sounds(root / "sounds", seed)
    write_model(root / "model", seed)
    changes = [change.format(seed=seed) for change in CHANGES]
    return new_study(
        root, str(root / "model"), [root / "sounds"], manifest=str(manifest), profile="tiny", changes=changes
    )  # fmt: skip
