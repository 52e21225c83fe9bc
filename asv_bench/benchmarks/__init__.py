"""Benchmarks for airspeed velocity (asv): seconds and bytes, lower is better, and none without an accuracy check."""
