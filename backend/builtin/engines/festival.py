"""Festival: diphone and HTS voices recorded from speakers, from its Debian packages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from backend.audio.load import Audio
from backend.builtin.engines.base import Line, at_recipe_rate
from backend.builtin.engines.programs import call, program
from backend.errors import ArdError

PACKAGE = "festival"
PACKAGES = (
    "festival", "festlex-cmu", "festlex-poslex", "festlex-ifd", "festival-czech", "festvox-kdlpc16k",
    "festvox-us-slt-hts", "festvox-italp16k", "festvox-itapc16k", "festvox-czech-machac", "festvox-czech-dita",
)  # fmt: skip
LIBRARIES = ("libestools2.5",)
ENCODINGS = {"English": "ascii", "Italian": "iso-8859-1", "Czech": "iso-8859-2"}

# HTS voices have a speed of their own and pass over Duration_Stretch
SCRIPT = """{indexes}
(voice_{speaker})
(Parameter.set 'Duration_Stretch {stretch:.4f})
(if (symbol-bound? 'hts_engine_params)
  (set! hts_engine_params (cons (list "-r" {tempo:.4f}) hts_engine_params)))
(utt.save.wave (utt.synth (Utterance Text "{text}")) "{out}" 'riff)
"""


class Festival:
    """The program festival, run once for each sentence, over one tree of all its unpacked packages."""

    def __init__(self, sources: Path) -> None:
        self._sources = sources
        self._program = program(sources, PACKAGE, "festival")
        self._tree = sources / ".festival-tree"
        for package in PACKAGES:
            share = sources / package / "usr" / "share" / "festival"
            if not share.is_dir():
                raise ArdError(
                    f"rendering needs the Debian package {package}",
                    path=share,
                    todo="Fetch the recipe's sources first, on a Debian or Ubuntu system.",
                )
        shutil.rmtree(self._tree, ignore_errors=True)
        for package in PACKAGES:
            share = (sources / package / "usr" / "share" / "festival").resolve()
            shutil.copytree(share, self._tree, dirs_exist_ok=True, symlinks=True, copy_function=os.symlink)
        self._tree = self._tree.resolve()
        # the Czech voices look for their diphones in /usr/share, and for their lexicon in the current folder too
        self._indexes = "\n".join(
            f'(set! czech-{index.stem}-unisyn-index "{index}")'
            for index in sorted(self._tree.glob("voices/czech/*/group/*.group"))
        )

    def speak(self, line: Line) -> Audio:
        """See `Engine.speak`. The pitch of these voices is left as it is."""
        with TemporaryDirectory(prefix="festival-") as place:
            out = Path(place) / "spoken.wav"
            script = SCRIPT.format(
                indexes=self._indexes,
                speaker=line.speaker,
                tempo=line.tempo,
                stretch=1 / line.tempo,
                text=line.text,
                out=out,
            )
            command: list[str | Path] = [self._program, "--datadir", self._tree, "--pipe"]
            call(command, self._sources, text=script.encode(ENCODINGS[line.language]), place=self._tree)
            if not out.exists():
                raise ArdError(f"festival said nothing for '{line.text}'", path=self._tree)
            samples, rate = soundfile.read(out, dtype="float32")
        return at_recipe_rate(samples, rate)
