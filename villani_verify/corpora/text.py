"""Text by name: the named corpora, any UTF-8 file, and the embedded generator."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from villani_verify.corpora.embedded import embedded_text
from villani_verify.corpora.hub import hub_dataset_rows
from villani_verify.errors import RequestError, TextError, one_line

DEFAULT_SPLIT = "valid"
SPLITS = ("train", "valid", "test")

# Split → (sentences, seed): about 1.2 MB to train on and 0.2 MB to look at.
_EMBEDDED = {"train": (30_000, 0), "valid": (5_000, 1), "test": (5_000, 2)}


@dataclass(frozen=True)
class Corpus:
    """Where a named corpus lies: a file under a data directory, and a data set on the hub.

    Attributes:
        file: path under the data directory, with {split}.
        repository: hub repository.
        config: hub configuration, or None.
        revision: hub revision, or None.
        column: hub column.
        line: writes a hub row as the line of the file, so that both sources give the same text.
    """

    file: str
    repository: str
    config: str | None
    revision: str | None
    column: str
    line: Callable[[str], str]


def _ptb_line(row: str) -> str:
    return f" {row} \n"


def _wikitext_line(row: str) -> str:
    return row or " \n"  # the hub stores the blank lines of the file as empty strings


CORPORA = {
    # The script of this data set no longer runs (datasets ≥ 4); the hub's parquet copy of it lies at this revision.
    "ptb": Corpus("ptb/ptb.{split}.txt", "ptb-text-only/ptb_text_only", None, "refs/convert/parquet", "sentence", _ptb_line),
    "wikitext-2": Corpus("wikitext-2/{split}.txt", "Salesforce/wikitext", "wikitext-2-v1", None, "text", _wikitext_line),
    "wikitext-103": Corpus(
        "wikitext-103-raw/wiki.{split}.raw", "Salesforce/wikitext", "wikitext-103-raw-v1", None, "text", _wikitext_line
    ),
}


def load_text(dataset: str, *, data_dir: Path | None = None, split: str = DEFAULT_SPLIT) -> str:
    """Return the text called `dataset`.

    Args:
        dataset: "embedded", "ptb", "wikitext-2", "wikitext-103", or the path of a UTF-8 file. The names come
            first: write ./ptb for a file called ptb.
        data_dir: for the three corpora, a directory with `ptb/ptb.valid.txt`, `wikitext-2/valid.txt` and
            `wikitext-103-raw/wiki.valid.raw` (and likewise train and test); without it they come from the hub
            through `datasets`. Not looked at otherwise.
        split: "train", "valid" (or "validation") or "test"; a file has only the default.

    Returns:
        The text, not empty; line ends as they are, a byte-order mark removed.

    Raises:
        RequestError: if the data set or the split is unknown, or a split is asked of a file.
        TextError: if the text cannot be read, is not UTF-8, or is blank.
    """
    part = "valid" if split == "validation" else split
    if part not in SPLITS:
        raise RequestError(f"split {split!r}: there is no such split; choose from {', '.join(SPLITS)}")
    if dataset == "embedded":
        sentences, seed = _EMBEDDED[part]
        return embedded_text(sentences, seed=seed)
    if dataset in CORPORA:
        return _named(CORPORA[dataset], data_dir, part)
    path = Path(os.path.expanduser(dataset))
    # A word without folder or ending is a misspelt name rather than a missing file.
    if not os.path.exists(path) and path.name == dataset and not path.suffix:
        names = ", ".join(["embedded", *CORPORA])
        raise RequestError(f"data set {dataset!r}: unknown name and no such file; choose from {names}, or give a path")
    if part != DEFAULT_SPLIT:
        raise RequestError(f"split {split!r} of file {dataset}: a file has no splits; leave it off, or give another file")
    return read_text_file(path)


def read_text_file(path: Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        TextError: if it is missing, a directory, unreadable, not UTF-8 or blank.
    """
    try:
        if not os.path.exists(path):
            raise TextError(f"text file {path}: there is no such file; check the path")
        if not path.is_file():
            raise TextError(f"text file {path}: it is {'a directory' if path.is_dir() else 'not a regular file'}; give a file")
        text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except OSError as e:
        raise TextError(f"text file {path}: it cannot be read ({e.strerror or one_line(e)}); check its permissions") from e
    except UnicodeDecodeError as e:
        raise TextError(f"text file {path}: byte {e.start} is not UTF-8 ({e.reason}); convert it to UTF-8") from e
    return _not_blank(text, f"text file {path}")


def _named(corpus: Corpus, data_dir: Path | None, split: str) -> str:
    if data_dir is None:
        hub_split = "validation" if split == "valid" else split
        rows = hub_dataset_rows(
            corpus.repository, config=corpus.config, revision=corpus.revision, split=hub_split, column=corpus.column
        )
        return _not_blank("".join(map(corpus.line, rows)), f"data set {corpus.repository!r}, split {hub_split!r}")
    folder = Path(os.path.expanduser(data_dir))
    if not folder.is_dir():
        raise TextError(f"data directory {folder}: there is no such directory; check --data-dir")
    path = folder / corpus.file.format(split=split)
    if not os.path.exists(path):
        wanted = path.relative_to(folder)
        raise TextError(f"data directory {folder}: it has no {wanted}; put it there, choose another split, or leave --data-dir off")
    return read_text_file(path)


def _not_blank(text: str, where: str) -> str:
    if not text.strip():
        raise TextError(f"{where}: it is empty or blank; give a text with words in it")
    return text
