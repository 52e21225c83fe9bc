"""The paper's claims, measured one by one: models are trained or loaded, every part of the theory runs, and one table comes out."""
