from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from villani_verify import environment
from villani_verify.environment import describe_environment, peak_memory_bytes

CPU = torch.device("cpu")


def test_describes_this_machine_in_plain_values() -> None:
    about = describe_environment(CPU)
    assert json.loads(json.dumps(about)) == about
    assert about["python"] == platform.python_version()
    assert about["device"] == "cpu"
    assert about["cores"] >= 1
    assert about["threads"] == torch.get_num_threads()
    assert about["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert {"numpy", "transformers"} <= set(about["packages"])
    assert "device_name" not in about


def test_a_package_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_PACKAGES", ("torch", "no-such-package-of-that-name"))
    assert list(describe_environment(CPU)["packages"]) == ["torch"]


def test_an_accelerator_is_named_with_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"accelerator {device.index}")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=123))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 45)
    monkeypatch.setattr(environment, "_ASK_DRIVER", [sys.executable, "-c", "print('570.86.10'); print('570.86.10')"])
    device = torch.device("cuda:1")
    about = describe_environment(device)
    assert about["driver"] == "570.86.10"
    for silent in ("", "raise SystemExit(9)"):
        monkeypatch.setattr(environment, "_ASK_DRIVER", [sys.executable, "-c", silent])
        assert describe_environment(device)["driver"] is None
    monkeypatch.setattr(environment, "_ASK_DRIVER", ["no-such-program-of-that-name"])
    assert describe_environment(device)["driver"] is None
    assert (about["device"], about["device_name"], about["device_memory_bytes"]) == ("cuda:1", "accelerator 1", 123)
    assert peak_memory_bytes(device) == 45


CHILD = """
import torch
from villani_verify.environment import peak_memory_bytes
first = peak_memory_bytes(torch.device("cpu"))
block = torch.ones(50_000_000, dtype=torch.float64)
second = peak_memory_bytes(torch.device("cpu"))
del block
print(first, second, peak_memory_bytes(torch.device("cpu")))
"""


def test_peak_memory_sees_tensors_and_is_a_high_water_mark() -> None:
    # The parent holds 1.6 GB for a moment: a child must not inherit the mark of its parent.
    held = torch.ones(200_000_000, dtype=torch.float64)
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=True, cwd=Path(environment.__file__).parents[1]
    )
    del held
    first, second, last = map(int, done.stdout.split())
    # The block has 400 MB; importing leaves the mark somewhat above what is in use, so 350 MB of it must show.
    assert second - first > 350e6
    # Freeing the block does not lower it; the kernel keeps its counts in batches of pages, so they may lag by a little.
    assert last > second - 8e6
    assert first < 1.5e9


def test_without_proc_the_kernel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.Path, "exists", lambda self: False)
    assert 10e6 < peak_memory_bytes(CPU) < 1e12
