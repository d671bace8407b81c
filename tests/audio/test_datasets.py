from __future__ import annotations

import io
import json
import math
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from sound_files import noise, put

from backend.audio.datasets.audiobench import answer_class
from backend.audio.datasets.base import DATASETS
from backend.audio.datasets.folder import relative
from backend.audio.datasets.read import clip_hash, read
from backend.audio.datasets.walk import files_below
from backend.audio.load import load_wave
from backend.audio.probe import probe_file
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.store.clips import Clip
from backend.study.fingerprint import edge_hash
from backend.study.settings import AudioSection


def read_all(root: Path, adapter: str, **more: object) -> tuple[list[ClipRecord], list[Unreadable]]:
    section = AudioSection(adapter=adapter, path=str(root), **more)  # type: ignore[arg-type]
    found = list(read(root, section, lambda name: probe_file(root / name)))
    return [f for f in found if isinstance(f, ClipRecord)], [f for f in found if isinstance(f, Unreadable)]


def lines(path: Path, *rows: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(rows) + "\n").encode(encoding))
    return path


def test_the_six_adapters_are_registered() -> None:
    assert {"folder", "wavcaps", "iemocap", "fsd50k", "voxceleb1", "audiobench"} <= set(DATASETS)
    with pytest.raises(ArdError, match=r"no 'nosuch' among the datasets.*folder"):
        DATASETS.get("nosuch")


# --- folder (D-17) ------------------------------------------------------------------------------------


def test_folder_lists_every_sound_in_order_and_no_hidden_file(tmp_path: Path) -> None:
    for name in ("b/2.flac", "b/10.wav", "a.OGG", "c/d/x.mp3", "._a.wav", ".git/y.wav", "notes.txt"):
        if name.endswith("txt"):
            (tmp_path / name).write_text("x")
        elif name == "a.OGG":
            put(tmp_path / name, format="OGG", subtype="VORBIS")
        else:
            put(tmp_path / name)
    clips, bad = read_all(tmp_path, "folder")
    assert [c.record for c in clips] == ["a.OGG", "b/10.wav", "b/2.flac", "c/d/x.mp3"]
    assert bad == []
    assert clips[3].labels == {"folder": "c/d"}
    assert clips[3].source == "c"
    assert clips[1].duration == 1.0
    assert (clips[1].sample_rate, clips[1].channels) == (16000, 1)
    assert clips[1].hash == edge_hash(tmp_path / "b/10.wav")


def test_files_that_cannot_be_used_are_listed_with_their_reason(tmp_path: Path) -> None:
    put(tmp_path / "good.wav")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound " * 500)
    put(tmp_path / "nothing.wav", np.zeros(0, "f4"))
    (tmp_path / "song.m4a").write_bytes(b"\0\0\0 ftypM4A ")
    (tmp_path / "link.wav").symlink_to(tmp_path / "gone.wav")
    clips, bad = read_all(tmp_path, "folder")
    assert [c.path for c in clips] == ["good.wav"]
    reasons = {u.path: u.reason for u in bad}
    assert reasons["empty.wav"] == "the file is empty"
    assert reasons["text.wav"].startswith("not audio that can be decoded")
    assert reasons["nothing.wav"] == "the file holds no samples"
    assert "convert it" in reasons["song.m4a"]
    assert "not there" in reasons["link.wav"]


def test_indexing_never_decodes(tmp_path: Path) -> None:
    # The header is whole and the sound behind it is not: indexing must not notice.
    path = put(tmp_path / "a.flac", noise(4.0, 16000))
    data = path.read_bytes()
    path.write_bytes(data[:200] + bytes(len(data) - 200))
    clips, bad = read_all(tmp_path, "folder")
    assert bad == []
    assert clips[0].duration == 4.0
    with pytest.raises(ArdError, match="damaged"):
        load_wave(Clip(record="a", path="a.flac", root=str(tmp_path)), 16000)


def test_links_are_followed_outside_but_never_in_a_circle(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere/a.wav")
    (tmp_path / "data/deep").mkdir(parents=True)
    (tmp_path / "data/deep/up").symlink_to(tmp_path / "data", target_is_directory=True)
    (tmp_path / "data/out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert list(files_below(tmp_path / "data")) == ["out/a.wav"]


def test_a_study_inside_the_folder_is_not_searched(tmp_path: Path) -> None:
    put(tmp_path / "a.wav")
    put(tmp_path / "study/saved.wav")
    (tmp_path / "study/study.toml").touch()
    assert list(files_below(tmp_path)) == ["a.wav"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_folder_that_may_not_be_read_is_listed(tmp_path: Path) -> None:
    put(tmp_path / "a.wav")
    (tmp_path / "locked").mkdir(mode=0)
    clips, bad = read_all(tmp_path, "folder")
    (tmp_path / "locked").chmod(0o700)
    assert len(clips) == 1
    assert [u.path for u in bad] == ["locked"]


# --- folder with a manifest (D-14) --------------------------------------------------------------------


def test_csv_columns_that_are_not_known_become_labels(tmp_path: Path) -> None:
    put(tmp_path / "x.wav", noise(3.0, 16000))
    put(tmp_path / "y.wav")
    lines(
        tmp_path / "m.csv",
        "path,start,end,caption,split,speaker,emotion,labels",
        'x.wav,0.5,1.5,"a dog, then rain",train,s1,happy,"dog,rain"',
        "x.wav,1.5,,,,,,",
        "y.wav,,,,test,s2,sad,",
    )
    clips, bad = read_all(tmp_path, "folder", manifest="m.csv")
    assert bad == []
    first, second, third = clips
    assert (first.record, first.start, first.end, first.duration) == ("x.wav[0.5-1.5]", 0.5, 1.5, 1.0)
    assert first.labels == {"label": "dog,rain", "emotion": "happy"}
    assert (first.caption, first.split, first.speaker) == ("a dog, then rain", "train", "s1")
    assert (second.record, second.duration, second.labels) == ("x.wav[1.5-]", 1.5, {})
    assert math.isnan(second.end)
    assert (third.record, third.labels, third.duration) == ("y.wav", {"emotion": "sad"}, 1.0)
    assert len({c.hash for c in clips}) == 3  # segments of one file are not copies of one another


def test_jsonl_and_json_and_tsv_say_the_same(tmp_path: Path) -> None:
    put(tmp_path / "x.wav")
    row = {"path": "x.wav", "labels": {"category": "animal", "tags": ["a", "b"]}, "level": 3.0, "licence": "CC0"}
    lines(tmp_path / "m.jsonl", json.dumps(row), "")
    lines(tmp_path / "m.json", json.dumps([row]))
    lines(tmp_path / "m.tsv", "path\tcategory\ttags\tlevel\tlicense", "x.wav\tanimal\ta,b\t3\tCC0")
    found = [read_all(tmp_path, "folder", manifest=name)[0] for name in ("m.jsonl", "m.json", "m.tsv")]
    assert found[0] == found[1]
    assert found[0][0].labels == found[2][0].labels == {"category": "animal", "tags": "a,b", "level": "3"}
    assert found[0][0].licence == found[2][0].licence == "CC0"


def test_a_manifest_with_a_byte_order_mark_and_semicolons_is_read(tmp_path: Path) -> None:
    put(tmp_path / "ä.wav")
    lines(tmp_path / "m.csv", "filename;class", "ä.wav;rain", encoding="utf-8-sig")
    assert read_all(tmp_path, "folder", manifest="m.csv")[0][0].labels == {"class": "rain"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "sound,label\na.wav,x\n", r"line 2 names no file \(columns: sound, label\)"),
        ("m.csv", "path,label\na.wav\n", "line 2 has not as many fields"),
        ("m.csv", 'path,label\na.wav,"x\n', "is not CSV"),
        ("m.jsonl", '{"path": "a.wav"}\n{path}\n', "line 2 is not JSON"),
        ("m.jsonl", "[1]\n", "line 1 is not a JSON object"),
        ("m.json", '{"path": "a.wav"}', "not a JSON list"),
        ("m.json", "[", "not JSON"),
        ("m.xlsx", "", "neither CSV nor JSONL"),
    ],
)
def test_a_manifest_that_is_wrong_is_named_with_its_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    put(tmp_path / "a.wav")
    (tmp_path / name).write_text(text)
    with pytest.raises(ArdError, match=message) as caught:
        read_all(tmp_path, "folder", manifest=name)
    assert name in str(caught.value)


def test_a_manifest_in_another_encoding_is_refused(tmp_path: Path) -> None:
    lines(tmp_path / "m.csv", "path", "ä.wav", encoding="latin-1")
    with pytest.raises(ArdError, match="not a UTF-8 text"):
        read_all(tmp_path, "folder", manifest="m.csv")


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"m\.csv is missing"):
        read_all(tmp_path, "folder", manifest="m.csv")


def test_rows_that_cannot_be_used_are_listed_and_the_others_kept(tmp_path: Path) -> None:
    put(tmp_path / "data/a.wav")
    put(tmp_path / "outside.wav")
    lines(
        tmp_path / "data/m.csv",
        "path,start,end",
        "a.wav,,",
        "gone.wav,,",
        "a.wav,5,6",
        "a.wav,0.5,0.5",
        "a.wav,-1,",
        "a.wav,soon,",
        "../outside.wav,,",
        f"{tmp_path / 'outside.wav'},,",
        f"{tmp_path / 'data' / 'a.wav'},0.25,0.5",
    )
    clips, bad = read_all(tmp_path / "data", "folder", manifest="m.csv")
    assert [c.record for c in clips] == ["a.wav", "a.wav[0.25-0.5]"]
    reasons = [u.reason for u in bad]
    assert "not there" in reasons[0]
    assert "only 1.00 s" in reasons[1]
    assert "not a part of a file" in reasons[2]
    assert "not a part of a file" in reasons[3]
    assert "must be numbers" in reasons[4]
    assert "outside of the data set's folder" in reasons[5]
    assert "outside of the data set's folder" in reasons[6]


@given(st.lists(st.sampled_from(["..", "a", ".", "b"]), min_size=1, max_size=8))
def test_a_manifest_path_never_leaves_the_folder(parts: list[str]) -> None:
    root = Path("/data/set")
    found = relative(root, "/".join(parts))
    if found is not None:
        assert ".." not in found.split("/")
        assert os.path.normpath(root / "/".join(parts)) == os.path.normpath(root / found)


def test_split_and_subset_choose_clips_and_refuse_names_that_are_not_there(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        put(tmp_path / f"{name}.wav")
    lines(tmp_path / "m.csv", "path,split,source", "a.wav,train,X", "b.wav,test,X", "c.wav,test,Y")
    assert [c.path for c in read_all(tmp_path, "folder", manifest="m.csv", split=["test"])[0]] == ["b.wav", "c.wav"]
    assert [c.path for c in read_all(tmp_path, "folder", manifest="m.csv", subset=["X"])[0]] == ["a.wav", "b.wav"]
    with pytest.raises(ArdError, match="no split val; it has: test, train"):
        read_all(tmp_path, "folder", manifest="m.csv", split=["val"])
    with pytest.raises(ArdError, match="no subset Z; it has: X, Y"):
        read_all(tmp_path, "folder", manifest="m.csv", subset=["Z"])


def test_the_hash_of_a_whole_file_is_the_files_and_of_a_part_its_own() -> None:
    assert clip_hash("h", 0.0, math.nan) == "h"
    assert len({clip_hash("h", 0.0, math.nan), clip_hash("h", 0.0, 1.0), clip_hash("h", 1.0, math.nan)}) == 3


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"folder of a data set is not there.*nowhere"):
        read_all(tmp_path / "nowhere", "folder")


# --- WavCaps (D-1, C3) --------------------------------------------------------------------------------


def wavcaps(root: Path) -> Path:
    def table(place: str, rows: list[dict[str, object]]) -> None:
        lines(root / "json_files" / place, json.dumps({"num_captions_per_audio": 1, "data": rows}))

    table(
        "AudioSet_SL/as_final.json",
        [
            {"id": "Yb.wav", "caption": "A dog barks.", "audio": "wav_path", "duration": 10.0},
            {"id": "Ya.wav", "caption": "Rain falls.", "audio": "wav_path", "duration": 10.0},
            {"id": "Ylost.wav", "caption": "Nothing.", "audio": "wav_path", "duration": 10.0},
        ],
    )
    table(
        "SoundBible/sb_final.json",
        [{"title": "Bell", "author": "x", "caption": "A bell rings.", "id": "7", "duration": 1.0, "audio": "wav_path"}],
    )
    table(
        "FreeSound/fsd_final.json", [{"id": "99", "file_name": "x.wav", "tags": ["rain", "drip"], "caption": "Drip."}]
    )
    for name in ("Ya", "Yb"):
        put(root / f"Zip_files/AudioSet_SL/{name}.flac", rate=32000)
    put(root / "Zip_files/FreeSound/99.flac")
    bell = put(root / "7.flac", noise(1.0, 32000), 32000)
    (root / "Zip_files/SoundBible").mkdir(parents=True)
    with zipfile.ZipFile(root / "Zip_files/SoundBible/SoundBible.zip", "w") as archive:
        archive.write(bell, "mnt/fast/nobackup/waveforms/SoundBible_flac/7.flac")
    bell.unlink()
    return root


def test_wavcaps_matches_sound_by_stem_in_folders_and_archives(tmp_path: Path) -> None:
    clips, bad = read_all(wavcaps(tmp_path), "wavcaps")
    assert [c.record for c in clips] == ["AudioSet_SL/Ya", "AudioSet_SL/Yb", "FreeSound/99", "SoundBible/7"]
    assert [(u.path, "no sound file" in u.reason) for u in bad] == [("AudioSet_SL/Ylost.wav", True)]
    rain, _, drip, bell = clips
    assert (rain.path, rain.caption, rain.sample_rate, rain.duration) == (
        "Zip_files/AudioSet_SL/Ya.flac", "Rain falls.", 32000, 1.0,
    )  # fmt: skip
    assert drip.labels == {"tags": "rain,drip"}
    assert bell.member == "mnt/fast/nobackup/waveforms/SoundBible_flac/7.flac"
    assert (bell.duration, bell.labels["title"], len(bell.hash)) == (1.0, "Bell", 16)
    samples = load_wave(Clip(record="7", path=bell.path, member=bell.member, root=str(tmp_path)), 32000)
    np.testing.assert_allclose(samples, noise(1.0, 32000), atol=2**-15)


def test_wavcaps_subset_needs_only_its_own_files(tmp_path: Path) -> None:
    root = wavcaps(tmp_path)
    (root / "json_files/SoundBible/sb_final.json").write_text("broken")
    clips, _ = read_all(root, "wavcaps", subset=["AudioSet_SL"])
    assert {c.source for c in clips} == {"AudioSet_SL"}
    files = set(DATASETS.get("wavcaps")().files(root, AudioSection(path=str(root), subset=["AudioSet_SL"])))
    assert files == {
        "json_files/AudioSet_SL/as_final.json",
        "Zip_files/AudioSet_SL/Ya.flac",
        "Zip_files/AudioSet_SL/Yb.flac",
    }


def test_wavcaps_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="json_files is missing"):
        read_all(tmp_path, "wavcaps")
    (tmp_path / "json_files").mkdir()
    with pytest.raises(ArdError, match=r"as_final\.json is missing"):
        read_all(tmp_path, "wavcaps")
    lines(tmp_path / "json_files/SoundBible/sb_final.json", '{"data": []}')
    with pytest.raises(ArdError, match=r"sound of the WavCaps source SoundBible is missing.*Zip_files"):
        read_all(tmp_path, "wavcaps")
    with pytest.raises(ArdError, match=r"bbc_final\.json is missing"):
        read_all(tmp_path, "wavcaps", subset=["BBC_Sound_Effects"])
    lines(tmp_path / "json_files/SoundBible/sb_final.json", '{"data": {}}')
    with pytest.raises(ArdError, match='no list "data"'):
        read_all(tmp_path, "wavcaps")


def test_wavcaps_says_what_to_do_about_a_split_archive(tmp_path: Path) -> None:
    root = wavcaps(tmp_path)
    (root / "Zip_files/SoundBible/SoundBible.z01").touch()
    with pytest.raises(ArdError, match=r"split over several files.*zip -s 0 SoundBible\.zip"):
        read_all(root, "wavcaps", subset=["SoundBible"])
    put(root / "Zip_files/SoundBible/7.flac")
    assert [c.member for c in read_all(root, "wavcaps", subset=["SoundBible"])[0]] == [""]


# --- IEMOCAP (D-2) ------------------------------------------------------------------------------------


def iemocap(root: Path) -> Path:
    session = root / "IEMOCAP_full_release/Session1"
    names = ("Ses01F_impro01_F000", "Ses01F_impro01_M000", "Ses01F_impro01_F001")
    for name in names[:2]:
        put(session / f"sentences/wav/Ses01F_impro01/{name}.wav")
    lines(
        session / "dialog/EmoEvaluation/Ses01F_impro01.txt",
        "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]",
        "",
        f"[6.2901 - 8.2357]\t{names[0]}\tneu\t[2.5000, 2.5000, 2.5000]",
        "C-E2:\tNeutral;\t()",
        "A-E3:\tval 3; act 2; dom  2;\t()",
        "",
        f"[10.0100 - 11.3925]\t{names[1]}\tfru\t[2.0000, 3.5000, 3.0000]",
        "C-F1:\tFrustration;\t()",
        "",
        f"[14.0000 - 15.0000]\t{names[2]}\txxx\t[2.0000, 3.5000, 3.0000]",
    )
    lines(session / "dialog/EmoEvaluation/._Ses01F_impro01.txt", "not text")
    lines(session / "dialog/EmoEvaluation/Categorical/Ses01F_impro01_e1_cat.txt", f"{names[0]} :Neutral; ()")
    lines(
        session / "dialog/transcriptions/Ses01F_impro01.txt",
        f"{names[0]} [006.2901-008.2357]: Excuse me.",
        "F: (off record) hm",
        f"{names[1]} [010.0100-011.3925]: Do you have your forms?",
    )
    return root


@pytest.mark.parametrize("below", ["", "IEMOCAP_full_release"])
def test_iemocap_reads_emotion_gender_and_words(tmp_path: Path, below: str) -> None:
    clips, bad = read_all(iemocap(tmp_path) / below, "iemocap")
    assert [c.record for c in clips] == ["Ses01F_impro01_F000", "Ses01F_impro01_M000"]
    assert clips[0].labels == {
        "emotion": "neu", "valence": "2.5000", "activation": "2.5000", "dominance": "2.5000",
        "gender": "female", "dialog": "Ses01F_impro01", "text": "Excuse me.",
    }  # fmt: skip
    assert (clips[1].labels["gender"], clips[1].labels["emotion"]) == ("male", "fru")
    assert [c.speaker for c in clips] == ["Ses01F", "Ses01M"]
    assert clips[0].source == "Session1"
    assert len(bad) == 1
    assert "Ses01F_impro01.txt names it" in bad[0].reason


def test_iemocap_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="Session1 is missing"):
        read_all(tmp_path, "iemocap")
    session = iemocap(tmp_path) / "IEMOCAP_full_release/Session1"
    (session / "dialog/transcriptions/Ses01F_impro01.txt").unlink()
    with pytest.raises(ArdError, match=r"Ses01F_impro01\.txt is missing from this IEMOCAP folder.*transcriptions"):
        read_all(tmp_path, "iemocap")
    lines(session / "dialog/EmoEvaluation/Ses01F_impro01.txt", "% empty")
    lines(session / "dialog/transcriptions/Ses01F_impro01.txt", "")
    with pytest.raises(ArdError, match="no utterance lines"):
        read_all(tmp_path, "iemocap")


# --- FSD50K (D-3) -------------------------------------------------------------------------------------


def fsd50k(root: Path, audio: str = "FSD50K.{}_audio") -> Path:
    put(root / audio.format("dev") / "64760.wav", noise(1.0, 44100), 44100)
    put(root / audio.format("dev") / "16399.wav", rate=44100)
    put(root / audio.format("eval") / "37199.wav", rate=44100)
    truth = root / "FSD50K.ground_truth"
    lines(
        truth / "dev.csv",
        "fname,labels,mids,split",
        '64760,"Electric_guitar,Guitar,Music","/m/02sgy,/m/0342h,/m/04rlf",train',
        "16399,Rain,/m/06mb1,val",
        "11111,Rain,/m/06mb1,val",
    )
    lines(truth / "eval.csv", "fname,labels,mids", '37199,"Dog,Animal","/m/0bt9lr,/m/0jbk"')
    lines(truth / "vocabulary.csv", "0,Electric_guitar,/m/02sgy")
    detail = {"64760": {"title": "riff", "tags": ["a", "b"], "license": "http://cc/by/3.0/", "uploader": "u"}}
    lines(root / "FSD50K.metadata/dev_clips_info_FSD50K.json", json.dumps(detail))
    return root


@pytest.mark.parametrize("audio", ["FSD50K.{}_audio", "clips/{}"])
def test_fsd50k_reads_classes_split_and_licence(tmp_path: Path, audio: str) -> None:
    clips, bad = read_all(fsd50k(tmp_path, audio), "fsd50k")
    assert [(c.record, c.split, c.source) for c in clips] == [
        ("dev/64760", "train", "dev"), ("dev/16399", "val", "dev"), ("eval/37199", "eval", "eval"),
    ]  # fmt: skip
    assert clips[0].labels["label"] == "Electric_guitar,Guitar,Music"
    assert clips[0].labels["mids"] == "/m/02sgy,/m/0342h,/m/04rlf"
    assert (clips[0].licence, clips[0].labels["tags"]) == ("http://cc/by/3.0/", "a,b")
    assert clips[0].sample_rate == 44100
    assert [u.path for u in bad] == ["dev/11111.wav"]


def test_fsd50k_parts_and_splits_are_chosen(tmp_path: Path) -> None:
    fsd50k(tmp_path)
    assert [c.record for c in read_all(tmp_path, "fsd50k", subset=["eval"])[0]] == ["eval/37199"]
    assert [c.record for c in read_all(tmp_path, "fsd50k", split=["train"])[0]] == ["dev/64760"]


def test_fsd50k_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"dev\.csv is missing from this FSD50K folder"):
        read_all(tmp_path, "fsd50k")
    lines(tmp_path / "FSD50K.ground_truth/dev.csv", "fname,labels,mids", "1,Rain,/m/06mb1")
    with pytest.raises(ArdError, match=r"FSD50K\.dev_audio is missing"):
        read_all(tmp_path, "fsd50k")
    put(tmp_path / "FSD50K.dev_audio/1.wav")
    with pytest.raises(ArdError, match="no column split; it has fname, labels, mids"):
        read_all(tmp_path, "fsd50k")
    with pytest.raises(ArdError, match=r"eval\.csv is missing"):
        read_all(tmp_path, "fsd50k", subset=["eval"])


# --- VoxCeleb1 (D-4) ----------------------------------------------------------------------------------


def test_voxceleb1_joins_speakers_with_their_table(tmp_path: Path) -> None:
    for name in ("id10001/1zcIwhmdeo4/00001", "id10270/5r0dWxy17C8/00001", "id99999/xxxxxxxxxxx/00001"):
        put(tmp_path / f"wav/{name}.wav")
    lines(
        tmp_path / "vox1_meta.csv",
        "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet",
        "id10001\tA.J._Buckley\tm\tIreland\tdev",
        "id10270\tEartha_Kitt\tf\tUSA\ttest",
    )
    clips, bad = read_all(tmp_path, "voxceleb1")
    assert [(c.record, c.labels["gender"], c.split) for c in clips] == [
        ("id10001/1zcIwhmdeo4/00001", "male", "dev"), ("id10270/5r0dWxy17C8/00001", "female", "test"),
    ]  # fmt: skip
    assert (clips[0].speaker, clips[0].labels["nationality"]) == ("id10001", "Ireland")
    assert "id99999 is not in vox1_meta.csv" in bad[0].reason
    assert len(read_all(tmp_path, "voxceleb1", split=["test"])[0]) == 1


def test_voxceleb1_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"vox1_meta\.csv is missing"):
        read_all(tmp_path, "voxceleb1")
    lines(tmp_path / "vox1_meta.csv", "VoxCeleb1 ID\tGender")
    with pytest.raises(ArdError, match="no column VGGFace1 ID, Nationality, Set"):
        read_all(tmp_path, "voxceleb1")
    lines(tmp_path / "vox1_meta.csv", "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet")
    with pytest.raises(ArdError, match="wav is missing from this VoxCeleb1 folder"):
        read_all(tmp_path, "voxceleb1")


# --- AudioBench (D-5) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The speaker sounds frustrated and angry.", {"emotion": "frustrated"}),
        ("Anger", {"emotion": "angry"}),
        ("It conveys excitement.", {"emotion": "excited"}),
        ("Happiness.", {"emotion": "happy"}),
        ("A surprised tone", {"emotion": "surprised"}),
        ("sadness", {"emotion": "sad"}),
        ("neutral", {"emotion": "neutral"}),
        ("The speaker is a female.", {"gender": "female"}),
        ("Male", {"gender": "male"}),
        ("Judging by the language, she is female", {"gender": "female"}),
        ("I cannot tell.", {}),
    ],
)
def test_the_class_is_parsed_from_the_answer(answer: str, expected: dict[str, str]) -> None:
    assert answer_class(answer) == expected


def audiobench(root: Path, rows: list[dict[str, object]], shards: int, group: int = 1000) -> Path:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (root / "data").mkdir(parents=True)
    size = math.ceil(len(rows) / shards)
    for shard in range(shards):
        part = rows[shard * size : (shard + 1) * size]
        name = f"test-{shard:05d}-of-{shards:05d}.parquet"
        parquet.write_table(arrow.Table.from_pylist(part), root / "data" / name, row_group_size=group)
    return root


def spoken(seed: int, answer: str) -> dict[str, object]:
    buffer = io.BytesIO()
    soundfile.write(buffer, noise(1.0, 16000, seed), 16000, format="WAV")
    sound = {"bytes": buffer.getvalue(), "path": None}
    return {"context": sound, "instruction": "What is the emotion?", "answer": answer}


def test_audiobench_rows_keep_their_ids_however_they_are_sharded(tmp_path: Path) -> None:
    rows = [spoken(i, answer) for i, answer in enumerate(["angry", "sad", "happy"])]
    one, two = audiobench(tmp_path / "one", rows, 1, group=2), audiobench(tmp_path / "two", rows, 2)
    first, second = (read_all(root, "audiobench")[0] for root in (one, two))
    assert [c.record for c in first] == ["test-00000", "test-00001", "test-00002"]
    assert [(c.record, c.hash, c.labels) for c in first] == [(c.record, c.hash, c.labels) for c in second]
    assert first[1].labels == {"emotion": "sad", "question": "What is the emotion?", "answer": "sad"}
    assert (first[1].duration, first[1].sample_rate, first[1].split) == (1.0, 16000, "test")
    for number, clip in enumerate(second):
        samples = load_wave(Clip(record="r", path=clip.path, member=clip.member, root=str(two)), 16000)
        np.testing.assert_allclose(samples, noise(1.0, 16000, number), atol=2**-15)


def test_audiobench_rows_without_sound_are_listed(tmp_path: Path) -> None:
    silent = {"context": {"bytes": None, "path": "x.wav"}, "instruction": "", "answer": "sad"}
    broken = {"context": {"bytes": b"no sound", "path": None}, "instruction": "", "answer": "sad"}
    clips, bad = read_all(audiobench(tmp_path, [silent, broken, spoken(0, "sad")], 1), "audiobench")
    assert [c.record for c in clips] == ["test-00002"]
    assert "holds no sound" in bad[0].reason
    assert "not audio" in bad[1].reason


def test_audiobench_names_what_is_missing(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    with pytest.raises(ArdError, match=r"test-00000-of-00001\.parquet is missing"):
        read_all(tmp_path, "audiobench")
    parquet.write_table(arrow.table({"audio": [1]}), tmp_path / "test-0.parquet")
    with pytest.raises(ArdError, match="no column 'context'; it has audio"):
        read_all(tmp_path, "audiobench")
    (tmp_path / "test-0.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(ArdError, match=r"parquet file cannot be read.*test-0\.parquet"):
        read_all(tmp_path, "audiobench")
