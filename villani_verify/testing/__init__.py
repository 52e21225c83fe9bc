"""What property-based tests of landscapes need: public Hypothesis strategies, profiles, tolerances and claims.

`strategies` draws small things only (names, integers), from which points are built deterministically; `claims`
holds a criterion to its expected status; `witnesses` turns a counterexample into one line that replays it.
"""
