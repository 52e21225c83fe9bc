"""All analytic landscapes of the zoo, in the order in which they are listed."""

from __future__ import annotations

from villani_verify.landscapes.zoo.bowls import BOWLS
from villani_verify.landscapes.zoo.entry import ZooEntry
from villani_verify.landscapes.zoo.kinks import KINKS
from villani_verify.landscapes.zoo.oscillating import OSCILLATING
from villani_verify.landscapes.zoo.regression import REGRESSIONS
from villani_verify.landscapes.zoo.symmetric import SYMMETRIC
from villani_verify.landscapes.zoo.tails import TAILS
from villani_verify.landscapes.zoo.wells import WELLS

ANALYTIC: tuple[ZooEntry, ...] = (*BOWLS, *WELLS, *OSCILLATING, *REGRESSIONS, *KINKS, *TAILS, *SYMMETRIC)
