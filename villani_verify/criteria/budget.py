"""How much to spend: three named budgets, scaled down for landscapes whose evaluations are expensive.

The plan depends on the dimension only, never on the speed of the machine, so that the same request
gives the same numbers everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from villani_verify.errors import unknown_name


@dataclass(frozen=True)
class Budget:
    """The effort of one verification.

    Attributes:
        name: quick, standard or thorough.
        level: confidence of each verdict.
        num_probes: ±1 probes for each Laplacian, at least ten (Student-t intervals are poor below).
        exact_dimension: up to this dimension Laplacians are computed exactly.
        deciding_dimension: up to this dimension they are so on rays where probes leave the sign of ΔF open, if that leaves a
            verdict open.
        rays: isotropic rays of the differential-growth criterion.
        radii: radii on each ray or family, log-spaced.
        decades: decades of radius on each ray.
        scan: radii tried inside each bin when searching a ray for its lowest point; 1 for none.
        growth_rays: rays of the growth and tail profiles.
        growth_decades: decades of radius of those profiles, which need losses only.
        descent_steps: steps of the search for the worst direction of growth.
        tail_samples: Gaussian samples of log Z.
        family_draws: structured families drawn by the uniform criterion.
        family_symmetries: blocks, each with something switched off or nothing, whose scaling symmetries give further families.
        family_rays: at most so many of them are rays.
        family_shortlist: how many of them are first measured with a few probes at their outer end alone, to tell those whose
            curvature stands out from sampling noise; 0 to leave that out.
        family_candidates: how many of them are measured with a few probes, and the best third of those fully;
            where Laplacians are exact, all of them fully.
        family_reserves: how many more are measured in place of those that cannot be decided with these probes.
        family_reach: outer end of that decade, in radii of the reference point: far enough for powers of the radius to separate,
            and near enough for float32 where that is what is affordable.
        family_radii: radii on each of those, over one decade.
        settled_families: of those that refute at some temperatures, how many are tried from a stationary point of the loss, where
            they may refute at every temperature.
        settling_steps: steps of that descent.
        screening_probes: probes of the first of those measurements; 0 to leave it out.
        family_probes: probes of the full ones, for each Laplacian.
        descent_starts: starts of the descent on s* in each shell of radius, where Laplacians are exact and nothing else refutes.
        shrinking_trials: simpler families that are tried in place of a counterexample; 0 for none.
        smooth_rays: rays of the smoothness criterion.
        smooth_intervals: intervals of the first scan of each of those rays.
        derivative_order: highest derivative that is checked.
        settled_halvings: halvings of a line that must show nothing but rounding before it counts as smooth.
        remainder_decades: decades of step over which the Taylor remainder's slopes are fitted.
    """

    name: str
    level: float = 0.99
    num_probes: int = 16
    exact_dimension: int = 64
    deciding_dimension: int = 2000
    rays: int = 10
    radii: int = 9
    decades: float = 2.0
    scan: int = 1
    growth_rays: int = 24
    growth_decades: float = 4.0
    descent_steps: int = 20
    tail_samples: int = 256
    family_draws: int = 240
    family_symmetries: int = 12
    family_rays: int = 1000
    family_shortlist: int = 0
    family_candidates: int = 16
    family_reserves: int = 0
    family_reach: float = 1e4
    family_radii: int = 5
    settled_families: int = 3
    settling_steps: int = 600
    descent_starts: int = 128
    shrinking_trials: int = 12
    screening_probes: int = 16
    family_probes: int = 64
    smooth_rays: int = 4
    smooth_intervals: int = 16
    derivative_order: int = 6
    settled_halvings: int = 4
    remainder_decades: int = 6

    def scans(self, dimension: int) -> bool:
        """Say whether lines are searched for their lowest points: where Laplacians are exact, so that points are cheap."""
        return self.scan > 1 and dimension <= self.exact_dimension


_EFFORT = {"quick": 1, "standard": 4, "thorough": 16}


def budget_for(name: str, dimension: int) -> Budget:
    """Return the plan of the budget `name` for a landscape of `dimension` parameters.

    Raises:
        RequestError: if there is no such budget.
    """
    if name not in _EFFORT:
        raise unknown_name("budget", name, _EFFORT)
    effort = _EFFORT[name]
    if dimension <= 64:
        plan = Budget(
            name, radii=17, decades=4.0, scan=64, growth_decades=6.0, family_draws=60, family_candidates=24, smooth_rays=6
        )  # fmt: skip
    elif dimension <= 20_000:
        plan = Budget(name)
    elif dimension <= 5_000_000:
        plan = Budget(
            name, rays=8, radii=6, growth_rays=12, tail_samples=64, family_draws=150, family_symmetries=4, family_candidates=9,
            screening_probes=6, family_probes=24, smooth_rays=1,
        )  # fmt: skip
    else:
        # A hundred million parameters: one probe takes seconds on a processor, and order 4 is the least that is asked for.
        plan = Budget(
            name, num_probes=10, rays=2, radii=4, decades=1.0, growth_rays=3, growth_decades=2.0, descent_steps=2, tail_samples=12,
            family_draws=80, family_symmetries=0, settled_families=0, shrinking_trials=0, family_rays=8,
            family_shortlist=16, family_candidates=3, family_reserves=4,
            family_reach=3e3, family_radii=4, screening_probes=8, family_probes=24, smooth_rays=1, smooth_intervals=2,
            derivative_order=4, settled_halvings=2, remainder_decades=3,
        )  # fmt: skip
    return replace(
        plan,
        rays=plan.rays * effort,
        growth_rays=plan.growth_rays * effort,
        tail_samples=plan.tail_samples * effort,
        family_draws=plan.family_draws * effort,
        family_rays=plan.family_rays * effort,
        family_shortlist=plan.family_shortlist * effort,
        family_candidates=plan.family_candidates * effort,
        family_reserves=plan.family_reserves * effort,
        smooth_rays=plan.smooth_rays * effort,
        num_probes=plan.num_probes * min(effort, 4),
        family_probes=plan.family_probes * min(effort, 4),
        descent_steps=plan.descent_steps * effort,
        descent_starts=plan.descent_starts * effort,
        # A descent is a thousand gradients, too many for a quick look.
        settled_families=plan.settled_families if effort > 1 else 0,
    )
