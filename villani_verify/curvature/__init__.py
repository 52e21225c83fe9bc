"""Derivatives of a landscape: gradients, addressed probes, Hessian quadratic forms, exact Laplacians, Taylor coefficients.

Nothing here knows about statistics or verdicts.
"""
