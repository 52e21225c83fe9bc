"""Checks of the machine and of what is installed on it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata, util

import torch
from torch import Tensor
from torch.func import grad, jvp

from villani_verify.cli.checks.finding import Finding
from villani_verify.curvature.kernels import why_no_kernels

_GIBIBYTE = 2**30
# Distribution → (module, what does not work without it). Those that everything needs are not here.
_OPTIONAL = {
    "transformers": ("transformers", "language models cannot be loaded, only analytic landscapes and your own"),
    "safetensors": ("safetensors", "language models cannot be loaded from files"),
    "tokenizers": ("tokenizers", "only the tokenizers 'bytes' and 'classes' work"),
    "datasets": ("datasets", "ptb, wikitext-2 and wikitext-103 must come from --data-dir"),
    "matplotlib": ("matplotlib", "reports cannot be drawn; use --json"),
    "jinja2": ("jinja2", "reports cannot be written; use --json"),
    "hypothesis": ("hypothesis", "the property suite cannot run"),
    "pytest": ("pytest", "the property suite cannot run"),
}
_OLDEST_TORCH = (2, 9)
_OLDEST_TRANSFORMERS = (5, 0)


def machine_findings(*, ask_hub: bool) -> Iterator[Finding]:
    """Yield what was found about versions, devices, memory, packages and torch itself.

    Args:
        ask_hub: whether to find out if the Hugging Face hub answers, which takes up to 5 seconds.
    """
    yield _versions()
    yield _processor()
    yield _cuda()
    yield from _packages()
    if ask_hub:
        yield _hub()
    yield _nested_forward_mode()


def available_memory() -> int | None:
    """Return the bytes of memory that can be had without swapping, or None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _versions() -> Finding:
    versions = f"Python {platform.python_version()}, torch {torch.__version__} on {platform.system()} {platform.machine()}"
    if _numbers(torch.__version__) < _OLDEST_TORCH:
        return Finding("versions", "FAIL", f"{versions}; torch 2.9 or newer is needed")
    return Finding("versions", "OK", f"{versions}.")


def _processor() -> Finding:
    memory = available_memory()
    shown = "unknown memory" if memory is None else f"{memory / _GIBIBYTE:.1f} GiB of memory available"
    return Finding("processor", "OK", f"{os.cpu_count()} cores, of which torch uses {torch.get_num_threads()}; {shown}.")


def _cuda() -> Finding:
    if not torch.cuda.is_available():
        return Finding("cuda", "NOTE", "There is no CUDA device; everything runs on the processor.")
    names = []
    for i in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(i)
        names.append(f"cuda:{i} is {about.name} with {about.total_memory / _GIBIBYTE:.0f} GiB")
    reason = why_no_kernels(torch.device("cuda"))
    if reason is not None:
        return Finding("cuda", "NOTE", f"{'; '.join(names)}. Passes have no kernels of their own and take longer: {reason}.")
    return Finding("cuda", "OK", f"{'; '.join(names)}.")


def _packages() -> Iterator[Finding]:
    present = []
    for name, (module, without) in _OPTIONAL.items():
        if util.find_spec(module) is None:
            yield Finding("packages", "NOTE", f"{name} is not installed: {without}.")
            continue
        version = metadata.version(name)
        present.append(f"{name} {version}")
        if name == "transformers" and _numbers(version) < _OLDEST_TRANSFORMERS:
            yield Finding("packages", "FAIL", f"transformers {version} is too old; install 5.0 or newer.")
    yield Finding("packages", "OK", f"{', '.join(present)}.")


def _hub() -> Finding:
    try:
        from villani_verify.corpora.hub import hub_is_reachable

        reachable = hub_is_reachable()
    except ImportError:
        return Finding("hub", "NOTE", "The package huggingface_hub is not installed; only local files can be used.")
    if reachable:
        return Finding("hub", "OK", "The Hugging Face hub answers.")
    return Finding("hub", "NOTE", "The Hugging Face hub does not answer; use --data-dir and local model directories.")


def nested_forward_mode_error() -> float:
    """Return the relative error of jvp(jvp(·)) for the second derivative of a LayerNorm along a line.

    The reference is forward over reverse mode, which uses other rules. The function is Σ LayerNorm(x)³ in six
    dimensions and float64, so that a correct rule leaves an error near 1e-16.
    """
    x = torch.tensor([0.3, -1.2, 0.8, 2.0, -0.5, 0.1], dtype=torch.float64)
    v = torch.tensor([1.0, 0.4, -0.7, 0.2, 0.9, -1.1], dtype=torch.float64)

    def f(point: Tensor) -> Tensor:
        return (torch.nn.functional.layer_norm(point, (6,)) ** 3).sum()

    def slope(point: Tensor) -> Tensor:
        return jvp(f, (point,), (v,))[1]

    nested = float(jvp(slope, (x,), (v,))[1])
    reference = float(jvp(grad(f), (x,), (v,))[1] @ v)
    return abs(nested - reference) / abs(reference)


def _nested_forward_mode() -> Finding:
    error = nested_forward_mode_error()
    if error < 1e-10:
        return Finding(
            "nested forward mode", "OK", "Second derivatives of LayerNorm by nested forward mode are right in this torch."
        )
    sentence = (
        f"jvp of jvp of LayerNorm is silently wrong in this torch (relative error {error:.1g}); no engine here nests forward mode."
    )
    return Finding("nested forward mode", "NOTE", sentence)


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, such as (2, 13) of "2.13.0+cpu"."""
    return tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())
