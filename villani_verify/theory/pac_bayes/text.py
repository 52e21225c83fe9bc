"""The sample and the held-out rows of a request for a language model's landscape, and what is known of both.

The embedded text is cut into rows that are independent by construction: its sentences are independent and identically
distributed, and each row begins with a sentence of its own and takes as many more as it needs, which no other row uses. Other
texts are cut into consecutive rows, whose independence is an assumption.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from villani_verify.corpora import load_text, load_tokenizer, token_sequences
from villani_verify.corpora.text import CORPORA, DEFAULT_SPLIT, SPLITS
from villani_verify.corpora.tokenizers import Tokenizer
from villani_verify.errors import RequestError, TextError
from villani_verify.landscape import Landscape
from villani_verify.landscapes.models import vocabulary_size
from villani_verify.landscapes.request import DEFAULT_LANDSCAPE, LandscapeRequest
from villani_verify.landscapes.zoo.transformers import TRANSFORMERS
from villani_verify.losses import CausalLoss
from villani_verify.theory.pac_bayes.inequalities import check_sample
from villani_verify.theory.pac_bayes.sample import Sample, sample_of

SEQUENCES = 1000
HELD_OUT_SPLIT = "test"
# The zoo's trained model → the split of the embedded text that its training text begins with (see the script that trained it).
TRAINED_ON = {"gpt-neo-small": "valid"}
_SENTENCE = re.compile(r"[^.]*\.[ \n]")


@dataclass(frozen=True)
class TextSamples:
    """A landscape and the rows for its bound.

    Attributes:
        landscape: as the request describes it; its own rows are not used.
        training: the sample of the bound.
        held_out: rows of another split, or further rows of the same file; None for a landscape with no text.
    """

    landscape: Landscape
    training: Sample
    held_out: Sample | None


def text_samples(
    request: LandscapeRequest, *, split: str | None = None, held_out_split: str | None = None, held_out_sequences: int | None = None
) -> TextSamples:
    """Load a landscape and cut its text into a sample and held-out rows.

    Args:
        request: of a language model; its `split` is not looked at, as its default is meant for other commands.
        split: of the sample; default the text a model of the zoo was trained on, otherwise "train"; not for a file.
        held_out_split: default "test"; not for a file, whose held-out rows are those after the sample's.
        held_out_sequences: default as many as the sample has.

    Raises:
        VillaniError: if anything asked for does not exist or does not fit; if the held-out rows would be ones that were trained on.
    """
    name = None if request.model is not None else request.landscape or DEFAULT_LANDSCAPE
    count = SEQUENCES if request.sequences is None else request.sequences
    others = count if held_out_sequences is None else held_out_sequences
    if name is not None and name not in TRANSFORMERS:
        landscape = request.load()
        if split is not None or held_out_split is not None or held_out_sequences is not None:
            raise RequestError(f"split of landscape {name!r}: it has rows of its own, or none; leave out the options of the sample")
        return TextSamples(landscape, sample_of(landscape), None)
    check_sample(count)
    if others < 1:
        raise RequestError(f"held-out sequences {others}: it is not at least 1; give 1000")
    trained_on = TRAINED_ON.get(name or "") if request.dataset == "embedded" else None
    first, second = _splits(request.dataset, split, held_out_split, trained_on)
    # Only to build the model, and to check all that the request says; the rows are cut below.
    landscape = replace(request, sequences=1, split=first).load()
    assert isinstance(landscape.loss_function, CausalLoss)
    tokenizer = load_tokenizer(request.tokenizer or (TRANSFORMERS[name].tokenizer if name is not None else str(request.model)))
    cutter = _Cutter(request, tokenizer, vocabulary_size(landscape.loss_function.model), landscape.batches[0].shape[1])
    if first == second:
        rows = cutter.rows(first, count + others)
        parts = ((rows[:count], f"the first {count} rows"), (rows[count:], f"the {others} rows after these"))
    else:
        parts = (
            (cutter.rows(first, count), f"{count} rows of the split {first}"),
            (cutter.rows(second, others), f"{others} rows of the split {second}"),
        )
    training, held_out = (
        Sample(
            part.to(landscape.device),
            f"{words} of {request.dataset}" + (", each of sentences of its own" if cutter.independent else ""),
            cutter.independent,
            _seen(name, where, trained_on),
        )
        for (part, words), where in zip(parts, (first, second), strict=True)
    )
    return TextSamples(landscape, training, held_out)


def independent_rows(text: str, tokenizer: Tokenizer, *, count: int, length: int) -> Tensor:
    """Cut text of independent sentences into independent rows: each begins with a sentence, and no sentence is in two rows.

    A row is a function of the sentences it takes, and how many these are depends on them alone, so that rows are independent and
    identically distributed if the sentences are.

    Args:
        text: sentences that end with a full stop and a space or a new line.
        tokenizer: of the model.
        count: number of rows.
        length: tokens in a row.

    Returns:
        int64 tensor (count, length).

    Raises:
        TextError: if the text is too short.
    """
    rows: list[Tensor] = []
    block = ""
    for sentence in _SENTENCE.finditer(text):
        block += sentence[0]
        tokens = tokenizer.encode(block)
        if len(tokens) >= length:
            rows.append(tokens[:length])
            block = ""
        if len(rows) == count:
            return torch.stack(rows)
    raise TextError(
        f"embedded text: it has {len(rows)} rows of {length} tokens with sentences of their own, but {count} are needed; "
        "give fewer or shorter sequences, or another split"
    )


@dataclass(frozen=True)
class _Cutter:
    request: LandscapeRequest
    tokenizer: Tokenizer
    vocabulary: int
    length: int

    @property
    def independent(self) -> bool:
        """Whether rows are independent by construction."""
        return self.request.dataset == "embedded"

    def rows(self, split: str, count: int) -> Tensor:
        """Return the first rows of a split."""
        folder = Path(self.request.data_dir) if self.request.data_dir else None
        text = load_text(self.request.dataset, data_dir=folder, split=split)
        if self.independent:
            return independent_rows(text, self.tokenizer, count=count, length=self.length)
        return token_sequences(text, self.tokenizer, count=count, length=self.length, vocabulary_size=self.vocabulary)


def _splits(dataset: str, split: str | None, held_out: str | None, trained_on: str | None) -> tuple[str, str]:
    """Return the splits of the sample and of the held-out rows; for a file both are its only one."""
    if dataset != "embedded" and dataset not in CORPORA:
        for name, given in (("split", split), ("held-out split", held_out)):
            if given not in (None, DEFAULT_SPLIT):
                raise RequestError(f"{name} {given!r} of file {dataset}: a file has no splits; leave it off")
        return DEFAULT_SPLIT, DEFAULT_SPLIT
    first, second = split or trained_on or "train", held_out or HELD_OUT_SPLIT
    for name, given in (("split", first), ("held-out split", second)):
        if given not in SPLITS:
            raise RequestError(f"{name} {given!r}: there is no such split; choose from {', '.join(SPLITS)}")
    if first == second:
        raise RequestError(
            f"held-out split {second!r}: it is the split of the sample itself; choose another by --held-out-split or --split"
        )
    if second == trained_on:
        raise RequestError(f"held-out split {second!r}: the model was trained on it; choose another by --held-out-split")
    return first, second


def _seen(name: str | None, split: str, trained_on: str | None) -> bool | None:
    """Say whether a model was trained on a split: not if it is one of the zoo that never met it; unknown for any other model."""
    return None if name is None else trained_on == split
