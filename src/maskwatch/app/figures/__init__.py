"""The figures of the page about data and model, each drawn from what was packed."""
