"""A small corpus of facts that covers every kind of question."""

from __future__ import annotations

from collections.abc import Iterator

from backend.builtin.examples import Example, Facts, Recording, Sound, Split

LABELS = {
    "animal": [("dog", "a dog barking"), ("bird", "a rooster crowing"), ("bird", "an owl hooting"), ("sheep", "sheep")],
    "human": [("laughter", "a person laughing"), ("cough", "a cough"), ("crowd", "a crowd cheering")],
    "environment": [
        ("footsteps", "footsteps on gravel"), ("water", "running water"), ("door", "a wooden door closing"),
        ("engine", "an engine starting"), ("wind", "wind blowing"),
    ],
}  # fmt: skip
INSTRUMENTS = [
    ("snare drum", "a snare drum", "percussion"), ("kick drum", "a kick drum", "percussion"),
    ("French horn", "a French horn", "brass"), ("piano", "an old piano", "keyboard"),
    ("double bass", "a double bass", "bass"), ("guitar", "a guitar", "plucked"), ("violin", "a violin", "strings"),
    ("flute", "a flute", "wind"), ("choir", "a choir singing", "voice"), ("organ pad", "a synth pad", "synth"),
]  # fmt: skip
LANGUAGES = ("English", "Spanish", "French", "Russian")


def plain_sounds() -> list[Sound]:
    """One sound of every label, voice and attribute."""
    sounds = [Sound(category, label, phrase) for category, known in LABELS.items() for label, phrase in known]
    sounds.append(Sound("music", "beat", "a drum beat"))
    for number, (label, phrase, family) in enumerate(INSTRUMENTS):
        pitch, rate = ("rising", "falling", "steady", "")[number % 4], ("fast", "slow", "")[number % 3]
        known = {"family": family, "pitch": pitch, "rate": rate}
        sounds.append(Sound("music", label, phrase, {name: value for name, value in known.items() if value}))
    for number, language in enumerate(LANGUAGES):
        for sex in ("man", "woman"):
            known = {"language": language, "sex": sex, "voice": f"v{number}", "rate": ("fast", "slow")[number % 2]}
            sounds.append(Sound("speech", f"{language} v{number}", f"a {sex} speaking {language}", known))
    sounds.append(Sound("speech", "Italian it1", "a person speaking Italian", {"language": "Italian"}))
    return sounds


def some_facts() -> Iterator[Facts]:
    """Every sound alone at every loudness, many pairs in order and together, a triple, and nothing."""
    sounds = plain_sounds()
    for sound in sounds:
        for loudness in ("", "loud", "normal", "quiet"):
            yield Facts((sound,), loudness=loudness)
    for step in (1, 3, 7, 11):
        for number, sound in enumerate(sounds):
            pair = (sound, sounds[(number + step) % len(sounds)])
            yield Facts(pair)
            yield Facts(pair, together=True)
    yield Facts((sounds[0], sounds[5], sounds[-1]))
    for nothing in ("silence", "noise"):
        for loudness in ("", "loud", "quiet"):
            yield Facts((), loudness=loudness, nothing=nothing)


def example(facts: Facts, name: str = "one", split: Split = "train") -> Example:
    return Example(name, split, (), facts, 2.0)


def examples() -> list[Example]:
    return [example(facts, f"example-{number}") for number, facts in enumerate(some_facts())]


def recording(name: str, sound: Sound, split: Split = "train", **values: str) -> Recording:
    """`values` are further fields; the group is the recording itself if it is not given."""
    fields = {"source": name.partition("/")[0], "group": name, **values}
    return Recording(
        id=name, path=f"/nowhere/{name}", category=sound.category, label=sound.label, phrase=sound.phrase, duration=1.0,
        sound=name, split=split, attributes=sound.attributes, **fields,
    )  # fmt: skip
