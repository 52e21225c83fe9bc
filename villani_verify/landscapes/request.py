"""A landscape as a user asks for it: a few plain values from which it can be built again anywhere."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from villani_verify.errors import DeviceError, LandscapeError, RequestError, VillaniError, one_line, shown
from villani_verify.landscape import Landscape
from villani_verify.landscapes.code import code_in

DEFAULT_LANDSCAPE = "gpt-neo-small"
DEFAULT_MODEL_SEQUENCES = 4
DEFAULT_MODEL_SEQUENCE_LENGTH = 64
DTYPES = {"float32": torch.float32, "float64": torch.float64}
_TEXT_OPTIONS = ("tokenizer", "sequences", "sequence_length")


@dataclass(frozen=True)
class LandscapeRequest:
    """What the command line and the pytest plugin ask for.

    Attributes:
        landscape: a name of the zoo, or "path/to/file.py:factory"; a factory takes no argument and returns a Landscape.
        model: directory or hub name of a causal language model, instead of `landscape`.
        dataset: "embedded", "ptb", "wikitext-2", "wikitext-103", or a UTF-8 file.
        data_dir: directory that holds the named corpora.
        tokenizer: "bytes", "classes", a directory or a hub name; default the landscape's, or the model's own.
        split: "train", "valid" or "test".
        sequences: rows of tokens.
        sequence_length: tokens in a row.
        weight_decay: λ.
        no_decay: patterns of parameter names with λ = 0.
        device: "cpu", "cuda", "cuda:1", …, or "auto" for the first accelerator if there is one.
        dtype: "float32" or "float64"; default the landscape's own.
        stored: whether the parameters of `model`, a directory, stay in their files; see `landscapes.stored`.
    """

    landscape: str | None = None
    model: str | None = None
    dataset: str = "embedded"
    data_dir: str | None = None
    tokenizer: str | None = None
    split: str = "valid"
    sequences: int | None = None
    sequence_length: int | None = None
    weight_decay: float | None = None
    no_decay: tuple[str, ...] = ()
    device: str = "cpu"
    dtype: str | None = None
    stored: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for results and witnesses."""
        return asdict(self) | {"no_decay": list(self.no_decay)}

    @property
    def is_code(self) -> bool:
        """Whether a Python file is run to build it."""
        return code_in(self.landscape) is not None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LandscapeRequest:
        """Return the request that `as_dict` described.

        Raises:
            RequestError: if a value has another name or type.
        """
        if not isinstance(values, Mapping):
            raise RequestError(f"request: it is {type(values).__name__}, not an object; give the request of a results file")
        known = {f.name for f in fields(cls)}
        strange = [k for k in values if k not in known]
        if strange:
            raise RequestError(f"request: it has an unknown entry {strange[0]!r}; give the request of a results file")
        given: dict[str, Any] = {k: tuple(v) if k == "no_decay" and isinstance(v, list) else v for k, v in values.items()}
        request = cls(**given)
        kinds: dict[str, tuple[type, ...]] = {
            "sequences": (int,), "sequence_length": (int,), "weight_decay": (int, float), "no_decay": (tuple,), "stored": (bool,)
        }  # fmt: skip
        for f in fields(cls):
            value = getattr(request, f.name)
            # A bool is an int to Python, but no number of sequences.
            fits = isinstance(value, kinds.get(f.name, (str,))) and isinstance(value, bool) == (f.name == "stored")
            if isinstance(value, tuple):
                fits = fits and all(isinstance(v, str) for v in value)
            if isinstance(value, int):
                fits = fits and abs(value) < 1 << 63
            if not fits and not (value is None and f.default is None):
                raise RequestError(f"request: {f.name} is {shown(value)}, of the wrong type; give the request of a results file")
        return request

    def load(self) -> Landscape:
        """Build the landscape.

        Returns:
            The landscape on its device and in its dtype, with this request attached.

        Raises:
            VillaniError: if anything asked for does not exist or does not fit; the message says what, where and the remedy.
        """
        if self.landscape is not None and self.model is not None:
            raise RequestError(f"--landscape {self.landscape} and --model {self.model}: they exclude each other; give one of them")
        device, dtype = device_of(self.device), dtype_of(self.dtype)
        if self.weight_decay is not None and not (math.isfinite(self.weight_decay) and self.weight_decay >= 0):
            raise RequestError(f"weight decay {self.weight_decay}: it is not a finite number ≥ 0; give one such as 0.1")
        if self.stored and (self.model is None or device.type != "cpu"):
            raise RequestError(
                "stored parameters: they are of a model's directory, and on the CPU; give model and device cpu, or leave stored out"
            )
        if self.stored:
            landscape = self._stored(dtype or torch.float32)
        elif self.model is not None:
            landscape = self._model(device, dtype or torch.float32)
        elif self.is_code:
            landscape = self._factory()
        else:
            landscape = self._zoo(self.landscape or DEFAULT_LANDSCAPE)
        return replace(landscape.to(device=device, dtype=dtype), request=self.as_dict())

    def _text(self) -> str:
        from villani_verify.corpora import load_text

        return load_text(self.dataset, data_dir=Path(self.data_dir) if self.data_dir else None, split=self.split)

    def _model(self, device: torch.device, dtype: torch.dtype) -> Landscape:
        from villani_verify.landscapes.models import check_positions, load_model, vocabulary_size

        assert self.model is not None
        text = self._text()
        model = load_model(self.model, dtype=dtype, device=device)
        check_positions(model, self._length)
        tokens = self._tokens(text, vocabulary_size(model)).to(device)
        return Landscape.causal_lm(model, tokens, weight_decay=self._decay, no_decay=self.no_decay, name=Path(self.model).name)

    def _stored(self, dtype: torch.dtype) -> Landscape:
        from villani_verify.landscapes.models import check_directory, vocabulary_size
        from villani_verify.landscapes.stored import stored_causal_lm
        from villani_verify.landscapes.unfilled import unfilled_model

        assert self.model is not None
        text = self._text()
        directory, label = Path(self.model).expanduser(), f"model directory {self.model!r}"
        check_directory(directory, label)
        tokens = self._tokens(text, vocabulary_size(unfilled_model(directory, dtype, label)))
        return stored_causal_lm(
            directory, tokens, weight_decay=self._decay, dtype=dtype, no_decay=self.no_decay, name=directory.name
        )

    @property
    def _length(self) -> int:
        return DEFAULT_MODEL_SEQUENCE_LENGTH if self.sequence_length is None else self.sequence_length

    @property
    def _decay(self) -> float:
        return 0.1 if self.weight_decay is None else self.weight_decay

    def _tokens(self, text: str, vocabulary_size: int) -> torch.Tensor:
        from villani_verify.corpora import load_tokenizer, token_sequences

        assert self.model is not None
        return token_sequences(
            text,
            load_tokenizer(self.tokenizer or self.model),
            count=DEFAULT_MODEL_SEQUENCES if self.sequences is None else self.sequences,
            length=self._length,
            vocabulary_size=vocabulary_size,
        )

    def _zoo(self, name: str) -> Landscape:
        from villani_verify.landscapes.zoo import zoo_entry

        entry = zoo_entry(name)
        if entry.kind == "analytic":
            self._refuse_text(name)
            landscape = entry.make(weight_decay=self.weight_decay)
            if not self.no_decay:
                return landscape
            # Taking decay away makes another landscape, about whose verdicts nothing is known.
            return replace(landscape.with_decay(landscape.decay, self.no_decay), expected={})
        from villani_verify.corpora import load_tokenizer

        return entry.make(
            text=self._text(),
            tokenizer=load_tokenizer(self.tokenizer) if self.tokenizer else None,
            sequences=self.sequences,
            sequence_length=self.sequence_length,
            weight_decay=self.weight_decay,
            no_decay=self.no_decay or None,
        )

    def _refuse_text(self, name: str) -> None:
        given = [o for o in _TEXT_OPTIONS if getattr(self, o) is not None] + ["dataset"] * (self.dataset != "embedded")
        if given:
            raise RequestError(f"--{given[0].replace('_', '-')}: landscape {name!r} has no text; leave it out")

    def _factory(self) -> Landscape:
        code = code_in(self.landscape)
        assert self.landscape is not None
        assert code is not None
        self._refuse_text(self.landscape)
        file, name = code
        where = f"landscape {self.landscape!r}"
        factory = getattr(_import_file(file, where), name, None)
        if not callable(factory):
            raise RequestError(f"{where}: {file} has no function {name!r}; mend the name after the colon")
        try:
            landscape = factory()
        except VillaniError:
            raise
        except Exception as e:
            raise LandscapeError(f"{where}: the factory raised {type(e).__name__}: {one_line(e, 160)}; mend it") from e
        if not isinstance(landscape, Landscape):
            kind = type(landscape).__name__
            raise LandscapeError(f"{where}: the factory returned {kind}, not a Landscape; return Landscape.from_function(…)")
        if self.weight_decay is not None or self.no_decay:
            decay = landscape.decay if self.weight_decay is None else self.weight_decay
            return replace(landscape.with_decay(decay, self.no_decay), expected={})
        return landscape


def device_of(name: str) -> torch.device:
    """Return the device called `name`; "auto" is the first accelerator, or the processor.

    Raises:
        DeviceError: if it does not exist on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as e:
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise DeviceError(f"device {name!r}: there is no such device here; use one of {', '.join(there)}") from e
    return device


def dtype_of(name: str | None) -> torch.dtype | None:
    """Return the dtype called `name`, None for None.

    Raises:
        RequestError: if it is not float32 or float64: second derivatives in lower precision mean nothing.
    """
    if name is None:
        return None
    if name not in DTYPES:
        close = get_close_matches(name, DTYPES, n=1, cutoff=0.0)[0]
        raise RequestError(
            f"dtype {name!r}: not one of {', '.join(DTYPES)}, and lower precision cannot carry a Laplacian "
            f"(did you mean {close!r}?)"
        )
    return DTYPES[name]


def _import_file(file: str, where: str) -> ModuleType:
    path = Path(file)
    if not path.is_file() or path.suffix != ".py":
        raise RequestError(f"{where}: {file!r} is no Python file; give file.py:factory, or a name `villani-verify zoo` lists")
    spec = importlib.util.spec_from_file_location(f"villani_verify_user_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as e:
        raise LandscapeError(f"{where}: importing {file} raised {type(e).__name__}: {one_line(e, 160)}; mend the file") from e
    return module
