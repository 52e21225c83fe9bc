"""The model and the text that a reproduction looks at; a model that was trained here is kept beside the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import nn

from villani_verify.corpora.sequences import check_known
from villani_verify.corpora.text import load_text
from villani_verify.corpora.tokenizers import Tokenizer
from villani_verify.errors import OutputError
from villani_verify.files import write_whole
from villani_verify.landscape import Landscape
from villani_verify.landscapes.architectures import gpt_neo_small
from villani_verify.landscapes.models import check_positions, load_model, vocabulary_size
from villani_verify.reproduction.sizes import Size
from villani_verify.theory.weight_decay.text import Parts, parts_of
from villani_verify.theory.weight_decay.training import Decay, train

Progress = Callable[[str, int, int], None]
TRAINING_SEED = 0


@dataclass(frozen=True)
class Subject:
    """A trained model with its text.

    Attributes:
        text: name of the text.
        model: trained, in evaluation mode.
        parts: rows to train on, to choose by, and to judge by.
        landscape: F of the first few training rows, with the size's λ.
    """

    text: str
    model: nn.Module
    parts: Parts
    landscape: Landscape


def text_parts(text: str, size: Size, data_dir: Path | None, tokenizer: Tokenizer) -> Parts:
    """Return the rows of a corpus: to train on from its training split, the others from its validation split.

    Raises:
        RequestError, TextError: if there is no such text, or it is too short.
    """
    training = load_text(text, data_dir=data_dir, split="train")
    other = load_text(text, data_dir=data_dir, split="valid")
    return parts_of(training, other, tokenizer, rows=size.training_rows, other_rows=size.other_rows, length=size.length)


def loaded_model(size: Size, texts: Mapping[str, Parts], *, device: str = "cpu") -> nn.Module | None:
    """Load the size's model and check that it knows the texts; None where one is trained on each of them.

    Args:
        size: says which model.
        texts: name → rows.
        device: where it is looked at.

    Raises:
        VillaniError: if there is no such model, or a text is not for it.
    """
    if size.model is None:
        return None
    model = load_model(size.model, device=device)
    check_positions(model, size.length)
    for parts in texts.values():
        for rows in (parts.training, parts.validation, parts.test):
            check_known(rows, size.tokenizer_name, vocabulary_size(model))
    return model


def subject_of(
    text: str,
    parts: Parts,
    size: Size,
    *,
    model: nn.Module | None = None,
    directory: Path,
    device: str = "cpu",
    progress: Progress = lambda *_: None,
) -> Subject:
    """Return a model with its text; it is trained on it unless it is given, or the directory holds it already.

    Args:
        text: name of a corpus.
        parts: its rows.
        size: says how it is trained.
        model: what `loaded_model` gives.
        directory: where a trained model is kept.
        device: where it is looked at.
        progress: told (what, done, in all).

    Raises:
        VillaniError: if a trained model cannot be read or written.
    """
    if model is None:
        model = _trained(text, size, parts, directory, progress).to(device)
    parts = parts.to(device)
    name = f"{size.model or 'small GPT-Neo'} on {text}"
    landscape = Landscape.causal_lm(model, parts.training[: size.rows], weight_decay=size.weight_decay, name=name)
    return Subject(text, model, parts, landscape)


def _trained(text: str, size: Size, parts: Parts, directory: Path, progress: Progress) -> nn.Module:
    model = gpt_neo_small()
    kept = directory / f"model-{text}.safetensors"
    names = dict(model.named_parameters())
    if kept.is_file():
        try:
            found = load_file(kept)
            with torch.no_grad():
                for name, parameter in names.items():
                    parameter.copy_(found[name])
        except Exception as e:  # safetensors and torch have no error in common
            raise OutputError(f"model {str(kept)!r}: it cannot be read ({type(e).__name__}); remove it and try again") from e
        return model.eval()
    assert size.schedule is not None
    train(
        model, parts.training.reshape(-1), weight_decay=size.weight_decay, decay=Decay.DECOUPLED, schedule=size.schedule,
        seed=TRAINING_SEED, progress=lambda done, total: progress(f"training on {text}", done, total),
    )  # fmt: skip
    try:
        write_whole(kept, save({n: p.detach().contiguous() for n, p in names.items()}))
    except OSError as e:
        raise OutputError(f"model {str(kept)!r}: it cannot be written ({e.strerror}); give another directory") from e
    return model
