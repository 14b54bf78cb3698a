"""Who answered: signed claims of results, their log, and the questions to it."""

__version__ = "0.1.0"

__all__ = ["__version__"]
