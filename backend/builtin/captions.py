"""What the embedder learns to be near to: short captions of an example's sounds, the same facts in several wordings."""

from __future__ import annotations

from backend.builtin.examples import Facts
from backend.builtin.statements import phrases

WORDINGS = ("{}", "{}", "the sound of {}", "{} can be heard", "a recording of {}")
CATEGORY = {
    "speech": "a person speaking", "music": "music", "animal": "an animal",
    "human": "a sound that a person makes without words", "environment": "a sound of the surroundings",
}  # fmt: skip


def caption_of(facts: Facts, epoch: int) -> str:
    """Caption of the sounds of `facts`; the wording turns with `epoch`, and every sixth names the category alone."""
    if epoch % 6 == 5 and len(facts.sounds) == 1:
        return CATEGORY[facts.sounds[0].category]
    return WORDINGS[epoch % 6 % len(WORDINGS)].format(phrases(facts))
