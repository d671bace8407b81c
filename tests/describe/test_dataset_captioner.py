"""Captions from the data set itself."""

from __future__ import annotations

import pytest

from backend.describe.captioners.base import CAPTIONERS
from backend.describe.captioners.dataset import phrase_from_labels
from backend.store.clips import Clip
from builders.describe_settings import describe_settings


def test_a_clips_own_caption_comes_first_then_its_labels_then_nothing() -> None:
    captioner = CAPTIONERS.get("dataset").load(describe_settings(), "")
    clips = [
        Clip("a", "a.wav", caption=" a dog\n barks ", labels={"label": "cat"}),
        Clip("b", "b.wav", caption="  ", labels={"label": "cat"}),
        Clip("c", "c.wav"),
    ]
    assert captioner.sample_rate is None
    assert captioner.caption(clips, []) == ["a dog barks", "cat", ""]
    assert captioner.identity() == {"captioner": "dataset", "version": 1}


@pytest.mark.parametrize(
    ("labels", "phrase"),
    [
        ({"label": "Dog,Bark", "category": "animal"}, "animal, Dog, Bark"),
        ({"category": "animal", "label": "Dog,Bark"}, "animal, Dog, Bark"),
        ({"label": "Bird_vocalization_and_bird_call"}, "Bird vocalization and bird call"),
        ({"a": "rain", "b": "Rain", "c": "wind"}, "rain, wind"),
        ({"valence": "2.5", "emotion": "hap", "id": "17"}, "hap"),
        ({"label": " , ,"}, ""),
        ({}, ""),
    ],
)
def test_labels_become_a_phrase(labels: dict[str, str], phrase: str) -> None:
    assert phrase_from_labels(labels) == phrase
