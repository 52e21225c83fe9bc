"""What follows from the criteria, computed and audited.

Constants of the Gibbs measure, mixing, spectra, and generalisation bounds.
"""
