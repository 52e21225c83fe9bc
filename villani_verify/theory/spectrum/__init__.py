"""The spectrum of ∇²F: Lanczos runs from random starts, extreme eigenvalues, density and counts with intervals.

And how they change with radius, weight decay and training.
"""
