"""One measurement a file: a function of subject and size that returns its findings, its data, and its figures."""
