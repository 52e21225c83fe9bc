"""What follows from the criteria, computed and audited: constants of the Gibbs measure, mixing, spectra, generalisation bounds."""
