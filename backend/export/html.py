"""HTML: a report to read and listen to, one file or a folder, that asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import IO

from backend.export.clip_media import MediaReader, trace_path
from backend.export.html_card import Inside, Place, card
from backend.export.json_values import finite
from backend.export.records import Export, Record
from backend.export.wording import MEANING, detection, marked, number, origin, own_fields, title
from backend.resources import resource
from backend.store.retrieval import FeatureView, RetrievalFile

LISTS = (("most", "h", "Most representative clips"), ("least", "l", "Least representative clips"))
CONTENTS = ("own_name", "name", "name_status", "m", "detection", "support")
LONG_TEXT = 600


def write_html(export: Export, handle: IO[str], *, sound: bool = True, place: Place | None = None) -> None:
    """The whole report, feature after feature.

    Parameters
    ----------
    sound : bool
        False leaves every sound out (X-6); pictures, traces and texts stay.
    place : Place
        Where sounds and pictures go; into the page if left out.
    """
    provenance = export.provenance
    with _media(export, sound=sound) as (file, media):
        _head(export, handle, sound=sound)
        for record in export.records():
            view = file.feature(record["feature"]) if file else None
            page = _Page(record, view, file, media, place or Inside(), provenance["settings"].get("score", "score"))
            handle.write(page.section(origin(provenance.get("sources") or {})))
        handle.write(f"</main>\n<script>{_script()}</script>\n</body>\n</html>\n")


@contextmanager
def _media(export: Export, *, sound: bool) -> Iterator[tuple[RetrievalFile | None, MediaReader | None]]:
    if export.source is None:
        yield None, None
        return
    with RetrievalFile(export.source.retrieval) as file:
        yield file, MediaReader(file, export.source.table, sound=sound)


def _script() -> str:
    return resource("report/report.js").read_text(encoding="utf-8")


def _policy() -> str:
    """What the page may do: its own script, sounds and pictures, and nothing from elsewhere."""
    script = base64.b64encode(hashlib.sha256(_script().encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'unsafe-inline'; "
        "img-src data: file: 'self'; media-src data: file: 'self'; base-uri 'none'; form-action 'none'"
    )


def _head(export: Export, handle: IO[str], *, sound: bool) -> None:
    provenance = export.provenance
    name = f"Concepts of {provenance['sae']}"
    named = origin(provenance.get("sources") or {})
    style = resource("report/report.css").read_text(encoding="utf-8")
    handle.write(
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_policy())}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<header>\n<h1>{escape(name)}</h1>\n"
    )
    chosen = f", those where {provenance['where']}" if provenance["where"] else ""
    layer = f", layer {provenance['layer']}" if provenance.get("layer") else ""
    listed = f" of the list '{provenance['list']}'" if provenance.get("list") else ""
    said = f"Study {provenance['study']}{layer}, {len(export.rows)} features{listed}{chosen}."
    handle.write(f"<p>{escape(said)}</p>\n")
    if named:
        handle.write(f'<p class="note origin">Names: {escape(named)}.</p>\n')
    if not sound:
        handle.write('<p class="note">This report holds no sound.</p>\n')
    document = json.dumps(finite(provenance), indent=2, ensure_ascii=False)
    handle.write(
        f'<details class="provenance"><summary>Where this comes from: files, settings, models and prompts</summary>'
        f"<pre>{escape(document)}</pre></details>\n</header>\n"
    )
    _contents(export, handle)
    handle.write("<main>\n")


def _contents(export: Export, handle: IO[str]) -> None:
    """A table of the features with links; left out where the columns are not at hand."""
    columns = [name for name in CONTENTS if name in export.columns]
    if "own_name" in columns and not any(export.columns["own_name"][export.rows]):
        columns.remove("own_name")
    if not columns or not len(export.rows):
        return
    handle.write('<nav class="contents" aria-label="Features"><table>\n<thead><tr><th scope="col">feature</th>')
    handle.write("".join(f'<th scope="col">{_heading(name)}</th>' for name in columns) + "</tr></thead>\n<tbody>\n")
    namer = export.source.namer if export.source else ""
    for k in export.rows.tolist():
        cells = [f'<td class="figure"><a href="#feature-{k}">{k}</a></td>']
        for name in columns:
            value = export.columns[name][k]
            text = marked(value, namer) if name == "name" else number(value.item() if hasattr(value, "item") else value)
            text = title(value) if name == "own_name" else text
            cells.append(f'<td class="{"text" if "name" in name else "figure"}">{escape(text)}</td>')
        handle.write(f"<tr>{''.join(cells)}</tr>\n")
    handle.write("</tbody></table></nav>\n")


def _heading(name: str) -> str:
    return name.replace("name_status", "name’s status").replace("own_name", "own name")


class _Page:
    """The section of one feature."""

    def __init__(
        self, record: Record, view: FeatureView | None, file: RetrievalFile | None, media: MediaReader | None,
        place: Place, score: str,
    ) -> None:  # fmt: skip
        self.record, self.view, self.file, self.media, self.place, self.score = record, view, file, media, place, score
        self.concept: Record = record.get("concept") or {}

    def section(self, named: str) -> str:
        k = self.record["feature"]
        parts = [f'<section class="feature" id="feature-{k}" aria-labelledby="title-{k}">\n', self._title(named)]
        parts.append(self._own())
        description = self.concept.get("description", "")
        if description:
            kind = "description long" if len(description) > LONG_TEXT else "description"
            focus = ' tabindex="0"' if len(description) > LONG_TEXT else ""
            parts.append(f'<p class="{kind}"{focus}>{escape(description)}</p>\n')
        parts.append(self._figures())
        for key, group, heading in LISTS:
            if self.record[key]:
                cards = "".join(self._card(clip) for clip in self.record[key])
                members = len(self.record.get(group, []))
                part = group.upper() if len(self.record[key]) <= members else f"{group.upper()}: the first {members}"
                parts.append(f'<h3>{heading} ({part})</h3>\n<ol class="cards">\n{cards}</ol>\n')
        return "".join(parts) + "</section>\n"

    def _title(self, named: str) -> str:
        k, name, own = self.record["feature"], self.record.get("name", ""), self.record.get("own_name", "")
        status = self.concept.get("status", "")
        badges = [named] if name and named else []
        if status and status != "ok":
            badges.append(f"{status}: {MEANING[status]}" if MEANING.get(status) else status)
        if self.record["status"] != "ok":
            badges.append(self.record["status"])
        shown = escape(title(name)) if name else '<span class="faint">no name</span>' if self.concept else ""
        if own:
            automatic = f' <span class="faint automatic">automatic name: {escape(title(name))}</span>' if name else ""
            shown = f"{escape(title(own))}{automatic}"
        marks = "".join(f' <span class="badge">{escape(badge)}</span>' for badge in badges)
        return f'<h2 id="title-{k}"><span class="place">Feature {k}</span>{shown}{marks}</h2>\n'

    def _own(self) -> str:
        """What the user noted; a name that was too long for the heading stands here whole."""
        whole = self.record.get("own_name", "")
        noted = ([("own name", whole)] if title(whole) != whole else []) + own_fields(self.record)
        rows = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(text)}</dd></div>" for n, text in noted)
        return f'<dl class="own">{rows}</dl>\n' if rows else ""

    def _figures(self) -> str:
        record = self.record
        figures = []
        if "m" in record:
            p = len(record.get("h", []))
            spread = f" ± {number(record['m_redraw_sd'])} over re-draws of L"
            place = f", rank {record['rank']}" if record["rank"] >= 0 else ", no rank"
            figures += [
                ("m", number(record["m"]) + spread + place),
                ("E_H", f"{number(record['e_h'])} ({p} clips, {p * (p - 1) // 2} pairs)"),
                ("E_L", number(record["e_l"])),
                ("pooled σ", number(record["sigma"]) + (", degenerate" if record["degenerate"] else "")),
                ("m of random clips", number(record["m_control"])),
                ("weighted score", number(record["weighted"])),
            ]
        if self.concept:
            figures.append(("detection by name", detection(self.concept["detection"])))
        figures += [
            (n, number(record[key])) for n, key in (("support", "support"), ("frequency", "frequency"), ("max", "max"))
        ]
        near = ", ".join(str(one["feature"]) for one in record["neighbours"])
        figures += [("nearest directions", near)] if near else []
        rows = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(value)}</dd></div>" for n, value in figures)
        return f'<dl class="figures">{rows}</dl>\n'

    def _card(self, clip: Record) -> str:
        said = next((one for one in self.concept.get("captions", []) if one["clip"] == clip["clip"]), None)
        caption, problem = (said["text"], said["problem"]) if said else ("", "")
        media = self.media.media(clip["clip"]) if self.media else None
        trace = self.view.traces.get(clip["clip"]) if self.view else None
        path, active = "", 0
        if media and trace and self.file:
            top = float(self.record["max"])
            path = trace_path(trace, self.file.token_seconds(clip["clip"]), media.start, media.seconds, top)
            active = len(trace.token)
        return card({**clip, "score_name": self.score}, caption, problem, media, path, active, self.place)
