"""Bounds on the constants of the Gibbs measure, one a file, each with its source and conditions and what is known of these."""
