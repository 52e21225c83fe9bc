"""Numbers with their error: frozen estimates, Student-t intervals, Hutchinson's trace, Ψ_s and s*, growth exponents.

Everything here turns samples into a value with an interval; nothing here decides.
"""
