from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

from backend.targets.mel import frame_mask, log_mel

RATE = 16000


def clips(*seconds: float) -> list[np.ndarray]:
    draw = np.random.default_rng(3)
    return [draw.normal(0, 0.1, round(s * RATE)).astype(np.float32) for s in seconds]


def whole_window(extractor: WhisperFeatureExtractor, waves: list[np.ndarray]) -> torch.Tensor:
    return extractor(waves, sampling_rate=RATE, return_tensors="pt").input_features


@pytest.mark.parametrize("window", [4, 10, 30])
@pytest.mark.parametrize("seconds", [(0.5,), (0.5, 1.237, 0.021), (3.9,), (3.96, 1.0), (1 / RATE,)])
def test_features_of_short_clips_are_those_of_the_padded_window(window: int, seconds: tuple[float, ...]) -> None:
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=window)
    waves = clips(*seconds)
    torch.testing.assert_close(log_mel(extractor, waves), whole_window(extractor, waves), rtol=0, atol=2e-6)


def test_silence_and_a_clip_that_fills_the_window_have_the_same_features() -> None:
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=4)
    silence = [np.zeros(RATE, np.float32)]
    torch.testing.assert_close(log_mel(extractor, silence), whole_window(extractor, silence))
    full = clips(4.0, 0.3)
    torch.testing.assert_close(log_mel(extractor, full), whole_window(extractor, full))


def test_extractor_with_dither_gets_the_whole_window() -> None:
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=4, dither=0.1)
    waves = clips(0.5, 1.0)
    torch.manual_seed(0)
    expected = whole_window(extractor, waves)
    torch.manual_seed(0)
    torch.testing.assert_close(log_mel(extractor, waves), expected)


def test_mask_of_frames_is_that_of_the_extractor() -> None:
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=4)
    waves = clips(0.5, 1.237, 0.021, 4.0)
    theirs = extractor(waves, sampling_rate=RATE, return_tensors="pt", return_attention_mask=True)
    assert torch.equal(frame_mask(extractor, waves), theirs.attention_mask.long())
