"""Licence and author of a file as Debian's machine-readable `copyright` file states them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from backend.errors import ArdError

MACHINE_READABLE = re.compile(r"Format:.*(copyright-format|dep5)", re.IGNORECASE)
SHIPPABLE = re.compile(r"(cc0(-1\.0)?|cc-by(-sa)?-[1-4](\.\d)?)\+?", re.IGNORECASE)
YEARS = re.compile(r"^(copyright\s+|\(c\)\s*|©\s*|(19|20)\d\d(\s*[-–]\s*((19|20)\d\d)?)?[\s,]*)+", re.IGNORECASE)
ADDRESS = re.compile(r"\s*<[^>]*>")
NOBODY = "no-copyright"


@dataclass(frozen=True)
class Terms:
    """Licence by its short name ("CC0", "CC-BY-SA-3.0 or GPL-2+") and who holds the copyright."""

    licence: str
    author: str = ""


@dataclass(frozen=True)
class Copyright:
    """Paragraphs of a machine-readable copyright file: patterns of file names, and the terms of those files."""

    paragraphs: tuple[tuple[tuple[re.Pattern[str], ...], Terms], ...]

    def terms(self, name: str) -> Terms | None:
        """Terms of a file of the source package; the last paragraph that matches decides, as the format says."""
        found = None
        for patterns, terms in self.paragraphs:
            if any(pattern.fullmatch(name) for pattern in patterns):
                found = terms
        return found


def read_copyright(path: Path) -> Copyright:
    """The paragraphs of a `copyright` file; ArdError if it is missing or not machine-readable."""
    if not path.is_file():
        raise ArdError("the package lacks its copyright file", path=path, todo="Unpack the package again.")
    text = path.read_text(encoding="utf-8", errors="replace")
    if not MACHINE_READABLE.search(text):
        raise ArdError(
            "this copyright file is not machine-readable",
            path=path,
            todo="Remove the package's key 'copyright' from the taxonomy and state licence and author there.",
        )
    fields = [_fields(paragraph) for paragraph in re.split(r"\n\s*\n", text)]
    return Copyright(tuple(_paragraph(one) for one in fields if "files" in one))


def is_shippable(licence: str) -> bool:
    """Whether a recording under this licence may be passed on: CC0, CC-BY and CC-BY-SA, not NC or ND.

    Of alternatives ("or") one is enough, of parts ("and", ",") each must do.
    """
    return all(
        any(SHIPPABLE.fullmatch(one.strip()) for one in re.split(r"\s+or\s+|\s*\|\s*", part))
        for part in re.split(r"\s+and\s+|\s*,\s*", licence)
    )


def _fields(paragraph: str) -> dict[str, list[str]]:
    """Fields of a paragraph by lower-case name, each a list of its lines."""
    fields: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in paragraph.splitlines():
        match = re.match(r"([A-Za-z-]+):(.*)", line)
        if match:
            lines = fields.setdefault(match[1].lower(), [])
            lines.append(match[2].strip())
        elif line.strip():
            lines.append(line.strip())
    return fields


def _paragraph(fields: dict[str, list[str]]) -> tuple[tuple[re.Pattern[str], ...], Terms]:
    patterns = tuple(_pattern(glob) for line in fields["files"] for glob in line.replace(",", " ").split())
    holders = [ADDRESS.sub("", YEARS.sub("", line)).strip(" ,") for line in fields.get("copyright", [])]
    author = ", ".join(dict.fromkeys(holder for holder in holders if holder and holder != NOBODY))
    return patterns, Terms(fields.get("license", [""])[0], author)


def _pattern(glob: str) -> re.Pattern[str]:
    """`*` and `?` match slashes too; a backslash takes the next character as it is."""
    parts = {"*": ".*", "?": "."}
    return re.compile(
        "".join(parts.get(one, re.escape(one[-1])) for one in re.findall(r"\\.|.", glob)),
        re.DOTALL,
    )
