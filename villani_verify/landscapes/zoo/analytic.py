"""All analytic landscapes of the zoo, in the order in which they are listed."""

from __future__ import annotations

from villani_verify.landscapes.zoo.bowls import BOWLS
from villani_verify.landscapes.zoo.confinement import CONFINEMENT
from villani_verify.landscapes.zoo.decoys import DECOYS
from villani_verify.landscapes.zoo.entry import ZooEntry
from villani_verify.landscapes.zoo.kinks import KINKS
from villani_verify.landscapes.zoo.networks import NETWORKS
from villani_verify.landscapes.zoo.oscillating import OSCILLATING
from villani_verify.landscapes.zoo.regression import REGRESSIONS
from villani_verify.landscapes.zoo.ripples import RIPPLES
from villani_verify.landscapes.zoo.symmetric import SYMMETRIC
from villani_verify.landscapes.zoo.tails import TAILS
from villani_verify.landscapes.zoo.thin import THIN
from villani_verify.landscapes.zoo.wells import WELLS

ANALYTIC: tuple[ZooEntry, ...] = (
    *BOWLS, *WELLS, *DECOYS, *OSCILLATING, *RIPPLES, *REGRESSIONS, *NETWORKS, *KINKS, *TAILS, *CONFINEMENT, *SYMMETRIC,
    *THIN,
)  # fmt: skip
