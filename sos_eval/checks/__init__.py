"""Checks of a fitted estimator: data first, a sentence second."""
