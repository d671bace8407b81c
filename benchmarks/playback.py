"""Playback measured at the engine's output: start latency, playhead, clicks, loudness of matched clips.

Nothing needs a sound card: the silent output pulls the engine in real time, and what it would have played is kept.
The playhead's sound is a ramp whose samples say which frame they are, so that what was written is known exactly.

    python benchmarks/playback.py --seconds 60
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import result
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer

from ard_gui.services.playback.engine import Command, Engine
from ard_gui.services.playback.loudness import gain_to, integrated_loudness
from ard_gui.services.playback.outputs import Output, SilentOutput
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.programme import FADE_SECONDS, Audio, Programme, Track, compose
from ard_gui.services.playback.sound import Sound, prepare

ROOT = Path(__file__).resolve().parents[1]
RATE = 48_000
CLICK_BAR_DB = -60.0


class Kept(SilentOutput):
    """A silent output that keeps what it would have played, with the moment each block was written."""

    def __init__(self) -> None:
        super().__init__(RATE)
        self.blocks: list[Audio] = []
        self.moments: list[float] = []

    def take(self, block: Audio) -> None:
        self.blocks.append(block[:, 0].copy())
        self.moments.append(time.perf_counter())


class Room:
    """A player, the output it plays into, and an event loop that runs until something holds."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.player = Player(self._open)
        self.player.set_match_loudness(False)

    def _open(self, label: str, engine: Engine | None) -> tuple[Output, Engine]:
        fitting = engine or Engine(RATE)
        self.kept.start(fitting)
        return self.kept, fitting

    def until(self, condition: Callable[[], bool], every_ms: int = 2) -> None:
        loop, tick = QEventLoop(), QTimer()
        tick.timeout.connect(lambda: loop.quit() if condition() else None)
        tick.start(every_ms)
        loop.exec()


def sine(seconds: float, hertz: float, phase: float) -> Audio:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE + phase).astype(np.float32)


def track(samples: Audio) -> Track:
    return Track(samples, RATE, 1.0, len(samples) / RATE, -23.0, 1.0)


def rendered(frames: int, *programmes: Programme, start: float = 0.0) -> Audio:
    """The engine's output while it plays one programme after the other, each for an equal share of `frames`."""
    engine, parts = Engine(RATE), []
    for programme in programmes:
        engine.command = Command(programme, jump=1, start=start, playing=True)
        for _ in range(frames // len(programmes) // 480):
            out = np.zeros((480, 1), np.float32)
            engine.render(out)
            parts.append(out[:, 0])
    return np.concatenate(parts)


def excess_db(heard: Audio, own: float) -> float:
    """The largest second difference beyond the sounds' own, relative to a jump by full scale."""
    return 20 * math.log10(max(float(np.abs(np.diff(heard.astype(np.float64), 2)).max()) - own, 1e-9))


def own_difference(hertz: float) -> float:
    return float(4 * np.sin(np.pi * hertz / RATE) ** 2)


def start_latency(plays: int) -> list[dict[str, Any]]:
    """From `play` to the moment the block with the sound's first frame is written."""
    room = Room()
    room.player.set_volume(1.0)
    figures: dict[str, list[float]] = {"prepared": [], "5 s at 16 kHz, not prepared": []}
    noise = np.random.default_rng(0)
    for number in range(plays + 1):
        for case in figures:
            rate = RATE if case == "prepared" else 16_000
            sound = Sound(f"{case} {number}", noise.uniform(0.1, 0.5, 5 * rate).astype(np.float32), rate)
            if case == "prepared":
                room.player.preload([sound])
                room.until(lambda one=sound: room.player._prepared.find(one, RATE, 1.0) is not None)
            first = len(room.kept.blocks)
            asked = time.perf_counter()
            room.player.play(sound)
            room.until(lambda first=first: any(block.any() for block in room.kept.blocks[first:]), every_ms=1)
            heard = next(i for i in range(first, len(room.kept.blocks)) if room.kept.blocks[i].any())
            if number:  # the first request also opens the output
                figures[case].append(1000 * (room.kept.moments[heard] - asked))
            room.player.stop()
            seen = len(room.kept.blocks)
            room.until(lambda seen=seen: len(room.kept.blocks) > seen + 3)
    room.player.close()
    return [
        {"case": f"start latency, {case}", "size": f"{plays} plays", "figure": f"{np.median(values):.1f} ms median, "
         f"{np.percentile(values, 95):.1f} ms 95 %", "note": "request to first frame written, blocks of 10 ms"}
        for case, values in figures.items()
    ]  # fmt: skip


def playhead(seconds: float) -> list[dict[str, Any]]:
    """Position against the samples written at the frame heard, and against the system's clock."""
    room = Room()
    length = round((seconds + 5) * RATE)
    ramp = (np.arange(1, length + 1) / 2**24).astype(np.float32)
    room.player.play(Sound("ramp", ramp, RATE))
    room.until(lambda: room.player.position() > 0.1)
    plain = _readings(room, seconds)
    drift = [1000 * (position - moment) for moment, _, position, _ in plain]
    shuffled = random.Random(0)
    hard: list[tuple[float, int, float, int]] = []
    room.player.set_loop(True)
    stop = time.perf_counter() + max(seconds / 6, 2.0)
    while time.perf_counter() < stop:
        _disturb(room, shuffled, seconds)
        hard += _readings(room, 0.25)
    room.player.close()
    written = np.rint(np.concatenate(room.kept.blocks).astype(np.float64) * 2**24 - 1)
    bar = "0 samples"
    rows = []
    for case, readings in (("plain playing", plain), ("loops, seeks, active only", hard)):
        errors, left_out = _errors(readings, written)
        rows.append({
            "case": f"playhead against samples written, {case}", "size": f"{len(errors)} readings",
            "figure": f"{max(errors):.0f} samples at most", "bar": bar, "met": bool(max(errors) == 0),
            "note": f"{left_out} readings inside a crossfade left out",
        })  # fmt: skip
    rows.append({
        "case": "playhead against the system's clock", "size": f"{seconds:g} s",
        "figure": f"{drift[-1] - drift[0]:+.3f} ms drift, {max(drift) - min(drift):.3f} ms range",
    })  # fmt: skip
    return rows


def _disturb(room: Room, chance: random.Random, seconds: float) -> None:
    player, at = room.player, chance.uniform(0, seconds)
    kind = chance.randrange(3)
    player.set_active_only(kind == 2)
    player.set_region((at, at + chance.uniform(0.03, 0.2)) if kind == 1 else None)
    if kind == 2:
        player.set_active([(at + 0.1 * i, at + 0.1 * i + 0.04) for i in range(5)])
    player.seek(at)
    # until a seek is heard, the playhead stands where it was sent to
    room.until(lambda: player.position() != at)


def _readings(room: Room, seconds: float) -> list[tuple[float, int, float, int]]:
    """(moment, frame heard just before, position, frame heard just after), every 5 ms."""
    found: list[tuple[float, int, float, int]] = []
    stop = time.perf_counter() + seconds

    def read() -> bool:
        before, position = room.kept.clock(), room.player.position()
        found.append((time.perf_counter(), before, position, room.kept.clock()))
        return found[-1][0] > stop

    room.until(read, every_ms=5)
    return found


def _errors(readings: list[tuple[float, int, float, int]], written: Any) -> tuple[list[float], int]:
    """How far the position lies outside of what was written between the two frames, in samples."""
    errors, left_out = [], 0
    fade = round(FADE_SECONDS * RATE)
    for _, before, position, after in readings:
        around = written[max(before - fade, 0) : after + 1 + fade]
        if len(around) < 2 or not np.all(np.diff(around) == 1):
            left_out += 1  # mixed samples do not say which frame they are
            continue
        frame = position * RATE
        errors.append(round(max(written[before] - frame, frame - written[after], 0.0), 3))
    return errors, left_out


def clicks(count: int) -> list[dict[str, Any]]:
    """Loop seams and A/B switches of sines of random pitch and phase."""
    chance = random.Random(1)
    seams, switches, pauses, naive = [], [], [], []
    for _ in range(count):
        hertz, other = (math.exp(chance.uniform(math.log(60), math.log(6000))) for _ in range(2))
        one = sine(1.0, hertz, chance.uniform(0, 6))
        two = sine(chance.uniform(0.5, 1.0), other, chance.uniform(0, 6))
        start = chance.choice([0.0, chance.uniform(0, 0.4)])
        region = (start, chance.uniform(start + 0.03, 0.9))
        loop = compose(track(one), 1, region=region, loop=True)
        seams.append(excess_db(rendered(RATE, loop, start=start), own_difference(hertz)))
        pair = (compose(track(one), 1), compose(track(two), 2))
        own = max(own_difference(hertz), own_difference(other))
        switches.append(excess_db(rendered(round(0.3 * RATE), *pair), own))
        pauses.append(excess_db(rendered(round(1.2 * RATE), pair[0]), own_difference(hertz)))
        cut = one[round(region[0] * RATE) : round(region[1] * RATE)]
        naive.append(excess_db(np.tile(cut, 3), own_difference(hertz)))
    rows = [
        {"case": f"click level, {case}", "size": f"{count} sines", "figure": f"{max(values):.1f} dB worst",
         "bar": f"< {CLICK_BAR_DB:g} dB", "met": max(values) < CLICK_BAR_DB,
         "note": "second difference beyond the sine's own; a jump by full scale is 0 dB"}
        for case, values in (("loop seams", seams), ("A/B switches", switches), ("start and end", pauses))
    ]  # fmt: skip
    control = {"case": "click level, loop without crossfade (control)", "size": f"{count} sines"}
    return [*rows, {**control, "figure": f"{np.median(naive):.1f} dB median, {max(naive):.1f} dB worst"}]


def loudness(folder: Path) -> list[dict[str, Any]]:
    """Loudness of real clips as the engine writes them, with and without matching."""
    before, after, limited = [], [], 0
    for path in sorted(folder.rglob("*.flac")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        ready = prepare(Sound(path.name, samples.mean(axis=1), rate), RATE, 1.0)
        gain = gain_to(ready.loudness, ready.peak)
        if not math.isfinite(ready.loudness):
            continue
        before.append(ready.loudness)
        held = gain * ready.peak > 0.999
        limited += held
        heard = rendered(len(ready.samples) + 480, compose(ready, 1, gain=gain))[: len(ready.samples)]
        assert np.abs(heard).max() <= 1.0
        if not held:
            after.append(integrated_loudness(heard, RATE))
    spread, bar = max(after) - min(after), 0.5
    return [
        {"case": "loudness of clips as they are", "size": f"{len(before)} clips",
         "figure": f"{max(before) - min(before):.1f} LU spread, SD {np.std(before):.1f}"},
        {"case": "loudness of matched clips", "size": f"{len(after)} clips",
         "figure": f"{spread:.2f} LU spread, SD {np.std(after):.3f}", "bar": "< 0.5 LU", "met": bool(spread < bar),
         "note": f"{limited} more clips are held lower by their peak, which may not clip"},
    ]  # fmt: skip


def callback_cost() -> list[dict[str, Any]]:
    """Time to render a block, the dearest case: a crossfade in every block."""
    engine = Engine(RATE)
    pair = [compose(track(sine(5.0, 440.0, phase)), 1, loop=True) for phase in (0.0, 1.0)]
    out = np.zeros((480, 2), np.float32)
    took = []
    for block in range(4000):
        engine.command = Command(pair[block % 2], playing=True, volume=0.5 + 0.1 * (block % 2))
        began = time.perf_counter()
        engine.render(out)
        took.append(1e6 * (time.perf_counter() - began))
    return [{
        "case": "callback, crossfade and volume ramp in every block", "size": "480 frames",
        "figure": f"{np.median(took):.0f} µs median, {np.percentile(took, 99):.0f} µs 99 %",
        "note": f"{np.median(took) / 1e4:.1%} of a block's time",
    }]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the playhead is watched")
    parser.add_argument("--plays", type=int, default=30)
    parser.add_argument("--sines", type=int, default=200)
    parser.add_argument("--clips", type=Path, default=ROOT / "resources" / "demo" / "clips")
    chosen = parser.parse_args()
    began = time.perf_counter()
    application = QCoreApplication.instance() or QCoreApplication([])
    rows = [
        *start_latency(chosen.plays), *playhead(chosen.seconds), *clicks(chosen.sines), *loudness(chosen.clips),
        *callback_cost(),
    ]  # fmt: skip
    del application
    record = {"benchmark": "playback", "rows": rows}
    print(result.table([record]))
    path = result.write("playback", rows, device=result.device_name(), seconds=time.perf_counter() - began)
    print(json.dumps({"benchmark": "playback", "written": path.name}))


if __name__ == "__main__":
    main()
