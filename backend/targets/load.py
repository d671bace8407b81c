"""Load the model of a study onto a device."""

from __future__ import annotations

import os
from typing import Any

import torch

from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.base import TARGETS, Target
from backend.targets.identity import ModelIdentity, identify, offline

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_target(section: ModelSection) -> Target:
    """The model of `section`, in evaluation mode, without gradients, on its device.

    Raises ArdError as `identify` does, for an incomplete folder, an absent device, weights that
    cannot be read, and a device without room for the model.
    """
    identity = identify(section)
    identity.check_complete()
    device = choose_device(section.device)
    target_class = TARGETS.get(identity.model_type)
    try:
        return target_class.load(section, device)
    except torch.OutOfMemoryError as error:
        raise ArdError(
            f"the model does not fit into the memory of {device}",
            path=section.path,
            todo='Use model.dtype = "bfloat16", another device, or a smaller model.',
        ) from error


def choose_device(asked: str) -> torch.device:
    """`asked` as a device; auto takes CUDA, then MPS, then the CPU. ArdError if it is absent.

    Under torchrun "auto" and "cuda" are the CUDA device of this process's number.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if cuda and asked in ("auto", "cuda") and "LOCAL_RANK" in os.environ:
        asked = f"cuda:{os.environ['LOCAL_RANK']}"
    if asked == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    device = torch.device(asked)
    absent = (device.type == "cuda" and (not cuda or (device.index or 0) >= torch.cuda.device_count())) or (
        device.type == "mps" and not mps
    )
    if absent:
        there = [f"cuda:{i}" for i in range(torch.cuda.device_count() if cuda else 0)] + ["mps"] * mps + ["cpu"]
        raise ArdError(
            f"the device '{asked}' is not there (there is: {', '.join(there)})",
            todo='Set model.device = "auto", or install a PyTorch that supports the device.',
        )
    return device


def pretrained(model_class: Any, section: ModelSection, device: torch.device) -> tuple[Any, ModelIdentity]:
    """`model_class.from_pretrained` with the settings of `section`: (model, identity).

    The weights are those of the revision that `identify` names. ArdError if they cannot be had or read.
    """
    identity = identify(section)
    try:
        model = from_pretrained(model_class, identity, section, dtype=DTYPES[section.dtype])
        return model.requires_grad_(False).eval().to(device), identity
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # safetensors, pickle and torch each raise their own kinds
        if not identity.is_local and isinstance(error, OSError):
            raise offline(section.path, error) from error
        raise ArdError(
            f"the weights of the model cannot be read: {error}", path=identity.source, todo="Download the model again."
        ) from error


def from_pretrained(thing: Any, identity: ModelIdentity, section: ModelSection, **values: Any) -> Any:
    """`thing.from_pretrained` of a folder or of one commit on the hub, quietly unless the user asked otherwise."""
    be_quiet()
    return thing.from_pretrained(
        identity.source,
        revision=identity.revision or "main",
        local_files_only=identity.is_local or section.local_files_only,
        **values,
    )


def be_quiet() -> None:
    """Keep the library's notes and progress bars out of ARD's own output, unless the user asked for them."""
    from transformers.utils import logging

    if "TRANSFORMERS_VERBOSITY" not in os.environ:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
