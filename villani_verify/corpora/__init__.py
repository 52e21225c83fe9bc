"""Text and tokens: named corpora from files or the hub, any UTF-8 file, and a generator with a known entropy.

`load_text` returns text, `load_tokenizer` a tokenizer, and `token_sequences` cuts one with the other
into the fixed rows that a landscape is built on.
"""

from villani_verify.corpora.sequences import token_sequences
from villani_verify.corpora.text import load_text
from villani_verify.corpora.tokenizers import load_tokenizer

__all__ = ["load_text", "load_tokenizer", "token_sequences"]
