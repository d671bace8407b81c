"""Find a model's transformer blocks by walking its modules: their paths differ between releases (A-08)."""

from __future__ import annotations

import torch

from backend.errors import ArdError


def find_blocks(model: torch.nn.Module, inside: str) -> tuple[str, torch.nn.ModuleList]:
    """Path and list of the blocks that lie in a module called `inside` ("encoder", "language_model").

    The list is the shallowest `layers` (torch.nn.ModuleList) whose path has `inside` as a component.
    ArdError if there is none.
    """
    found = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and name.split(".")[-1] == "layers" and inside in name.split(".")
    ]
    if not found:
        raise ArdError(
            f"no blocks found under '{inside}' in a {type(model).__name__}",
            todo="This release of transformers builds the model differently; use a release that ARD was tested with.",
        )
    return min(found, key=lambda item: item[0].count("."))
