"""What the transformers library says: too much as it loads a model, and in its own words where it cannot."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from villani_verify.errors import one_line


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the progress bars and log lines of transformers and huggingface_hub for a while."""
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    verbosity, hub_verbosity = logging.get_verbosity(), hub_logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    hub_logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()


# (what the library's message contains, whether only for local directories, what to say instead)
_REASONS = (
    (
        r"trust_remote_code|custom code",
        None,
        "it needs its author's own code, which is never run here; use an architecture that transformers knows",
    ),
    (
        r"does not recognize this architecture|Unrecognized (model|configuration)",
        None,
        "config.json names no causal language model that transformers knows; mend its model_type",
    ),
    (
        r"ignore_mismatched_sizes|size mismatch",
        None,
        "shapes of the weights do not fit config.json; use the config.json that was saved with the weights",
    ),
    (r"not a valid JSON|JSONDecodeError", True, "config.json is not valid JSON; copy it again"),
    (
        r"connect|offline|cached files",
        False,
        "the Hugging Face hub is not reachable and the model is not cached; give a local directory instead",
    ),
    (r"not a valid model identifier|Repo id must", False, "neither a directory here nor a model on the hub; mend the name"),
    (
        r"safetensors",
        False,
        "the hub has no safetensors for it, and pickles are never loaded; convert it and give a local directory",
    ),
)


def reason(error: Exception, local: bool) -> str:
    """Return why the library could not load a model, and what to do about it, as the end of a line.

    Args:
        error: of any class, as the library raises nearly every one.
        local: whether the model is in a directory, not on the hub.
    """
    text = " ".join(str(error).split())
    for pattern, only_local, ours in _REASONS:
        if only_local in (None, local) and re.search(pattern, text):
            return ours
    return f"{shortened(error)}; {'mend the files' if local else 'give a local directory instead'}"


def shortened(error: BaseException) -> str:
    """Return a library's message as one line of at most 160 characters."""
    return one_line(error, 160)
