"""`text`: the features whose clips sound as a text says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from backend.describe.cache import VectorCache
from backend.describe.text_search import HeardClips, best, text_vector
from backend.errors import ArdError
from backend.serve.base import REQUESTS, Fields, Request, Talk
from backend.serve.resident import Ranked, Resident
from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile
from backend.store.scores import ScoresFile
from backend.study.manifest import read_manifest

if TYPE_CHECKING:
    from pathlib import Path


@REQUESTS.register("text")
class Text(Request):
    """Features by their similarity to a text (`backend.describe.text_search`), the most similar first."""

    query: str = Field(description="What is heard, as a caption would say it.")
    sae: str = Field("", description="Id of the ranking; may be left out where the study has one SAE.")
    limit: int = Field(100, ge=0, description="Features to answer with; 0 for all.")

    @classmethod
    def why_not(cls, resident: Resident) -> str:
        """The reason of the first ranking, if none can be searched."""
        reasons = []
        for name in resident.study.feature_ids():
            try:
                vectors_of(resident, name)
            except ArdError as error:
                reasons.append(str(error))
            else:
                return ""
        return reasons[0] if reasons else "this study has no ranked features yet. Run: ard run"

    def run(self, resident: Resident, talk: Talk) -> Fields:
        ranked = resident.ranked(self.sae)
        heard = _heard_clips(resident, ranked, talk)
        vector = text_vector(resident.embedder(talk), self.query)
        if heard.vectors.shape[1] != len(vector):
            raise ArdError(
                f"the embedder gives {len(vector)} values where the study's clips have {heard.vectors.shape[1]}",
                todo="Run: ard describe",
            )
        similarity = heard.similarity(vector)
        found = best(similarity, self.limit)
        return {
            "sae": ranked.id, "query": self.query, "embedder": resident.settings.embed.embedder,
            "searched": int((similarity == similarity).sum()), "of": len(similarity),
            "feature": found, "similarity": similarity[found],
        }  # fmt: skip


def vectors_of(resident: Resident, sae_id: str) -> Path:
    """Folder of the vectors behind the valid scores of a ranking.

    Raises ArdError if it is not scored, the scores were made with another embedder than study.toml names now, that
    embedder embeds no text, or the vectors are gone.
    """
    from backend.describe.embedders.base import EMBEDDERS, Embedder

    path = resident.study.scores(sae_id)
    if path is None:
        raise ArdError(f"the features of '{sae_id}' have no scores yet", todo="Run: ard describe")
    if ScoresFile(path).embedder != resident.embedder_of_settings():
        raise ArdError(
            f"the clips of '{sae_id}' were embedded by another embedder than study.toml names", todo="Run: ard describe"
        )
    name = resident.settings.embed.embedder
    if EMBEDDERS.get(name).embed_texts is Embedder.embed_texts:
        raise ArdError(f"the embedder '{name}' embeds no text", todo="Choose another in [embed] and run: ard describe")
    uses: dict[str, Any] = read_manifest(path.with_suffix(".json"))["outputs"].get("uses", {})
    folder = resident.study.root / "describe" / str(uses.get("embeddings", ""))
    if "embeddings" not in uses or not any(folder.glob("part-*.h5")):
        raise ArdError("the embeddings of the clips are not there", path=folder, todo="Run: ard describe")
    return folder


def _heard_clips(resident: Resident, ranked: Ranked, talk: Talk) -> HeardClips:
    """H and its vectors, kept for the next text."""
    folder = vectors_of(resident, ranked.id)

    def make() -> HeardClips:
        talk.step("reading the clips' embeddings")
        with RetrievalFile(ranked.path) as file:
            high = file.most_clips(int(file.settings["p"]))
        return HeardClips.of(high, ClipTable(resident.study.clips()), VectorCache(folder))

    return resident.kept(("heard", ranked.path, folder), make)
