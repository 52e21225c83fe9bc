"""Files of a tokenizer: tokenizer.json, or GPT-2's vocab.json and merges.txt after a zero byte."""

from __future__ import annotations

import json

from fuzz.place import place
from fuzz.target import Target
from villani_verify.corpora import load_tokenizer


def seeds() -> list[bytes]:
    """Return a small byte-level tokenizer in both forms."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    symbols = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary = symbols | {"th": 256, "the": 257, "<|endoftext|>": 258}
    merges = [("t", "h"), ("th", "e")]
    backend = Tokenizer(models.BPE(vocabulary, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    words = Tokenizer(models.WordLevel({"The": 0, "cat": 1, "[UNK]": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    lines = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)
    return [words.to_str().encode(), backend.to_str().encode(), json.dumps(vocabulary).encode() + b"\0" + lines.encode()]


def read(data: bytes) -> None:
    """Load it, and encode a sentence."""
    first, zero, second = data.partition(b"\0")
    with place() as directory:
        if zero:
            (directory / "vocab.json").write_bytes(first)
            (directory / "merges.txt").write_bytes(second)
        else:
            (directory / "tokenizer.json").write_bytes(data)
        tokenizer = load_tokenizer(str(directory))
        tokens = tokenizer.encode("The cat saw 3 naïve mice.\n" * 3)
    assert len(tokens) == 0 or 0 <= int(tokens.min()) <= int(tokens.max()) < tokenizer.vocabulary_size


TARGET = Target(
    "tokenizer", "tokenizer.json, or vocab.json and merges.txt", seeds, read, structured=True,
    tokens=(b'"type":"Replace"', b'"Regex":"(a+)+$"', b'"Sequence"', b'"BPE"', b'"Unigram"', b'"truncation"'),
)  # fmt: skip
