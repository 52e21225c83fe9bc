"""Text of a corpus, and what tokenizers make of it."""

from __future__ import annotations

from fuzz.place import place
from fuzz.target import Target, attempt
from villani_verify.corpora import load_text, load_tokenizer, token_sequences


def seeds() -> list[bytes]:
    """Return text of several scripts."""
    return ["\ufeffThe cat sat on the mat. ".encode() * 40, "Ἡ γάτα 猫 𝔄 e\u0301 \r\n\x85\u2028 é".encode() * 30, b"a " * 2000]


def read(data: bytes) -> None:
    """Read it, and cut it into rows of tokens."""
    with place() as directory:
        path = directory / "text.txt"
        path.write_bytes(data)
        text = load_text(str(path))
    for name, size in (("bytes", 256), ("classes", 7)):
        for count, length in ((1, 2), (4, 32), (8, 256)):
            attempt(lambda n=name, c=count, k=length, s=size: _rows(text, n, c, k, s))  # type: ignore[misc]


def _rows(text: str, name: str, count: int, length: int, size: int) -> None:
    rows = token_sequences(text, load_tokenizer(name), count=count, length=length, vocabulary_size=size)
    assert rows.shape == (count, length)
    assert int(rows.min()) >= 0
    assert int(rows.max()) < size


TARGET = Target("text", "UTF-8 text", seeds, read, tokens=(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\0", b"\r\n"))
