"""The nightly: what it consists of (`parts`), how it runs and goes on (`runner`), what it leaves (`journal`)."""
