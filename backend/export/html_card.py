"""One clip of a report: its picture with the trace and axes, its player, and what is known of it."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import Protocol

from backend.export.clip_media import COLUMNS, HEIGHT, ClipMedia, tick_positions
from backend.export.records import Record
from backend.export.wording import number, own_judgement

KINDS = {"sounds": ("audio/flac", "flac"), "pictures": ("image/png", "png")}


class Place(Protocol):
    """Where sounds and pictures are put."""

    def put(self, kind: str, clip: int, data: bytes) -> str:
        """Keep `data` of a clip, `kind` being "sounds" or "pictures"; returns the address that the page uses."""
        ...


class Inside:
    """Sounds and pictures in the page itself."""

    def put(self, kind: str, clip: int, data: bytes) -> str:
        return f"data:{KINDS[kind][0]};base64,{base64.b64encode(data).decode('ascii')}"


class Beside:
    """Sounds and pictures as files beside the page, each clip's once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._written: set[str] = set()

    def put(self, kind: str, clip: int, data: bytes) -> str:
        address = f"{kind}/clip-{clip:06d}.{KINDS[kind][1]}"
        if address not in self._written:
            (self.folder / kind).mkdir(exist_ok=True)
            (self.folder / address).write_bytes(data)
            self._written.add(address)
        return address


def card(
    clip: Record, caption: str, problem: str, media: ClipMedia | None, path: str, active: int, place: Place
) -> str:
    """One clip as an article.

    Parameters
    ----------
    clip : dict
        Of a feature's record, and `score_name`, what its score is called.
    caption, problem : str
        What its captioner said of it, and why it said nothing.
    media : ClipMedia or None
        None where the report has neither sounds nor pictures.
    path : str
        The feature's trace, from `trace_path`.
    active : int
        Tokens at which the feature is active.
    """
    name = f"{clip['rank']}. {clip['record']}"
    score = f"{clip['score_name']} {number(clip['score'])}"
    parts = [
        f'<li><article class="card" tabindex="0" aria-label="{escape("Clip " + name)}">',
        f'<h4><span>{escape(name)}</span><span class="figure">{escape(score)}</span></h4>',
    ]
    if media and media.picture:
        parts.append(_picture(clip, media, path, active, place))
    if media and media.sound:
        address = place.put("sounds", clip["clip"], media.sound)
        label = escape(f"Sound of clip {clip['clip']}")
        parts.append(f'<audio controls preload="none" aria-label="{label}" src="{address}"></audio>')
    if media and media.problem:
        parts.append(_line("problem", f"No sound and no picture: {media.problem}."))
    if media and media.cut:
        parts.append(_line("faint", f"The first {media.seconds:g} s of what the model heard; the clip goes on."))
    parts.append(_texts(clip, caption, problem))
    return "\n".join(parts) + "\n</article></li>\n"


def _texts(clip: Record, caption: str, problem: str) -> str:
    labels = ", ".join(f"{key}: {value}" for key, value in sorted(clip["labels"].items()) if value)
    lines = [_line("labels", labels)] if labels else []
    if caption:
        lines.append(_line("caption", f"Caption: {caption}"))
    elif problem:
        lines.append(_line("problem", f"No caption: {problem}."))
    if clip["caption"] and clip["caption"] != caption:
        lines.append(_line("caption", f"Data set: {clip['caption']}"))
    judged = own_judgement(clip)
    if judged:
        lines.append(_line("own", f"Judged: {judged}"))
    where = ", ".join(text for text in (clip["source"], clip["licence"]) if text)
    lines.append(
        _line("faint licence", f"Clip {clip['clip']}, {clip['tokens']} tokens" + (f"; {where}" if where else ""))
    )
    return "\n".join(lines)


def _picture(clip: Record, media: ClipMedia, path: str, active: int, place: Place) -> str:
    end = media.start + media.seconds
    said = f"active in {active} of {clip['tokens']} tokens" if active else "not active"
    alt = f"Mel spectrogram of clip {clip['clip']}, {media.start:.2f} to {end:.2f} s, 0 to 8 kHz; the feature is {said}"
    address = place.put("pictures", clip["clip"], media.picture)
    ticks = "".join(
        f'<span class="axis" style="top:{below:.1f}%" aria-hidden="true">{_hertz(hertz)}</span>'
        for hertz, below in tick_positions()
    )
    box = f'viewBox="0 0 {COLUMNS} {HEIGHT:g}" preserveAspectRatio="none" aria-hidden="true"'
    trace = f'<svg {box}><path d="{path}"/></svg>' if path else ""
    return (
        f'<figure><div class="picture"><img src="{address}" alt="{escape(alt)}" loading="lazy">'
        f'{trace}<span class="playhead"></span>{ticks}</div>'
        f'<figcaption class="axis time"><span>{media.start:.1f} s</span><span>{end:.1f} s</span></figcaption></figure>'
    )


def _hertz(hertz: int) -> str:
    return f"{hertz // 1000} kHz" if hertz >= 1000 else f"{hertz} Hz"


def _line(kind: str, text: str) -> str:
    return f'<p class="{kind}">{escape(text)}</p>'
