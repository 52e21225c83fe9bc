"""Landscapes on their way to workers: deposited once by digest, and mapped into memory by every worker that needs them.

Tasks carry a digest and a path, no tensors. Workers build the structure from the request, as anybody would, and take weights and
data from the deposited file, whose pages the workers of one machine share.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from villani_verify.errors import RequestError, one_line
from villani_verify.files import write_whole
from villani_verify.landscape import Landscape
from villani_verify.landscapes.digest import loss_digest
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.points import Point, StoredPoint
from villani_verify.runs.unit import canonical

FOLDER = "landscapes"
_MOST_KEPT = 4  # landscapes at the same time: units come landscape by landscape
_kept: dict[tuple[str, str, str], Landscape] = {}
_keeping = threading.Lock()


def deposit(landscape: Landscape, directory: Path) -> str:
    """Write a landscape's request, weights and data below `directory`, unless they are there, and return its digest.

    Args:
        landscape: one that was made from a request.
        directory: of the campaign; the files are named by the digest.

    Raises:
        RequestError: if the landscape was made in Python, so that no worker could build it.
        OSError: if it cannot be written.
    """
    from safetensors.torch import save

    if landscape.request is None:
        raise RequestError(
            f"landscape {landscape.name!r}: it was made in Python, and workers could not build it; write it to a file and ask for "
            "file.py:function"
        )
    name = loss_digest(landscape)
    folder = directory / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / f"{name}.json").exists():
        tensors = {}
        if not isinstance(landscape.initial, StoredPoint):  # those are in files already
            tensors = {f"initial {n}": t.detach().cpu().contiguous() for n, t in landscape.initial.items()}
        tensors |= {f"batch {i}": b.cpu().contiguous() for i, b in enumerate(landscape.batches) if isinstance(b, Tensor)}
        write_whole(folder / f"{name}.safetensors", save(tensors))
        request = dict(landscape.request) | {"device": "cpu", "weight_decay": None, "no_decay": []}
        write_whole(folder / f"{name}.json", canonical(request))  # last, as it says that both are there
    return name


def load(name: str, directory: Path, device: str) -> Landscape:
    """Return the landscape with a digest; a process builds it once for each device, and keeps the few that it used last.

    Args:
        name: its digest.
        directory: where it was deposited.
        device: where it is to be.

    Raises:
        RequestError: if it is not there, or what is built here from its request is another landscape.
    """
    with _keeping:
        key = (name, str(directory), device)
        found = _kept.pop(key, None) or _load(name, directory / FOLDER, device)
        _kept[key] = found
        # A worker of a cluster may live through many campaigns.
        while len(_kept) > _MOST_KEPT:
            del _kept[next(iter(_kept))]
        return found


def _load(name: str, folder: Path, device: str) -> Landscape:
    where = f"landscape {name[:8]!r} in {str(folder)!r}"
    # The name comes from a store, which whoever made it may have filled with paths.
    if not re.fullmatch(r"[0-9a-f]{32}", name):
        raise RequestError(f"{where}: that is no digest of a landscape; run the campaign again in a new directory")
    try:
        request: Mapping[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, RecursionError, ValueError) as e:
        raise RequestError(f"{where}: it cannot be read ({one_line(e, 120)}); use --resume, which writes it again") from e
    built = LandscapeRequest.from_dict(request).load()
    found = loss_digest(built)
    if found != name:
        raise RequestError(
            f"{where}: its request makes another landscape here ({found[:8]}); give workers the same files, text and versions"
        )
    return _mapped(built, name, folder, where).to(device=device)


def _mapped(landscape: Landscape, name: str, folder: Path, where: str) -> Landscape:
    """Return the landscape with its tensors mapped from the file, from which pages are read as they are needed."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / f"{name}.safetensors", framework="pt") as file:
            names = set(file.keys())
            initial: Point = landscape.initial
            if not isinstance(initial, StoredPoint):
                initial = {tensor: file.get_tensor(f"initial {tensor}") for tensor in initial}
            batches = tuple(file.get_tensor(f"batch {i}") if f"batch {i}" in names else b for i, b in enumerate(landscape.batches))
    except (OSError, SafetensorError) as e:
        raise RequestError(
            f"{where}: its tensors cannot be read ({one_line(e, 120)}); use --resume, which writes them again"
        ) from e
    mapped = replace(landscape, initial=initial, batches=batches)  # type: ignore[arg-type]
    if loss_digest(mapped) != name:
        raise RequestError(f"{where}: its tensors are not those it is named by; remove that folder, and use --resume")
    return mapped


@contextmanager
def kept(landscape: Landscape, directory: Path) -> Iterator[str]:
    """Let units that are computed in this process find a landscape that is built already; yields its digest."""
    name = loss_digest(landscape)
    key = name, str(directory), str(landscape.device)
    with _keeping:
        _kept[key] = landscape
    try:
        yield name
    finally:
        _kept.pop(key, None)
