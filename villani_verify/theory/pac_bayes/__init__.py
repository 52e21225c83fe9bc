"""PAC-Bayes bounds of a Gaussian posterior around trained parameters, with the Gaussian prior N(w₀, I/λ) of weight decay.

Inequalities on numbers, the two Gaussians, bounded losses, the sampled loss of the posterior, and `study.certify`, which puts
them together: every union bound is paid for, Monte Carlo error is part of the confidence, and what says nothing is called vacuous.
"""
