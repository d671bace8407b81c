"""Questions about shipped clips: what is asked of each, what counts as right, and what the model can name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from backend.builtin.card_sections import clips_section, dictionary_section, embedder_section
from backend.builtin.examples import RATE, Sound
from backend.builtin.questions import Dialogue
from backend.builtin.shipped import (
    ClipAnswer,
    as_json,
    clip_examples,
    read_vocabulary,
    shares,
    type_of,
    write_vocabulary,
)
from backend.errors import ArdError

DOG = Sound("animal", "dog", "a dog barking", {"voice": "Rex"})
ANNA = Sound("speech", "Spanish Anna", "a woman speaking Spanish", {"language": "Spanish", "sex": "woman"})
ANSWERS = [
    ClipAnswer("dog.flac", "label", "Which animal is it?", "dog", "It is a dog.", "dog"),
    ClipAnswer("cat.flac", "label", "Which animal is it?", "cat", "It is a | dog.", "dog"),
    ClipAnswer("dog.flac", "absent", "Which language is it?", "none", "Nobody is speaking.", "none"),
]


def test_vocabulary_of_a_model_folder_names_every_sound_once(tmp_path: Path) -> None:
    write_vocabulary(tmp_path, [DOG, ANNA, DOG])
    rows = json.loads((tmp_path / "vocabulary.json").read_text(encoding="utf-8"))
    assert [row["label"] for row in rows] == ["dog", "Spanish Anna"]
    # who barked or spoke is no word of an answer
    assert rows[0]["attributes"] == {}
    assert set(read_vocabulary(tmp_path).lexicons["language"].values) == {"spanish"}


def test_damaged_vocabulary_is_named(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.json").write_text('[{"kind": "animal"}]')
    with pytest.raises(ArdError, match=r"vocabulary is damaged .*vocabulary\.json"):
        read_vocabulary(tmp_path)


def test_clip_tells_what_its_manifest_knows(tmp_path: Path) -> None:
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / "anna.flac", np.zeros(2 * RATE), RATE)
    labels = {"category": ANNA.category, "label": ANNA.label, **ANNA.attributes}
    row = {"path": "speech/anna.flac", "labels": labels, "caption": ANNA.phrase}
    (tmp_path / "clips.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    (found,) = clip_examples(tmp_path)
    assert (found.id, found.seconds, found.facts.sounds) == ("speech/anna.flac", 2.0, (ANNA,))


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [("label", "dog", "label"), ("label", "none", "absent"), ("order", "one", "absent"), ("count", "one", "count")],
)
def test_questions_about_what_is_not_there_are_a_type_of_their_own(kind: str, key: str, expected: str) -> None:
    assert type_of(Dialogue("?", "!", kind, key)) == expected


def test_shares_count_right_answers_of_each_type() -> None:
    assert shares(ANSWERS) == {"absent": (1, 1), "label": (1, 2)}


def test_card_lists_every_wrong_answer_and_none_that_is_right() -> None:
    text = clips_section(as_json(ANSWERS))
    assert "| label | 0.50 | 1 | 2 |" in text
    assert "| cat.flac | Which animal is it? | cat | It is a \\| dog. |" in text
    assert text.count("dog.flac") == 0


def test_card_tells_recall_of_the_embedder_beside_chance() -> None:
    figures = {"held_out": {"recall_at_10": 0.875, "chance": 0.03, "queries": 8.0, "clips": 80.0}}
    assert "| held out | 0.88 | 0.03 | 8 | 80 |" in embedder_section(figures)


def test_card_tells_fvu_l0_and_the_answers_that_changed() -> None:
    manifest = {
        "settings": {"layer": "decoder.1", "sae": {"architecture": "topk", "n_features": 2048, "k": 24}},
        "figures": {"fvu": 0.0512, "l0": 24.0, "dead_share": 0.25},
    }
    answers = [
        {"clip": "a.flac", "question": "What?", "original": "A dog.", "reconstructed": "A dog."},
        {"clip": "b.flac", "question": "What?", "original": "A cat.", "reconstructed": "A cow."},
    ]
    splice = {
        "clips": 2, "unchanged": 0.5, "interval": [0.1, 0.9], "loss_original": 0.1, "loss_reconstructed": 0.2,
        "answers": answers,
    }  # fmt: skip
    text = dictionary_section(manifest, splice, [{"layer": "decoder.0", "follows": 0.9, "keeps": 0.1, "pairs": 80}])
    for said in ("0.0512", "24.0", "25.0%", "0.500 (0.100–0.900)", "| decoder.0 | 0.90 | 0.10 | 80 |", "A cow."):
        assert said in text
    assert "a.flac" not in text
