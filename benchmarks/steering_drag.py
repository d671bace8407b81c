"""A slider dragged for ten seconds at 60 events a second, through the model server's own process.

    python benchmarks/steering_drag.py STUDY [--seconds 10] [--rate 60]

STUDY is a finished study of a model that answers, e.g. the demo study. The window's client starts the server; every
event is a `steer` request with a value that was never sent before, so that no answer comes from memory. Nothing waits
for an answer before the next event is sent. Counted are the values whose first-token distribution was given out, and
how long after their event; the others were passed over, because a newer one was there. What is given out of an older
value after something of a newer one would be a stale answer; anything after the last value's first part, a queue.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import result
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ard_gui.services.model_process import Message, ModelProcess

ROOT = Path(__file__).resolve().parents[1]
PROMPT = "What kind of sound is it?"
LONGEST_WAIT = 120.0
LAST = ("answer", "dropped", "error")


@dataclass
class Life:
    """One request.

    Attributes
    ----------
    sent, first, ready : float
        When it was sent, its first token's distribution came, and all its answers were there; 0 for never.
    orders : list of int
        Places of its parts among everything the server gave out.
    end : str
        How it ended: "answer", "dropped", "error".
    """

    sent: float
    first: float = 0.0
    ready: float = 0.0
    orders: list[int] = field(default_factory=list)
    end: str = ""


@dataclass
class Client:
    """What the window's side of the server sees; messages come on a thread of the process."""

    study: Path
    lives: dict[int, Life] = field(default_factory=dict)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    errors: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._count = self._order = 0
        self._changed = threading.Condition()
        self.process = ModelProcess(self.study, self._heard, self._ended)

    def ask(self, do: str, **fields: Any) -> int:
        self._count += 1
        self.lives[self._count] = Life(time.perf_counter())
        self.process.send({"id": self._count, "do": do, **fields})
        return self._count

    def wait(self, id_: int) -> dict[str, Any]:
        """The answer of a request; RuntimeError if it has none."""
        with self._changed:
            self._changed.wait_for(lambda: self.lives[id_].end or self.errors, timeout=LONGEST_WAIT)
        if self.lives[id_].end != "answer":
            raise RuntimeError(f"no answer to request {id_}: {self.errors or self.lives[id_]}")
        return self.answers[id_]

    def _heard(self, message: Message) -> None:
        now = time.perf_counter()
        life = self.lives.get(message["id"]) if isinstance(message["id"], int) else None
        if life is None:
            return
        with self._changed:
            self._order += 1
            type_, part = message["type"], message.get("result") or {}
            if type_ == "part":
                life.orders.append(self._order)
                if part["stage"] == "ready":
                    life.ready = now
                elif part["stage"] == "first" and part["condition"] == "steered":
                    life.first = now
            elif type_ in LAST:
                life.end = type_
                self.answers[message["id"]] = part
                if type_ == "error":
                    self.errors.append(message)
            self._changed.notify_all()

    def _ended(self, reason: str) -> None:
        with self._changed:
            self.errors.append({"type": "ended", "what": reason})
            self._changed.notify_all()


def drag(client: Client, ask: dict[str, Any], feature: int, highest: float, events: int, rate: float) -> list[int]:
    """Send the events on time, whatever comes back; their ids."""
    values = highest * (1 - np.abs(np.linspace(-1, 1, events))) + np.arange(events) * 1e-6
    began, ids = time.perf_counter(), []
    for number, value in enumerate(values):
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        ids.append(client.ask("steer", **ask, overrides=[[feature, round(float(value), 6)]]))
    return ids


def report(client: Client, ids: list[int], rate: float) -> list[dict[str, Any]]:
    lives = [client.lives[id_] for id_ in ids]
    shown = [life for life in lives if life.first]
    latency = np.array([1000 * (life.first - life.sent) for life in shown])
    newest, stale = -1, 0
    for _, number in sorted((order, i) for i, one in enumerate(lives) for order in one.orders):
        stale += number < newest
        newest = max(newest, number)
    last = lives[-1]
    late = sum(order > last.orders[0] for life in lives[:-1] for order in life.orders)
    ends = {end: sum(life.end == end for life in lives) for end in LAST}
    gaps = 1000 * np.diff([life.first for life in shown])
    size = f"{len(ids)} events at {rate:g}/s"
    middle, high, most = np.percentile(latency, [50, 95, 100])
    return [
        {"case": "dragged: event → first token's distribution", "size": size, "dtype": "float32",
         "figure": f"{middle:.0f} ms median, {high:.0f} ms 95 %, {most:.0f} ms at most",
         "note": f"{len(shown)} values shown, {len(ids) - len(shown)} passed over; "
         f"a new one every {np.median(gaps):.0f} ms"},
        {"case": "dragged: answers of overtaken values after newer ones", "size": size, "figure": f"{stale}",
         "bar": "0", "met": bool(stale == 0),
         "note": f"{ends['answer']} answered to the end, {ends['dropped']} dropped"},
        {"case": "dragged: values given out after the last one's", "size": size, "figure": f"{late}",
         "bar": "0 (no queue)", "met": bool(late == 0 and last.end == "answer" and ends["error"] == 0),
         "note": f"last event → its first token {1000 * (last.first - last.sent):.0f} ms, "
         f"→ its answers complete {1000 * (last.ready - last.sent):.0f} ms"},
    ]  # fmt: skip


def length_and_name(path: Path) -> tuple[float, str]:
    """Length and name of a sound, so that the longest is one and the same everywhere."""
    return float(soundfile.info(path).duration), path.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--clip", type=Path, help="a sound; the longest of resources/demo/clips otherwise")
    parser.add_argument("--sae", default="decoder.1-shipped")
    parser.add_argument("--mode", default="pre_topk")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    clip = chosen.clip or max((ROOT / "resources" / "demo" / "clips").rglob("*.flac"), key=length_and_name)
    began, client = time.monotonic(), Client(chosen.study.resolve())
    try:
        encoded = client.wait(client.ask("encode", path=str(clip.resolve()), sae=chosen.sae))
        feature, highest = encoded["features"][0]["feature"], 2 * float(encoded["features"][0]["max"])
        ask = {"path": str(clip.resolve()), "sae": chosen.sae, "prompt": PROMPT, "mode": chosen.mode}
        client.wait(client.ask("steer", **ask, overrides=[[feature, highest]]))
        ids = drag(client, ask, feature, highest, round(chosen.seconds * chosen.rate), chosen.rate)
        client.wait(ids[-1])
        rows = report(client, ids, chosen.rate)
    finally:
        client.process.close()
        client.process.wait(10)
    device = result.device_name().rsplit(",", 1)[0] + f", {chosen.threads} threads"
    result.write(
        "steering_drag", rows, device=device, seconds=time.monotonic() - began,
        data=f"{clip.name}, {encoded['duration']:.1f} s, feature {feature} to {highest:g}",
        latency_ms=[1000 * (one.first - one.sent) for one in map(client.lives.__getitem__, ids) if one.first],
    )  # fmt: skip
    print(result.table([{"benchmark": "steering_drag", "rows": rows}]))


if __name__ == "__main__":
    main()
