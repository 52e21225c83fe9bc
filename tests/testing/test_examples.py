from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import SkipTest
from zipfile import ZipFile

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.testing.claims import Refutation, check_claim
from villani_verify.testing.examples import ARTIFACT, LOCAL_DIRECTORY, example_database, shared_examples
from villani_verify.testing.witnesses import Counterexample

ROOT = Path(__file__).resolve().parents[2]

# Easily found where examples are generated, and never where none are.
DEFECT = """
from hypothesis import given, strategies as st

LIMIT = 1000

@given(st.integers(0, 10**6))
def test_defect(n):
    assert n < LIMIT, f"THE DEFECT AT {n}"
"""
# L = √(1 + ‖θ‖²) grows only linearly, though the factory claims otherwise.
FALSE_LANDSCAPE = """
from villani_verify import Landscape

def factory():
    return Landscape.from_function(
        lambda x: (1 + x.square().sum()).sqrt(), 3, name="false", expected={"quadratic_growth": "supported"}
    )
"""
FALSE = ("test_quadratic_growth.py", "-k", "no_family", "--villani-landscape", "false.py:factory")


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Path, Path]:
    """Two directories with the same property and profiles: continuous integration's, and a developer's."""
    both = tmp_path / "nightly", tmp_path / "developer"
    for machine in both:
        machine.mkdir()
        machine.joinpath("test_defect.py").write_text(DEFECT)
        machine.joinpath("false.py").write_text(FALSE_LANDSCAPE)
        for name in ("conftest.py", "test_quadratic_growth.py"):
            shutil.copy(ROOT / "properties" / name, machine)
    return both


def contents(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(directory.rglob("*")) if p.is_file()}


@pytest.mark.parametrize(
    ("arguments", "failure"),
    [(("test_defect.py",), "THE DEFECT AT 1000"), (FALSE, "quadratic_growth is refuted")],
    ids=["property", "claim"],
)
def test_a_failure_found_by_the_nightly_is_replayed_elsewhere(machines, run_pytest, arguments, failure) -> None:
    nightly, developer = machines
    found = run_pytest(nightly, *arguments, "--hypothesis-profile=nightly", CI="true")
    assert found.returncode == 1, found.stdout + found.stderr
    assert failure in found.stdout
    shared = nightly / LOCAL_DIRECTORY
    before = contents(shared)
    assert before

    alone = run_pytest(developer, *arguments, "--hypothesis-profile=reuse")
    # Hypothesis skips a property of which it has nothing to run.
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert "1 skipped" in alone.stdout

    replayed = run_pytest(developer, *arguments, "--hypothesis-profile=reuse", VILLANI_SHARED_EXAMPLES=str(shared))
    assert replayed.returncode == 1, replayed.stdout + replayed.stderr
    assert failure in replayed.stdout
    assert contents(shared) == before


def test_a_failure_that_was_mended_stays_in_the_shared_directory(machines, run_pytest) -> None:
    nightly, developer = machines
    run_pytest(nightly, "test_defect.py", "--hypothesis-profile=nightly")
    shared = nightly / LOCAL_DIRECTORY
    before = contents(shared)
    # The property's source is its address and stays the same; what it tests is mended.
    mended = DEFECT.replace("LIMIT = 1000", "LIMIT = 10**7")
    developer.joinpath("test_defect.py").write_text(mended)
    found = run_pytest(developer, "test_defect.py", "--hypothesis-profile=reuse", VILLANI_SHARED_EXAMPLES=str(shared))
    assert found.returncode == 0, found.stdout
    assert contents(shared) == before


def test_a_downloaded_artifact_is_replayed_without_network(machines, run_pytest) -> None:
    nightly, developer = machines
    run_pytest(nightly, "test_defect.py", "--hypothesis-profile=nightly")
    cache = developer / ".hypothesis" / "github-artifacts" / ARTIFACT
    cache.mkdir(parents=True)
    # Hypothesis asks the network for a newer one only once this is a day old.
    with ZipFile(cache / f"{datetime.now(UTC).isoformat().replace(':', '_')}.zip", "w") as archive:
        for path in (nightly / LOCAL_DIRECTORY).rglob("*"):
            archive.write(path, path.relative_to(nightly / LOCAL_DIRECTORY))
    named = {"VILLANI_SHARED_EXAMPLES": "owner/repository", "GITHUB_TOKEN": "unused"}
    replayed = run_pytest(developer, "test_defect.py", "--hypothesis-profile=reuse", **named)
    assert replayed.returncode == 1, replayed.stdout + replayed.stderr
    assert "THE DEFECT AT 1000" in replayed.stdout


@pytest.mark.parametrize("option", [["--hypothesis-profile=dev"], []], ids=["option", "default"])
def test_a_bad_value_is_one_line_and_status_four(machines, run_pytest, option) -> None:
    found = run_pytest(machines[0], *option, "test_defect.py", VILLANI_SHARED_EXAMPLES="./nowhere/at/all")
    assert found.returncode == pytest.ExitCode.USAGE_ERROR, found.stdout + found.stderr
    errors = [line for line in found.stderr.splitlines() if line]
    assert len(errors) == 1, found.stderr
    assert errors[0].startswith("ERROR: VILLANI_SHARED_EXAMPLES='./nowhere/at/all': there is no such directory; give")


def test_what_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    tmp_path.joinpath("file").write_text("")
    tmp_path.joinpath("outer", "examples").mkdir(parents=True)
    tmp_path.joinpath("other", "photographs").mkdir(parents=True)
    for named, why in (
        ("owner/repository", r"there is no such directory, and .* GITHUB_TOKEN"),
        ("a/b/c", "there is no such directory; give"),
        (str(tmp_path / "file"), "it is a file; give"),
        (str(tmp_path / "outer"), "it holds no examples; give .*outer/examples"),
        (str(tmp_path / "other"), "it holds no examples; give the directory .hypothesis/examples"),
    ):
        with pytest.raises(RequestError, match=f"VILLANI_SHARED_EXAMPLES='{named}': {why}"):
            shared_examples(named)


def test_an_empty_directory_is_a_run_without_failures(tmp_path: Path) -> None:
    assert list(shared_examples(str(tmp_path)).fetch(b"any")) == []


def test_without_the_variable_there_is_only_the_local_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for value in (None, ""):
        monkeypatch.delenv("VILLANI_SHARED_EXAMPLES", raising=False)
        if value is not None:
            monkeypatch.setenv("VILLANI_SHARED_EXAMPLES", value)
        assert repr(example_database()) == f"DirectoryBasedExampleDatabase(PosixPath('{LOCAL_DIRECTORY}'))"
    monkeypatch.setenv("VILLANI_SHARED_EXAMPLES", str(tmp_path))
    assert "ReadOnlyDatabase" in repr(example_database())


def test_claims_do_not_drop_each_others_examples() -> None:
    database = InMemoryExampleDatabase()
    bowl = Landscape.from_function(lambda x: (x**2).sum(), 2, weight_decay=0.1, name="bowl")

    def check(criterion: str, fails: bool, *phases: Phase) -> None:
        subject = replace(bowl, expected={})

        def refute(n: int) -> Refutation | None:
            witness = {"kind": "slow-growth", "criterion": criterion}
            return Refutation(witness, "it is refuted.", subject) if fails and n >= 100 else None

        before = settings.default
        settings.register_profile(
            "test-examples", parent=settings.get_profile("default"), max_examples=100, database=database, deadline=None,
            derandomize=False, phases=phases,
        )  # fmt: skip
        settings.load_profile("test-examples")
        try:
            check_claim(subject, criterion, st.integers(0, 1000), refute)
        finally:
            settings.register_profile("before-test-examples", before)
            settings.load_profile("before-test-examples")

    with pytest.raises(Counterexample):
        check("quadratic_growth", True, Phase.generate)
    with pytest.raises(SkipTest, match="no test cases"):
        check("gaussian_tails", False, Phase.reuse)
    with pytest.raises(Counterexample):
        check("quadratic_growth", True, Phase.reuse)
