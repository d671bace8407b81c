"""The built-in embedder on the clips that ship."""

from __future__ import annotations

import numpy as np
import pytest

from backend.builtin.examples import Example
from backend.builtin.shipped import clip_examples, clip_wave
from backend.describe.embedders.base import EMBEDDERS, Embedder, Wave
from backend.describe.embedders.windows import NO_VECTOR, embed_clips
from backend.errors import ArdError
from backend.resources import resource
from backend.study.settings import EmbedSection

CLIPS = resource("demo/clips")


@pytest.fixture(scope="module")
def mini() -> Embedder:
    return EMBEDDERS.get("mini").load(EmbedSection(), "cpu")


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """Every eighth shipped clip, so that all categories are there."""
    return clip_examples(CLIPS)[::8]


@pytest.fixture(scope="module")
def waves(examples: list[Example]) -> list[Wave]:
    return [clip_wave(CLIPS, one.id) for one in examples]


def test_clips_are_nearer_to_their_own_caption_than_to_others(
    mini: Embedder, examples: list[Example], waves: list[Wave]
) -> None:
    audio = embed_clips(mini, waves, EmbedSection(), [one.id for one in examples])
    assert set(audio.reasons) == {""}
    texts = mini.embed_texts([one.facts.sounds[0].phrase for one in examples])
    cosines = audio.vectors @ texts.T
    own = np.diag(cosines)
    assert own.mean() > cosines.mean() + 0.3
    # the same pairs the wrong way round show nothing
    assert np.diag(cosines[::-1]).mean() < cosines.mean() + 0.1


def test_batch_gives_what_its_windows_give_alone(mini: Embedder, waves: list[Wave]) -> None:
    together = mini.embed_windows(waves[:6])
    alone = np.concatenate([mini.embed_windows([wave]) for wave in waves[:6]])
    assert np.abs(together - alone).max() < 2e-3
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(6), abs=1e-5)


def test_clip_longer_than_the_window_is_heard_to_its_end(mini: Embedder, waves: list[Wave]) -> None:
    """Its two windows are the two sounds it was made of."""
    window = round(mini.window_seconds * mini.sample_rate)
    first, last = (np.resize(wave, window) for wave in (waves[0], waves[-1]))
    both = embed_clips(mini, [np.concatenate([first, last])], EmbedSection(), ["a"]).vectors[0]
    mean = mini.embed_windows([first, last]).sum(axis=0)
    assert both == pytest.approx(mean / np.linalg.norm(mean), abs=1e-3)


def test_sound_of_less_than_one_token_has_no_vector(mini: Embedder, waves: list[Wave]) -> None:
    found = embed_clips(mini, [waves[0][:320], waves[0][:321], waves[0]], EmbedSection(), ["a", "b", "c"])
    assert found.reasons == (NO_VECTOR, "", "")


def test_text_without_a_token_has_no_vector(mini: Embedder) -> None:
    found = mini.embed_texts(["", "a dog barking"])
    assert np.isnan(found).all(axis=1).tolist() == [True, False]
    assert mini.embed_texts([]).shape == (0, mini.dimensions)


def test_identity_names_the_weights_of_both_networks(mini: Embedder) -> None:
    identity = mini.identity()
    assert identity["name"] == "mini"
    assert len(identity["weights"]) == len(identity["tower"]) == 16
    assert identity["weights"] != identity["tower"]


def test_another_model_is_refused() -> None:
    with pytest.raises(ArdError, match=r'embed.model = ""'):
        EMBEDDERS.get("mini").load(EmbedSection(model="laion/clap"), "cpu")
