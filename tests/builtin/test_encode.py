"""Encoded examples: equal to what the projector gets at run time, computed once, kept when only facts change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.builtin import encode
from backend.builtin.encode import encode_examples, example_key
from backend.builtin.encoded import EncodedExamples
from backend.builtin.examples import Example, Facts
from backend.errors import Stopped
from backend.jobs.job import Job, quiet_job
from backend.targets.tap import tap
from backend.targets.token_counts import audio_tokens
from builders.tiny_builtin import RATE, SOUNDS, TinyModel, realise_tone, tiny_model, tone_examples


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    return tiny_model(tmp_path_factory.mktemp("tiny"))


class Counting:
    """Realises tones and remembers which."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.ids: list[str] = []
        self.then = then

    def __call__(self, example: Example) -> np.ndarray:
        self.ids.append(example.id)
        self.then()
        return realise_tone(example)


def projector_input(tiny: TinyModel, wave: np.ndarray) -> np.ndarray:
    """What the projector gets when the model is used as the library documents it."""
    text = "<|audio_bos|><|AUDIO|><|audio_eos|>"
    inputs = tiny.processor(text=text, audio=[wave], sampling_rate=RATE, return_tensors="pt")
    norm = tiny.model.model.audio_tower.layer_norm
    state = tap({"norm": norm}, lambda: tiny.model(**inputs))["norm"]
    return state[0, : audio_tokens(len(wave))].numpy()


def test_rows_are_what_the_projector_gets_at_run_time(tiny: TinyModel) -> None:
    rng = np.random.default_rng(0)
    samples = [1600, 7999, 8000, 8161, 15_680, 16_000, 16_321, 31_999, 32_000]
    waves = [(0.1 * rng.standard_normal(count)).astype(np.float32) for count in samples]
    together = tiny.encoder.encode(waves)
    for wave, rows in zip(waves, together, strict=True):
        expected = projector_input(tiny, wave)
        (alone,) = tiny.encoder.encode([wave])
        assert rows.shape == alone.shape == expected.shape
        np.testing.assert_allclose(rows, expected, atol=5e-3)
        np.testing.assert_allclose(alone, expected, atol=5e-3)


def test_of_a_clip_longer_than_the_window_the_first_part_is_encoded(tiny: TinyModel) -> None:
    wave = realise_tone(replace(tone_examples()[0], seconds=3.0))
    long, cut = tiny.encoder.encode([wave])[0], tiny.encoder.encode([wave[: 2 * RATE]])[0]
    assert len(long) == 50
    np.testing.assert_array_equal(long, cut)


def test_a_clip_too_short_for_a_token_has_no_rows(tiny: TinyModel) -> None:
    empty, short = tiny.encoder.encode([np.zeros(0, np.float32), np.zeros(320, np.float32)])
    assert empty.shape == short.shape == (0, 16)


def test_rows_are_found_by_key_in_half_precision(tiny: TinyModel, tmp_path: Path) -> None:
    examples = tone_examples()
    encoded, keys = run(tiny, examples, tmp_path)
    for example, key in zip(examples, keys, strict=True):
        rows = encoded[key]
        assert rows.dtype == np.float16
        assert len(rows) == encoded.tokens(key) == audio_tokens(round(example.seconds * RATE))
        np.testing.assert_allclose(rows, tiny.encoder.encode([realise_tone(example)])[0], atol=5e-3)


def run(
    tiny: TinyModel, examples: list[Example], folder: Path, realise: Counting | None = None, job: Job | None = None,
    sounds: dict[str, str] = SOUNDS,
) -> tuple[EncodedExamples, list[str]]:  # fmt: skip
    return encode_examples(
        tiny.encoder, examples, realise or Counting(), sounds=sounds, folder=folder, job=job or quiet_job(), batch=2
    )


def test_a_second_run_computes_nothing(tiny: TinyModel, tmp_path: Path) -> None:
    run(tiny, tone_examples(), tmp_path)
    counting = Counting()
    encoded, keys = run(tiny, tone_examples(), tmp_path, counting)
    assert not counting.ids
    assert all(key in encoded for key in keys)


def test_a_stopped_run_goes_on_behind_its_last_shard(
    tiny: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "SHARD_EXAMPLES", 4)
    job, examples = quiet_job(), tone_examples()
    first = Counting(then=lambda: job.request_stop() if len(first.ids) == 5 else None)
    with pytest.raises(Stopped):
        run(tiny, examples, tmp_path, first, job)
    kept = len(EncodedExamples(tmp_path))
    assert 0 < kept < len(examples)
    second = Counting()
    resumed, keys = run(tiny, examples, tmp_path, second)
    assert len(second.ids) == len(examples) - kept
    whole, _ = run(tiny, examples, tmp_path / "whole")
    for key in keys:
        np.testing.assert_array_equal(resumed[key], whole[key])


def test_a_changed_label_encodes_nothing_anew(tiny: TinyModel, tmp_path: Path) -> None:
    examples = tone_examples()
    run(tiny, examples, tmp_path)
    counting = Counting()
    run(tiny, [replace(example, facts=Facts(())) for example in examples], tmp_path, counting)
    assert not counting.ids


def test_a_changed_sound_or_mix_encodes_its_examples_anew(tiny: TinyModel, tmp_path: Path) -> None:
    examples = tone_examples()
    run(tiny, examples, tmp_path)
    examples[0] = replace(examples[0], level_db=-30.0)
    counting = Counting()
    run(tiny, examples, tmp_path, counting, sounds={**SOUNDS, "tones/high": "another"})
    assert set(counting.ids) == {examples[0].id, *(e.id for e in examples if e.id.startswith("high"))}


def test_shards_that_no_example_needs_are_removed(
    tiny: TinyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "SHARD_EXAMPLES", 2)
    examples = sorted(tone_examples(), key=lambda example: example.seconds)
    run(tiny, examples, tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == len(examples) // 2
    encoded, keys = run(tiny, examples[:2], tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 1
    assert len(encoded) == 2
    assert all(len(encoded[key]) for key in keys)


def test_a_shard_without_its_header_is_computed_again(tiny: TinyModel, tmp_path: Path) -> None:
    run(tiny, tone_examples(), tmp_path)
    for header in tmp_path.glob("*.json"):
        header.unlink()
    counting = Counting()
    run(tiny, tone_examples(), tmp_path, counting)
    assert len(counting.ids) == len(tone_examples())


def test_another_tower_has_other_keys(tiny: TinyModel) -> None:
    example = tone_examples()[0]
    before = tiny.encoder.fingerprint
    bias = tiny.encoder.tower.conv1.bias
    try:
        bias += 1.0
        after = tiny.encoder.fingerprint
    finally:
        bias -= 1.0
    assert example_key(example, SOUNDS, before) != example_key(example, SOUNDS, after)


def test_all_windows_share_one_set_of_weights(tiny: TinyModel) -> None:
    tower, short = tiny.encoder.tower, tiny.encoder._tower(encode.WINDOW_STEP)
    assert short.config.max_source_positions == encode.WINDOW_STEP < tower.config.max_source_positions
    assert short.conv1.weight.data_ptr() == tower.conv1.weight.data_ptr()
