"""What free answers state, read by rules."""

from __future__ import annotations

import pytest
from question_builders import example, plain_sounds, some_facts

from backend.builtin.answers import Vocabulary, outside_vocabulary, read_answer
from backend.builtin.examples import Facts, Sound
from backend.builtin.questions import dialogues
from backend.builtin.statements import statements
from backend.builtin.wording import wording
from backend.errors import ArdError

VOCABULARY = Vocabulary(plain_sounds())
SILENCE = Facts((), nothing="silence")


def read(kind: str, text: str) -> str | None:
    return read_answer(kind, text, VOCABULARY)


def test_every_answer_in_every_wording_is_read_back_to_its_key() -> None:
    for facts in some_facts():
        for one in statements(facts):
            form = wording().forms[one.form]
            nothing = not one.fill and one.key in wording().nothing
            for template in wording().nothing[one.key] if nothing else form.wordings(one.key):
                answer = template.format_map(one.fill)
                assert read(form.kind, answer) == one.key, (one, answer)


def test_every_drawn_answer_is_read_back_to_its_key() -> None:
    for number, facts in enumerate(some_facts()):
        for epoch in range(5):
            for told in dialogues(example(facts, str(number)), epoch, 1):
                assert read(told.kind, told.answer) == told.key, told


@pytest.mark.parametrize(
    ("kind", "text", "key"),
    [
        ("label", "That would be a dog, I think.", "dog"),
        ("label", "Dogs!", "dog"),
        ("label", "barking", "dog"),
        ("label", "It is not a dog but a rooster.", "bird"),
        ("label", "No, it is a snare.", "snare drum"),
        ("label", "It is a drum.", None),
        ("label", "It is a dog. It is a piano.", None),
        ("label", "It is a helicopter.", None),
        ("label", "", None),
        ("what", "A helicopter.", None),
        ("what", "A piano and then dogs barking", "dog + piano"),
        ("what", "Someone talks while a dog barks.", "dog + speech"),
        ("caption", "There is no clear sound. A dog barks.", None),
        ("category", "An animal: a dog barking.", "animal"),
        ("category", "A dog barking.", "animal"),
        ("category", "This is music, not speech.", "music"),
        ("category", "This isn\N{RIGHT SINGLE QUOTATION MARK}t music.", None),
        ("category", "Speech and music", "music + speech"),
        ("sex", "The speaker is female.", "woman"),
        ("sex", "A man and a woman.", None),
        ("sex", "There is nobody.", "none"),
        ("language", "spanish, probably", "Spanish"),
        ("language", "Not French but Russian.", "Russian"),
        ("language", "It is Klingon.", None),
        ("language", "No language is spoken.", "none"),
        ("family", "a plucked string instrument", "plucked"),
        ("family", "bowed strings", "strings"),
        ("family", "Woodwinds", "wind"),
        ("loudness", "Rather quietly", "quiet"),
        ("loudness", "It is not loud.", None),
        ("pitch", "It goes up.", "rising"),
        ("pitch", "It does not change.", "steady"),
        ("pitch", "It rises and falls.", None),
        ("rate", "slowly", "slow"),
        ("count", "More than one sound.", "several"),
        ("count", "Two sounds.", "several"),
        ("count", "Just one.", "one"),
        ("order", "The dog comes first, then the piano.", "dog"),
        ("order", "A piano comes after the dog.", "dog"),
        ("order", "The second sound is a piano, the first one a dog.", "dog"),
        ("order", "There is only one sound.", "one"),
        ("order", "I do not know.", None),
        ("speech", "Somebody speaks.", "yes"),
        ("speech", "There is speech.", "yes"),
        ("speech", "yes", "yes"),
        ("speech", "Nobody is speaking.", "no"),
        ("speech", "Yes, nobody is speaking.", None),
        ("speech", "There is no clear sound.", "no"),
        ("music", "No, a piano is playing.", None),
        ("music", "A piano is playing.", "yes"),
        ("what", "Silence.", "silence"),
        ("what", "nothing but noise", "noise"),
        ("what", "A dog in a lot of noise", "dog"),
    ],
)
def test_free_wordings(kind: str, text: str, key: str | None) -> None:
    assert read(kind, text) == key


def test_the_longest_words_count() -> None:
    vocabulary = Vocabulary([Sound("environment", "door", "a door"), Sound("music", "door bell", "a door bell")])
    assert read_answer("label", "It is a door bell.", vocabulary) == "door bell"
    assert read_answer("label", "It is a door.", vocabulary) == "door"


def test_a_word_before_a_sound_only_describes_it() -> None:
    vocabulary = Vocabulary([Sound("music", "organ", "a church organ"), Sound("music", "bell", "a small bell")])
    assert read_answer("label", "It is the one in a church.", vocabulary) == "organ"
    assert read_answer("label", "It is a church bell.", vocabulary) == "bell"
    assert read_answer("what", "A church, a bell.", vocabulary) == "bell + organ"


def test_a_vocabulary_without_sounds_reads_what_needs_none() -> None:
    empty = Vocabulary([])
    assert read_answer("loudness", "It is loud.", empty) == "loud"
    assert read_answer("language", "It is Spanish.", empty) is None


def test_a_label_of_two_categories_is_refused() -> None:
    with pytest.raises(ArdError, match="'bell' is used in two categories"):
        Vocabulary([Sound("music", "bell", "a bell"), Sound("environment", "bell", "a bell")])


def test_two_labels_with_the_same_words_are_refused() -> None:
    with pytest.raises(ArdError, match="described by the same words, 'drum beat'"):
        Vocabulary([Sound("music", "beat", "a drum beat"), Sound("music", "loop", "a drum beat")])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is no clear sound.", []),
        ("Nobody is speaking, and no dog can be heard.", []),
        ("It is silent.", []),
        ("A dog barking.", ["dog barking"]),
        ("There is no clear sound, but a man speaks Spanish.", ["man", "speaks", "spanish"]),
        ("Only noise and music.", ["music"]),
    ],
)
def test_every_sound_word_about_silence_is_outside(text: str, expected: list[str]) -> None:
    assert outside_vocabulary(text, SILENCE, VOCABULARY) == expected


def test_words_of_another_reading_are_not_outside() -> None:
    """ "wind" is the sound's own label, although it also names a family of instruments."""
    wind = Facts((Sound("environment", "wind", "wind blowing"),))
    assert outside_vocabulary("Wind blowing. The sound is wind.", wind, VOCABULARY) == []


def test_a_false_sound_beside_a_true_one_is_outside() -> None:
    dog = Facts((Sound("animal", "dog", "a dog barking"),))
    assert outside_vocabulary("A dog barking and a piano.", dog, VOCABULARY) == ["piano"]
