"""Where the ticks of an axis stand and what is written beside them."""

from __future__ import annotations

import math

import numpy as np

from ard_gui.services.mel_pictures import BINS, RATE
from backend.audio.spectrogram import hertz_to_mel, mel_to_hertz

HERTZ = (250, 500, 1000, 2000, 4000, 8000)
CLOCK_STEPS = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
CLOSE = 1 - 1e-9


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` + 1 multiples of 1, 2 or 5 · 10ⁿ in [low, high]; none where high ≤ low."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low or most < 1:
        return []
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    return _multiples(low, high, next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * CLOSE))


def seconds_ticks(low: float, high: float, most: int) -> list[float]:
    """As `round_ticks`, with steps that divide minutes and hours where there are many seconds."""
    raw = (high - low) / max(1, most)
    step = next((one for one in CLOCK_STEPS if one >= raw * CLOSE), 0)
    return _multiples(low, high, step) if high >= 120 and raw > 5 and step else round_ticks(low, high, most)


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def tick_texts(ticks: list[float]) -> list[str]:
    """The ticks' numbers with as many decimals as tell neighbours apart."""
    if len(ticks) < 2:
        return [f"{one:.3g}" for one in ticks]
    step = ticks[1] - ticks[0]
    largest = max(abs(ticks[0]), abs(ticks[-1]))
    if step < 1e-4 or largest >= 1e6:
        return [f"{one:.3g}" if one else "0" for one in ticks]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{one:.{decimals}f}" for one in ticks]


def seconds_texts(ticks: list[float]) -> list[str]:
    """As `tick_texts`; minutes and seconds from two minutes on."""
    if not ticks or ticks[-1] < 120:
        return tick_texts(ticks)
    fraction = len(ticks) > 1 and ticks[1] - ticks[0] < 1
    return [f"{int(one // 60)}:{one % 60:04.1f}" if fraction else f"{int(one // 60)}:{one % 60:02.0f}" for one in ticks]


def hertz_text(hertz: float) -> str:
    """In kilohertz, without the unit: 0.25, 0.5, 1 …"""
    return f"{hertz / 1000:g}"


def height_of(hertz: float) -> float:
    """How high a frequency stands in a mel picture, as a share of its height, 0 at the lower edge."""
    top = float(hertz_to_mel(RATE / 2))
    return (float(hertz_to_mel(hertz)) * (BINS + 1) / top - 0.5) / BINS


def hertz_at(height: float) -> float:
    """Inverse of `height_of`, from 0 hertz to half the rate."""
    top = float(hertz_to_mel(RATE / 2))
    return float(mel_to_hertz(np.clip((height * BINS + 0.5) * top / (BINS + 1), 0.0, top)))
