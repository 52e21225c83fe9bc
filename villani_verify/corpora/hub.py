"""The two questions this package asks the Hugging Face hub: is it there, and may I have this file or data set.

The client retries an unreachable hub five times for every file, 25 seconds each, and cannot be told not to;
so one short request finds out first.
"""

from __future__ import annotations

from pathlib import Path

from villani_verify.errors import TextError, one_line

TIMEOUT_SECONDS = 5.0


def hub_is_reachable() -> bool:
    """Return whether the hub answers one request within 5 seconds; False in the client's offline mode."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=TIMEOUT_SECONDS)
    except Exception:
        # Which HTTP library raises, and so which class, depends on the client's version.
        return False
    return True


def hub_tokenizer_directory(name: str) -> Path:
    """Return the local directory of a hub model's tokenizer files, fetched or from the cache.

    Fetches `tokenizer.json`, or `vocab.json` and `merges.txt` where there is none; nothing else, so no code
    and no pickle.

    Args:
        name: as the hub spells it, such as "openai-community/gpt2".

    Raises:
        TextError: if the hub cannot be reached and the files are not cached, or it has no such files.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    reachable = hub_is_reachable()

    def fetch(file: str) -> Path:
        path = hf_hub_download(name, file, local_files_only=not reachable, etag_timeout=TIMEOUT_SECONDS)
        return Path(path).parent

    try:
        try:
            return fetch("tokenizer.json")
        except EntryNotFoundError:
            fetch("vocab.json")
            return fetch("merges.txt")
    except Exception as e:
        # As above: errors of the HTTP library pass through the client.
        problem = one_line(e, 160) if reachable else "the hub cannot be reached and its files are not in the cache"
        raise TextError(f"tokenizer {name!r}: {problem}; give 'bytes', 'classes', or a directory with its tokenizer.json") from e


def hub_dataset_rows(name: str, *, config: str | None, revision: str | None, split: str, column: str) -> list[str]:
    """Return one text column of a hub data set.

    Args:
        name: repository, such as "Salesforce/wikitext".
        config: configuration, or None.
        revision: git revision, or None for the default.
        split: "train", "validation" or "test".
        column: name of the column.

    Raises:
        TextError: if `datasets` is not installed, or the hub cannot be reached or has no such data.
    """
    where = f"data set {name!r}, split {split!r}"
    try:
        from datasets import load_dataset
        from huggingface_hub import is_offline_mode
    except ImportError as e:
        raise TextError(f'{where}: `datasets` is not installed; run pip install "villani-verify[hub]", or give --data-dir') from e
    # In offline mode `datasets` answers at once from its cache, so there is nothing to find out.
    if not is_offline_mode() and not hub_is_reachable():
        raise TextError(f"{where}: the hub cannot be reached; give --data-dir, or set HF_HUB_OFFLINE=1 to use what is cached")
    try:
        return list(load_dataset(name, config, revision=revision, split=split)[column])
    except Exception as e:
        # Errors of the hub client, of its HTTP library, of pyarrow and of `datasets` have no common class.
        raise TextError(f"{where}: {one_line(e, 200)}; give --data-dir") from e
