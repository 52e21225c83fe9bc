from __future__ import annotations

import os
from pathlib import Path

import pytest

from villani_verify.corpora import load_text
from villani_verify.corpora import text as text_module
from villani_verify.corpora.embedded import embedded_text
from villani_verify.errors import RequestError, TextError


def failure(kind: type[Exception], dataset: str, **options: object) -> str:
    with pytest.raises(kind) as caught:
        load_text(dataset, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    for name in ("ptb/ptb.{}.txt", "wikitext-2/{}.txt", "wikitext-103-raw/wiki.{}.raw"):
        for split in ("train", "valid", "test"):
            path = tmp_path / name.format(split)
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{name} {split}\n")
    return tmp_path


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_embedded_splits_differ_and_repeat(split: str) -> None:
    text = load_text("embedded", split=split)
    seed = {"train": 0, "valid": 1, "test": 2}[split]
    assert text.startswith(embedded_text(50, seed=seed))
    assert len(text) > 100_000


def test_validation_is_an_alias() -> None:
    assert load_text("embedded", split="validation") == load_text("embedded")


@pytest.mark.parametrize(
    ("dataset", "file"),
    [("ptb", "ptb/ptb.{}.txt"), ("wikitext-2", "wikitext-2/{}.txt"), ("wikitext-103", "wikitext-103-raw/wiki.{}.raw")],
)
@pytest.mark.parametrize("split", ["train", "valid", "validation", "test"])
def test_named_corpora_from_a_directory(data_dir: Path, dataset: str, file: str, split: str) -> None:
    assert load_text(dataset, data_dir=data_dir, split=split) == f"{file} {split.removesuffix('ation')}\n"


def test_real_corpora(real_data: Path) -> None:
    assert load_text("ptb", data_dir=real_data).count("\n") == 3370
    assert load_text("wikitext-2", data_dir=real_data).count("\n") == 3760
    assert load_text("wikitext-103", data_dir=real_data).count("\n") == 3760


def test_any_utf8_file(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes("\ufeffnaïve\r\n".encode())
    assert load_text(str(path)) == "naïve\r\n"


def test_unknown_name_lists_the_known() -> None:
    assert failure(RequestError, "wikitext2") == (
        "data set 'wikitext2': unknown name and no such file; choose from embedded, ptb, wikitext-2, wikitext-103, or give a path"
    )


@pytest.mark.parametrize("dataset", ["embedded", "ptb", "some.txt"])
def test_unknown_split(dataset: str) -> None:
    assert failure(RequestError, dataset, split="dev") == "split 'dev': there is no such split; choose from train, valid, test"


def test_split_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("some words")
    assert load_text(str(path), split="validation") == "some words"
    assert failure(RequestError, str(path), split="test") == (
        f"split 'test' of file {path}: a file has no splits; leave it off, or give another file"
    )


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "absent.txt"
    assert failure(TextError, str(path)) == f"text file {path}: there is no such file; check the path"


def test_path_that_no_system_accepts() -> None:
    assert "there is no such file" in failure(TextError, "x" * 5000 + ".txt")
    assert "there is no such file" in failure(TextError, "a\0b.txt")


def test_directory_instead_of_a_file(tmp_path: Path) -> None:
    assert failure(TextError, str(tmp_path)) == f"text file {tmp_path}: it is a directory; give a file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "it is not a regular file; give a file" in failure(TextError, str(tmp_path / "pipe"))


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("some words")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    # A change of mode would not stop a test run by root.
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert failure(TextError, str(path)) == f"text file {path}: it cannot be read (Permission denied); check its permissions"


def test_not_utf8_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes(b"na\xefve")
    assert failure(TextError, str(path)) == (
        f"text file {path}: byte 2 is not UTF-8 (invalid continuation byte); convert it to UTF-8"
    )


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n ", "\ufeff".encode()])
def test_blank_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "blank.txt"
    path.write_bytes(content)
    assert failure(TextError, str(path)) == f"text file {path}: it is empty or blank; give a text with words in it"


def test_data_directory_without_the_split(data_dir: Path) -> None:
    (data_dir / "ptb" / "ptb.test.txt").unlink()
    assert failure(TextError, "ptb", data_dir=data_dir, split="test") == (
        f"data directory {data_dir}: it has no {Path('ptb/ptb.test.txt')}; "
        "put it there, choose another split, or leave --data-dir off"
    )


def test_missing_data_directory(tmp_path: Path) -> None:
    missing = tmp_path / "absent"
    assert failure(TextError, "ptb", data_dir=missing) == f"data directory {missing}: there is no such directory; check --data-dir"


def test_hub_rows_give_the_text_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rows(name: str, **options: object) -> list[str]:
        asked.append((name, options))
        return ["a b", "c"] if "ptb" in name else ["", " = Title = \n", ""]

    monkeypatch.setattr(text_module, "hub_dataset_rows", rows)
    assert load_text("ptb", split="train") == " a b \n c \n"
    assert load_text("wikitext-2") == " \n = Title = \n \n"
    assert load_text("wikitext-103", split="test") == " \n = Title = \n \n"
    assert asked == [
        (
            "ptb-text-only/ptb_text_only",
            {"config": None, "revision": "refs/convert/parquet", "split": "train", "column": "sentence"},
        ),
        ("Salesforce/wikitext", {"config": "wikitext-2-v1", "revision": None, "split": "validation", "column": "text"}),
        ("Salesforce/wikitext", {"config": "wikitext-103-raw-v1", "revision": None, "split": "test", "column": "text"}),
    ]


def test_hub_with_blank_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "hub_dataset_rows", lambda name, **options: ["", ""])
    assert "split 'validation': it is empty or blank" in failure(TextError, "wikitext-2")
