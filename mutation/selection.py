"""Which tests a mutant meets: first those that mirror its file, then all that might see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

# Tests of what the file feeds, where its own test leaves something to them; in the order in which they are asked.
SEEN_BY: Mapping[str, Sequence[str]] = {
    "batches.py": ["tests/test_landscape.py"],
    "cli/verify.py": ["tests/cli/test_verify.py"],
    "criteria/family_candidates.py": ["tests/criteria/test_differential_growth_uniform.py"],
    "criteria/profiles.py": ["tests/criteria/test_quadratic_growth.py", "tests/criteria/test_gaussian_tails.py"],
    "criteria/smooth_line.py": ["tests/criteria/test_smoothness.py"],
    "criteria/smooth_witness.py": ["tests/criteria/test_smoothness.py"],
    "curvature/double_backward.py": ["tests/curvature/test_every_engine.py"],
    "curvature/forward_over_reverse.py": ["tests/curvature/test_every_engine.py"],
    "curvature/hessian_form.py": ["tests/curvature/test_trace_form.py"],
    "curvature/hessian_vector.py": ["tests/curvature/test_every_engine.py", "tests/curvature/test_trace_form.py"],
    "curvature/noise.py": ["tests/curvature/test_trace_form.py"],
    "curvature/pass_sizes.py": ["tests/curvature/test_second_order_taylor.py"],
    "curvature/sample_form.py": ["tests/curvature/test_trace_form.py"],
    "losses.py": ["tests/test_landscape.py"],
    "theory/bounds/bakry_emery.py": ["tests/theory/bounds/test_closed_forms.py"],
    "theory/bounds/das_dutta.py": ["tests/theory/bounds/test_closed_forms.py"],
    "theory/bounds/holley_stroock.py": ["tests/theory/bounds/test_closed_forms.py"],
    "theory/bounds/lyapunov.py": ["tests/theory/bounds/test_closed_forms.py"],
    "theory/weight_decay/quantities.py": ["tests/theory/weight_decay/test_study.py"],
    "theory/poincare/box.py": ["tests/theory/poincare/test_constant.py"],
    "points.py": ["tests/test_landscape.py"],
    "radii.py": ["tests/test_measurement.py"],
    "runs/placed.py": ["tests/runs/test_tables.py", "tests/runs/test_streamed_points.py"],
    "curvature/taylor/analytic.py": ["tests/curvature/taylor/test_rules.py"],
    "curvature/taylor/collapsed.py": ["tests/curvature/test_second_order_taylor.py", "tests/curvature/test_laplacian_samples.py"],
    "curvature/taylor/jet.py": ["tests/curvature/taylor/test_rules.py"],
    "curvature/taylor/piecewise.py": ["tests/curvature/taylor/test_rules.py"],
    "curvature/taylor/products.py": ["tests/curvature/taylor/test_rules.py"],
    "curvature/taylor/program.py": [
        "tests/curvature/taylor/test_coefficients.py",
        "tests/curvature/test_second_order_taylor.py",
        "tests/curvature/taylor/test_rules.py",
    ],
    "curvature/taylor/reductions.py": ["tests/curvature/taylor/test_rules.py"],
    "curvature/taylor/shapes.py": ["tests/curvature/taylor/test_rules.py"],
    "curvature/taylor/sources.py": ["tests/curvature/test_second_order_taylor.py"],
    "curvature/taylor/table.py": ["tests/curvature/taylor/test_rules.py"],
    "curvature/taylor/weighted.py": ["tests/curvature/test_second_order_taylor.py"],
    "theory/pac_bayes/certificate.py": ["tests/theory/pac_bayes/test_study.py"],
    "theory/pac_bayes/inequalities.py": ["tests/theory/pac_bayes/test_coverage.py", "tests/theory/pac_bayes/test_study.py"],
}
# What sees any of the mathematics, the verdicts of whole landscapes last.
GENERAL = ("tests/test_known_answers.py", "tests/test_measurement.py", "tests/test_replaying.py", "tests/test_verification.py")
PROPERTIES: Mapping[str, Sequence[str]] = {
    "curvature": ["properties/test_estimators.py"],
    "estimation": ["properties/test_estimators.py", "properties/test_smoothness.py"],
    "criteria": ["properties"],
    "search": ["properties"],
}


def narrow(file: str, root: Path) -> list[str]:
    """Return the test that mirrors a file of the package, and those that stand for it."""
    path = Path(file)
    mirrored = f"tests/{(path.parent / f'test_{path.name}').as_posix()}"
    found = [mirrored] if (root / mirrored).is_file() else []
    return found + [test for test in SEEN_BY.get(file, ()) if test not in found]


def wide(file: str, root: Path) -> list[str]:
    """Return every other test that might see a change to the file."""
    folder = Path(file).parts[0] if "/" in file else ""
    beside = sorted(p.relative_to(root).as_posix() for p in (root / "tests" / folder).rglob("test_*.py")) if folder else []
    asked = narrow(file, root)
    return [test for test in (*beside, *GENERAL, *PROPERTIES.get(folder, ())) if test not in asked]
