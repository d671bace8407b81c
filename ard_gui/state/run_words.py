"""Runs in words: their states and what to do about them, times, sizes, stages."""

from __future__ import annotations

from datetime import datetime

from ard_gui.state.runs import RunShown, RunsShown, StageShown

STATES = {
    "waiting": "waiting", "running": "running", "pausing": "pausing …", "paused": "paused",
    "cancelling": "cancelling …", "failed": "failed", "finished": "finished", "stopped": "stopped",
    "killed": "killed", "damaged": "damaged",
}  # fmt: skip
GLYPHS = {
    "waiting": "wait", "running": "play", "pausing": "pause", "paused": "pause", "cancelling": "stop",
    "failed": "failed", "finished": "done", "stopped": "stop", "killed": "failed", "damaged": "failed",
}  # fmt: skip
ADVICE = {
    "waiting": "It runs when those before it have left the queue.",
    "pausing": "It writes a checkpoint and stops at its next safe point.",
    "cancelling": "It stops at its next safe point. Everything finished so far is kept.",
    "paused": "Resume goes on from its last checkpoint.",
    "failed": "Retry runs it again with the settings as they are now; Retry with an edited setting changes one first.",
    "stopped": "Run the same command to go on.",
    "killed": "Its process is gone, and at most the work since its last checkpoint. Run the same command to go on.",
    "damaged": "Its folder still holds events and log.",
}
IDLE = "Nobody works the queue off: its process ended or was killed. Start goes on where it was."
BYTES = ("B", "KB", "MB", "GB")


def advice(run: RunShown, shown: RunsShown) -> str:
    """What a run's state means and what to do about it; "" where nothing needs to be said."""
    if run.request and run.state == "killed":
        return "Its process is gone. " + ("It is started again." if shown.supervisor else "Start goes on from the last "
                                          "checkpoint.")  # fmt: skip
    if run.state == "waiting" and not shown.supervisor:
        return IDLE
    if not run.request and run.state == "running":
        return "It was started outside of the queue: stop it where it was started."
    if not run.request and run.state == "failed":
        return "Run the same command again when the cause is gone."
    return ADVICE.get(run.state, "")


def span(seconds: float) -> str:
    """Seconds as a person reads them: 4 s, 3 min 05 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: float) -> str:
    """Bytes as a person reads them."""
    for unit in BYTES:
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} TB"


def when(started: str) -> str:
    """A time of the events as this machine's clock shows it; "" for none."""
    try:
        moment = datetime.fromisoformat(started).astimezone()
    except ValueError:
        return ""
    today = datetime.now().astimezone().date()
    if moment.date() == today:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%m-%d %H:%M}" if moment.year == today.year else f"{moment:%Y-%m-%d}"


def amount(value: float) -> str:
    """A number of things that are counted."""
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:,.1f}"


def stage_words(stage: StageShown) -> str:
    """Done, total, throughput and times of one stage."""
    if stage.state == "waiting":
        return "to come"
    if stage.state == "current":
        return "nothing to do"
    if stage.state == "finished":
        return span(stage.seconds)
    parts = []
    if stage.total > 0:
        parts.append(f"{amount(stage.done)} of {amount(stage.total)} {stage.unit}".strip())
    if stage.state == "ended":
        return ", ".join([*parts, f"ended after {span(stage.seconds)}"])
    if stage.per_second > 0:
        parts.append(f"{amount(stage.per_second)} a second")
    if stage.seconds_left is not None:
        parts.append(f"{span(stage.seconds_left)} left")
    return ", ".join([*parts, f"for {span(stage.seconds)}"])


def progress_words(run: RunShown) -> str:
    """The stage a run is in, and how far, in a few words."""
    stage = run.stage
    if stage is not None:
        return f"{stage.name} {stage.share:.0%}" if stage.total > 0 else stage.name
    ended = next((one for one in reversed(run.stages) if one.state == "ended"), None)
    if ended is not None:
        return f"in {ended.name}"
    done = [one for one in run.stages if one.state in ("finished", "current")]
    if not done:
        return ""
    if run.state != "finished":
        return f"after {done[-1].name}"
    return done[0].name if len(done) == 1 else f"{len(done)} stages"


def left_words(run: RunShown) -> str:
    """Time left in the stage that runs."""
    stage = run.stage
    return span(stage.seconds_left) if stage is not None and stage.seconds_left is not None else ""


def use_words(run: RunShown) -> str:
    """Memory and processor in use."""
    parts = []
    if run.memory_bytes:
        parts.append(f"memory {size(run.memory_bytes)}")
    if run.device_bytes:
        parts.append(f"GPU memory {size(run.device_bytes)}")
    if run.cpu_percent:
        parts.append(f"CPU {run.cpu_percent:.0f} %")
    return ", ".join(parts)
