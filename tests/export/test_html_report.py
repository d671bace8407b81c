"""The HTML report, read back by a parser: every card, picture, sound and word, and nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_clip_media import pixels

from backend.audio.load import load_wave
from backend.errors import ArdError
from backend.export.clip_media import RATE
from backend.export.records import Export, features_for_export
from backend.export.writers import export_folder, export_to
from backend.store.clips import ClipTable
from backend.store.concepts import ClipCaption, Concept, Detection
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.described_study import describe_by_hand, the_sae, undescribe

VOID = {"meta", "img", "br", "link", "hr", "input"}
HOSTILE = """</script><script>alert("x")</script><img src=x onerror='alert(1)'> & "quoted" 'single' `tick`"""
LONG = " ".join(f"word{n}" for n in range(300))


class Page(HTMLParser):
    """Elements with attributes and their text; fails where a tag is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str, kind: str = "") -> list[dict[str, str]]:
        return [a for name, a in self.elements if name == tag and kind in [*a.get("class", "").split(" "), ""]]

    def text(self) -> str:
        return "\n".join(data for tag, data in self.texts if tag not in ("style", "script"))


def most_supported(study: Study) -> int:
    with RetrievalFile(study.retrieval(the_sae(study))) as file:
        return int(file.table()["support"].argmax())


def described(study: Study, **changes: str) -> tuple[Export, int]:
    """An export of the feature with most clips, with a concept."""
    k = most_supported(study)
    with RetrievalFile(study.retrieval(the_sae(study))) as file:
        h = file.feature(k).most_clips[:2].tolist()
    captions = (ClipCaption(h[0], changes.pop("caption", "a bell rings")), ClipCaption(h[1], "", "it was refused"))
    found = Concept(
        k, changes.pop("status", "ok"), changes.pop("name", "bell"), changes.pop("description", "Bells that ring."),
        captions, Detection(0.875, 8, 9, 0.5, 7),
    )  # fmt: skip
    describe_by_hand(study, the_sae(study), [found])
    return features_for_export(study, where=f"feature == {k}", clips=3), k


def written(export: Export, path: Path, *, sound: bool = True) -> tuple[str, Page]:
    export_to(export, "html", path / "out.html", sound=sound)
    text = (path / "out.html").read_text(encoding="utf-8")
    return text, Page(text)


def embedded(address: str, kind: str) -> bytes:
    head, _, data = address.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(data, validate=True)


def test_every_clip_has_a_card_with_its_own_sound_and_picture(ranked: Study, tmp_path: Path) -> None:
    export, k = described(ranked)
    _, page = written(export, tmp_path)
    (record,) = export.records()
    clips = [one["clip"] for one in record["most"] + record["least"]]
    assert len(clips) == len(page.all("article", "card")) == len(page.all("audio")) == len(page.all("img")) == 6
    table = ClipTable(ranked.clips())
    for i, audio, image in zip(clips, page.all("audio"), page.all("img"), strict=True):
        samples, rate = soundfile.read(io.BytesIO(embedded(audio["src"], "audio/flac")), dtype="float32")
        assert rate == RATE
        np.testing.assert_allclose(samples, load_wave(table[i], RATE), atol=1e-4)
        assert pixels(embedded(image["src"], "image/png")).shape[0] == 80
        assert f"clip {i}," in image["alt"]
        assert (audio["preload"], "controls" in audio) == ("none", True)
    traces = page.all("path")
    with RetrievalFile(ranked.retrieval(the_sae(ranked))) as file:
        assert len(traces) == sum(i in file.feature(k).traces for i in clips) > 0
    assert all(path["d"].startswith("M") for path in traces)


def test_report_says_name_origin_scores_detection_captions_and_provenance(ranked: Study, tmp_path: Path) -> None:
    export, k = described(ranked)
    text, page = written(export, tmp_path)
    said = page.text()
    for expected in (
        f"Feature {k}", "bell", "Bells that ring.", "consensus of captions, no LLM", "Caption: a bell rings",
        "No caption: it was refused.", "0.88 balanced accuracy (8 active, 9 random clips), 0.50 against 7 clips",
        f"± 0.5 over re-draws of L, rank {k}", "(2 clips, 1 pairs)", '"concepts": "concepts-hand.h5"',
        '"embedder": "mini"', "folder: ",
    ):  # fmt: skip
        assert expected in said, expected
    assert text.count("consensus of captions, no LLM") >= 2
    assert page.all("section", "feature")[0]["aria-labelledby"] == f"title-{k}"
    assert [tag for tag, _ in page.elements if tag in ("h1", "h2", "h3")] == ["h1", "h2", "h3", "h3"]


def test_report_asks_nothing_of_the_network(ranked: Study, tmp_path: Path) -> None:
    text, page = written(described(ranked)[0], tmp_path)
    assert "http" not in text.replace("http-equiv", "")
    addresses = [a[key] for _, a in page.elements for key in ("src", "href", "data", "action") if key in a]
    assert addresses
    assert all(one.startswith(("data:", "#feature-")) for one in addresses)
    assert not page.all("link")
    assert "@import" not in text
    assert "url(" not in text


def test_hostile_texts_stay_texts(ranked: Study, tmp_path: Path) -> None:
    export, _ = described(ranked, name=HOSTILE, description=HOSTILE + LONG, caption=HOSTILE)
    _, page = written(export, tmp_path)
    assert len(page.all("script")) == 1
    assert not [a for _, a in page.elements for key in a if key.startswith("on")]
    assert not [a for a in page.all("img") if a["src"] == "x"]
    assert f"Caption: {HOSTILE}" in page.text()
    assert HOSTILE + LONG in page.text()


def test_name_of_300_words_is_shortened_in_its_heading_and_kept_whole_below(ranked: Study, tmp_path: Path) -> None:
    export, _ = described(ranked, name="", description=LONG, status="too long")
    _, page = written(export, tmp_path)
    assert max(len(data) for tag, data in page.texts if tag == "h2") < 100
    assert LONG in page.text()
    assert "too long: no short name could be had" in page.text()
    assert "tabindex" in page.all("p", "long")[0]


@pytest.mark.parametrize("status", ["refused", "no captions", "empty", "no common concept", "not named"])
def test_status_of_a_name_stands_beside_it(ranked: Study, tmp_path: Path, status: str) -> None:
    export, _ = described(ranked, name="", description="", status=status)
    said = written(export, tmp_path)[1].text()
    assert f"{status}: " in said
    assert "no name" in said


def test_report_without_sound_holds_no_sound_but_all_else(ranked: Study, tmp_path: Path) -> None:
    export, _ = described(ranked)
    text, page = written(export, tmp_path, sound=False)
    assert page.all("audio") == []
    assert "audio/flac" not in text
    assert base64.b64encode(b"fLaC").decode()[:5] not in text
    assert len(page.all("img")) == 6
    assert "This report holds no sound." in page.text()
    assert "fLaC" not in text
    export_folder(export, tmp_path / "silent", sound=False)
    assert sorted(p.name for p in (tmp_path / "silent").iterdir()) == ["index.html", "pictures"]


def test_missing_file_is_said_on_its_card_and_the_rest_is_written(
    ranked_base: Path, ranked: Study, tmp_path: Path
) -> None:
    export, _ = described(ranked)
    (record,) = export.records()
    gone = record["most"][0]
    path = ranked_base / "audio" / gone["path"]
    shutil.move(path, path.with_suffix(".away"))
    try:
        _, page = written(export, tmp_path)
    finally:
        shutil.move(path.with_suffix(".away"), path)
    others = [one for one in record["most"] + record["least"] if one["clip"] != gone["clip"]]
    assert len(page.all("article", "card")) == 6
    assert len(page.all("audio")) == len(page.all("img")) == len(others)
    assert "No sound and no picture: " in page.text()
    assert str(ranked_base) not in page.text()


def test_folder_holds_each_clip_once_and_its_page_names_them(ranked: Study, tmp_path: Path) -> None:
    described(ranked)
    export = features_for_export(ranked, where="support > 3", clips=3, limit=4)
    export_folder(export, tmp_path / "report")
    page = Page((tmp_path / "report/index.html").read_text(encoding="utf-8"))
    records = list(export.records())
    assert len(records) == 4
    clips = {one["clip"] for r in records for one in r["most"] + r["least"]}
    named = {a["src"] for a in page.all("audio") + page.all("img")}
    found = {str(p.relative_to(tmp_path / "report")) for p in (tmp_path / "report").rglob("*.*")} - {"index.html"}
    assert found == named
    assert len(found) == 2 * len(clips)
    for name in sorted(p for p in named if p.endswith(".flac")):
        assert soundfile.info(tmp_path / "report" / name).samplerate == RATE
    assert [a["id"] for a in page.all("section")] == [f"feature-{r['feature']}" for r in records]
    assert {a["href"] for a in page.all("a")} == {f"#feature-{r['feature']}" for r in records}


def test_folder_that_holds_something_is_left_alone(ranked: Study, tmp_path: Path) -> None:
    export, _ = described(ranked)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/index.html").write_text("my own")
    with pytest.raises(ArdError, match="new or an empty folder"):
        export_folder(export, tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["index.html"]
    (tmp_path / "empty").mkdir()
    export_folder(export, tmp_path / "empty")
    assert (tmp_path / "empty/index.html").exists()
    assert not list(tmp_path.glob(".*.tmp"))


def test_study_without_descriptions_has_a_report_too(ranked: Study, tmp_path: Path) -> None:
    undescribe(ranked, the_sae(ranked))
    export = features_for_export(ranked, sort="support", clips=1, limit=2)
    _, page = written(export, tmp_path)
    assert len(page.all("section")) == 2
    assert "consensus" not in page.text()
    assert "re-draws" not in page.text()
