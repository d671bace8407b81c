"""What can be asked about an example and what is true of it, from its facts alone.

Every rule answers with a key (the class that the answer states) and the words that fill its sentences, with None where
the facts do not settle the question. A thing that is surely not there gives the key `NONE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backend.builtin.examples import Facts, Sound
from backend.builtin.wording import wording

NONE = "none"
SPEECH = "speech"
ARTICLES = ("a", "an", "the")
TOGETHER = " + "
"""Between the names in the key of an answer that names several sounds."""

Claim = tuple[str, Mapping[str, str]]


@dataclass(frozen=True)
class Statement:
    """The true answer to one form of question.

    Attributes
    ----------
    form : str
        Name in `Wording.forms`.
    key : str
        The class it states.
    fill : mapping
        Words for the names in braces.
    absent : bool
        True where the question does not apply.
    """

    form: str
    key: str
    fill: Mapping[str, str]
    absent: bool = False


def statements(facts: Facts) -> list[Statement]:
    """Everything that may be asked; empty facts (neither sounds nor `nothing`) give nothing."""
    if facts.nothing:
        return [_of_nothing(form, facts) for form in RULES]
    if not facts.sounds:
        return []
    found = [(form, rule(facts)) for form, rule in RULES.items()]
    return [Statement(form, *claim, absent=_absent(form, claim[0])) for form, claim in found if claim is not None]


def name(sound: Sound) -> str:
    """What an answer must name: the label, of speech (whose label is a voice) the word itself."""
    return SPEECH if sound.category == SPEECH else sound.label


def key_of(names: Sequence[str]) -> str:
    """Key of an answer that names these, in any order and number."""
    return TOGETHER.join(sorted(set(names)))


def noun(sound: Sound) -> str:
    """The label with the article that its phrase shows: "a snare drum", "laughter"."""
    words, said = sound.label.split(), sound.phrase.split()
    if said[0] in ARTICLES and said[1 : len(words) + 1] == words:
        return f"{said[0]} {sound.label}"
    bare = said[: len(words)] == words or words[-1].endswith(("s", "ing")) or words[-1] in wording().uncountable
    return sound.label if bare else f"{'an' if sound.label[0] in 'aeiou' else 'a'} {sound.label}"


def phrases(facts: Facts) -> str:
    """All sounds in one noun phrase: "a dog barking and a piano", or "a dog barking, then a piano" in sequence."""
    distinct = list(dict.fromkeys(sound.phrase for sound in facts.sounds))
    return _listed(distinct) if facts.together else ", then ".join(distinct)


def _of_nothing(form: str, facts: Facts) -> Statement:
    if form in ("speech", "music"):
        return Statement(form, "no", {})
    if form == "loudness" and facts.nothing == "noise" and facts.loudness:
        return Statement(form, facts.loudness, {})
    return Statement(form, facts.nothing, {})


def _absent(form: str, key: str) -> bool:
    return key == NONE or (form == "order" and key == "one")


def _all_sounds(facts: Facts) -> Claim:
    return key_of([name(sound) for sound in facts.sounds]), {"sounds": phrases(facts), "details": _details(facts)}


def _category(facts: Facts) -> Claim:
    called = wording().called["category"]
    categories = list(dict.fromkeys(sound.category for sound in facts.sounds))
    return key_of(categories), {"categories": _listed([called[category] for category in categories])}


def _instrument(facts: Facts) -> Claim | None:
    music = _of_category(facts, "music")
    if len(music) == 1 and _is_instrument(music[0]):
        return _label(music[0])
    return _none_of("music", facts, music)


def _animal(facts: Facts) -> Claim | None:
    animals = _of_category(facts, "animal")
    return _label(animals[0]) if len(animals) == 1 else _none_of("animal", facts, animals)


def _event(facts: Facts) -> Claim | None:
    if len(facts.sounds) != 1:
        return None
    (sound,) = facts.sounds
    return None if sound.category in (SPEECH, "animal") or _is_instrument(sound) else _label(sound)


def _sex(facts: Facts) -> Claim | None:
    voices = _of_category(facts, SPEECH, "human")
    if len(voices) == 1:
        return _known(voices[0], "sex")
    return _none_of("speech", facts, voices)


def _language(facts: Facts) -> Claim | None:
    speakers = _of_category(facts, SPEECH)
    if len(speakers) == 1:
        return _known(speakers[0], "language")
    return _none_of("speech", facts, speakers)


def _family(facts: Facts) -> Claim | None:
    music = _of_category(facts, "music")
    if len(music) != 1:
        return _none_of("music", facts, music)
    family = music[0].attributes.get("family")
    return None if family is None else (family, {"family": wording().called["family"].get(family, family)})


def _loudness(facts: Facts) -> Claim | None:
    return (facts.loudness, {}) if facts.loudness else None


def _pitch(facts: Facts) -> Claim | None:
    return _known(facts.sounds[0], "pitch") if len(facts.sounds) == 1 else None


def _rate(facts: Facts) -> Claim | None:
    return _known(facts.sounds[0], "rate") if len(facts.sounds) == 1 else None


def _count(facts: Facts) -> Claim | None:
    if len(facts.sounds) == 1:
        return None if _uncertain("count", facts) else ("one", {})
    names = {name(sound) for sound in facts.sounds}
    return ("several", {}) if len(names) == len(facts.sounds) else None


def _order(facts: Facts) -> Claim | None:
    if len(facts.sounds) == 1:
        return None if _uncertain("count", facts) else ("one", {})
    if len(facts.sounds) != 2 or facts.together:
        return None
    first, second = facts.sounds
    if name(first) == name(second):
        return None
    # in alphabetical order, so that the question does not betray the answer
    one, other = sorted((first.phrase, second.phrase))
    return name(first), {"first": first.phrase, "second": second.phrase, "one": one, "other": other}


def _is_there(category: str) -> Callable[[Facts], Claim | None]:
    def rule(facts: Facts) -> Claim | None:
        if _of_category(facts, category):
            return "yes", {}
        return None if _uncertain(category, facts) else ("no", {})

    return rule


RULES: dict[str, Callable[[Facts], Claim | None]] = {
    "caption": _all_sounds,
    "what": _all_sounds,
    "category": _category,
    "instrument": _instrument,
    "animal": _animal,
    "event": _event,
    "sex": _sex,
    "language": _language,
    "family": _family,
    "loudness": _loudness,
    "pitch": _pitch,
    "rate": _rate,
    "count": _count,
    "order": _order,
    "speech": _is_there(SPEECH),
    "music": _is_there("music"),
}
"""By form."""


def _of_category(facts: Facts, *categories: str) -> list[Sound]:
    return [sound for sound in facts.sounds if sound.category in categories]


def _is_instrument(sound: Sound) -> bool:
    return "family" in sound.attributes and sound.label not in wording().pieces


def _label(sound: Sound) -> Claim:
    return sound.label, {"noun": noun(sound)}


def _known(sound: Sound, attribute: str) -> Claim | None:
    value = sound.attributes.get(attribute)
    return None if value is None else (value, {"value": value})


def _none_of(thing: str, facts: Facts, found: Sequence[Sound]) -> Claim | None:
    """That the thing is not there, if that is sure."""
    return None if found or _uncertain(thing, facts) else (NONE, {})


def _uncertain(thing: str, facts: Facts) -> bool:
    """Whether a sound may hold the thing unnoticed."""
    words = wording().uncertain[thing]
    return any(word in words for sound in facts.sounds for word in sound.label.split())


def _details(facts: Facts) -> str:
    """What a caption adds to its phrases, each sentence with a space before it."""
    known = {"loudness": facts.loudness}
    if len(facts.sounds) == 1:
        known = {**facts.sounds[0].attributes, **known}
    said = {word for sound in facts.sounds for word in sound.phrase.split()}
    words = wording().words
    sentences = [
        told[value]
        for attribute, told in wording().details.items()
        if (value := known.get(attribute, "")) in told and said.isdisjoint(words[attribute][value])
    ]
    return "".join(f" {sentence}" for sentence in sentences)


def _listed(parts: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
