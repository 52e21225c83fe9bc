"""Where to look: one-parameter families of points, how they are drawn, and how a family is scanned for its worst point.

A family is a small frozen description (names, seeds, integer exponents), from which its points are built
deterministically; so every counterexample can be replayed.
"""
