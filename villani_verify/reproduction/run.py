"""Every section on every text; what is finished is kept in the directory and not measured again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from villani_verify.corpora import load_tokenizer
from villani_verify.environment import describe_environment
from villani_verify.errors import OutputError, RequestError
from villani_verify.files import write_whole
from villani_verify.journal import Journal
from villani_verify.landscapes.models import check_local, local_digest
from villani_verify.report.figures.canvas import Drawn, Key
from villani_verify.reproduction.claims import SECTIONS
from villani_verify.reproduction.directory import check_free, check_settings, claim
from villani_verify.reproduction.page import as_markdown, render
from villani_verify.reproduction.section import Progress, SectionResult, Work
from villani_verify.reproduction.sections.constants import constants
from villani_verify.reproduction.sections.criteria import criteria
from villani_verify.reproduction.sections.langevin import langevin
from villani_verify.reproduction.sections.pac_bayes import pac_bayes
from villani_verify.reproduction.sections.spectrum import check_memory, spectrum
from villani_verify.reproduction.sections.weight_decay import weight_decay
from villani_verify.reproduction.sizes import Size
from villani_verify.reproduction.subject import Subject, loaded_model, subject_of, text_parts
from villani_verify.theory.weight_decay.text import Parts
from villani_verify.verification import strict_json

VERSION = 1
"""Of what is kept; results of another one are refused."""
OF_A_TEXT: Mapping[str, Callable[[Work], SectionResult]] = MappingProxyType({
    "criteria": criteria, "constants": constants, "spectrum": spectrum, "langevin": langevin, "pac_bayes": pac_bayes
})  # fmt: skip
OF_ALL_TEXTS = "weight_decay"


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        size: how much.
        texts: names of corpora, which have a split to train on and another; a file has none.
        data_dir: where named corpora lie; None for the hub.
        seed: everything drawn follows from it.
        device: "cpu", "cuda", …
        sections: which; default all.
    """

    size: Size
    texts: tuple[str, ...]
    data_dir: Path | None = None
    seed: int = 0
    device: str = "cpu"
    sections: tuple[str, ...] = SECTIONS

    def __post_init__(self) -> None:
        if not self.texts or len(set(self.texts)) < len(self.texts):
            raise RequestError(f"texts {list(self.texts)}: give at least one, and none twice")

    def settings(self) -> dict[str, Any]:
        """Return what results must agree in to be of one reproduction.

        Raises:
            ModelError: if a model's files cannot be read.
        """
        weights = None if self.size.model is None else local_digest(self.size.model)
        return {
            "version": VERSION,
            "size": strict_json(asdict(self.size)),
            "texts": list(self.texts),
            "seed": self.seed,
            "weights": weights,
        }


def reproduce(request: Request, directory: Path, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Measure what the directory does not hold yet, and write `results.json`, `table.md` and `index.html`.

    Args:
        request: what is asked for.
        directory: made where it is missing; it may hold the beginning of the same reproduction, and nothing of another.
        progress: told (what, done, in all).

    Returns:
        The results object.

    Raises:
        VillaniError: if a text or a model cannot be had, or the directory holds another reproduction or cannot be written.
    """
    started = time.perf_counter()
    check_free(directory)
    # Whatever is wrong with the model's files or a text is said before the first hour.
    if request.size.model is not None:
        check_local(request.size.model)
    settings = request.settings()
    check_settings(directory, settings)
    parts = _parts(request, request.size.tokenizer_name)
    sections = [name for name in OF_A_TEXT if name in request.sections]
    model = None
    if not all(_file(directory, name, text).exists() for name in sections for text in request.texts):
        model = loaded_model(request.size, parts, device=request.device)
        if model is not None and "spectrum" in sections:
            check_memory(model, next(iter(parts.values())), request.size)
    claim(directory, settings)
    kept = []
    for text in request.texts:
        subject: Subject | None = None
        for name in sections:
            file = _file(directory, name, text)
            if not file.exists():
                subject = subject or subject_of(
                    text, parts[text], request.size,
                    model=model, directory=directory, device=request.device, progress=progress,
                )  # fmt: skip
                _keep(file, name, text, partial(OF_A_TEXT[name], Work(subject, request.size, request.seed, progress)))
            kept.append(_read(file))
    if OF_ALL_TEXTS in request.sections:
        file = _file(directory, OF_ALL_TEXTS)
        if not file.exists():
            # The small model of the study reads bytes.
            of_bytes = parts if request.size.tokenizer_name == "bytes" else _parts(request, "bytes")
            there = {text: rows.to(request.device) for text, rows in of_bytes.items()}
            journal = Journal(directory / "study.jsonl")
            _keep(file, OF_ALL_TEXTS, None, lambda: weight_decay(there, request.size, journal, progress))
        kept.append(_read(file))
    results = {
        **settings,
        "size": request.size.name,
        "model": request.size.model,
        "tokenizer": request.size.tokenizer_name,
        "study_seeds": len(request.size.study.seeds),
        "environment": describe_environment(torch.device(request.device)),
        "seconds": sum(float(s["seconds"]) for s in kept),
        "seconds_of_this_run": time.perf_counter() - started,
        "sections": [{k: v for k, v in s.items() if k not in ("figures", "data")} for s in kept],
    }
    _write(directory / "results.json", json.dumps(results, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    _write(directory / "table.md", as_markdown(results))
    figures = [(s["section"], [_drawn(f) for f in s["figures"]]) for s in kept]
    study = next((s["data"] for s in kept if s["section"] == OF_ALL_TEXTS), None)
    _write(directory / "index.html", render(results, figures, study))
    return results


def _file(directory: Path, section: str, text: str | None = None) -> Path:
    return directory / "sections" / (f"{section}.json" if text is None else f"{section}-{text}.json")


def _parts(request: Request, tokenizer: str) -> dict[str, Parts]:
    loaded = load_tokenizer(tokenizer)
    return {text: text_parts(text, request.size, request.data_dir, loaded) for text in request.texts}


def _keep(file: Path, section: str, text: str | None, measure: Callable[[], SectionResult]) -> None:
    started = time.perf_counter()
    found = measure()
    line = {
        "section": section,
        "text": text,
        "findings": [f.as_dict() for f in found.findings],
        "seconds": time.perf_counter() - started,
        "data": strict_json(found.data),
        "figures": [asdict(f) for f in found.figures],
    }
    _write(file, json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n")


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        assert {"section", "text", "findings", "seconds", "data", "figures"} <= set(found)
    except (OSError, ValueError, TypeError, AssertionError) as e:
        raise OutputError(f"section {str(file)!r}: it cannot be read; remove it, and it is measured again") from e
    return dict(found)


def _drawn(figure: Mapping[str, Any]) -> Drawn:
    return Drawn(**{**figure, "key": tuple(Key(**k) for k in figure["key"])})


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as e:
        raise OutputError(f"results {str(path)!r}: they cannot be written ({e.strerror}); give another directory") from e
