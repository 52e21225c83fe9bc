"""Ready-made landscapes: Hugging Face causal language models on text, and a zoo with known verdicts.

The zoo holds analytic functions with closed forms, and small transformers; GPT-Neo among them is kept in float64,
which the dtype audit verifies.
"""
