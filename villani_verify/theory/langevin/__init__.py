"""Noisy gradient descent: discretised Langevin chains and SGLD, how fast they relax and forget, and their Poincaré constant.

`chains` runs them, `mixing` says whether they may be used, `relaxation`, `spectral_gap` and `bias` measure, `study` does all of it.
"""
