"""Settings of a study that is only described."""

from __future__ import annotations

from typing import Any

from backend.study.settings import Settings


def describe_settings(*, model: dict[str, Any] | None = None, **sections: dict[str, Any]) -> Settings:
    """Settings with a model and a data set that nobody opens, and the given sections."""
    return Settings.model_validate(
        {"model": {"path": "model", "device": "cpu", **(model or {})}, "audio": [{"path": "audio"}], **sections}
    )
