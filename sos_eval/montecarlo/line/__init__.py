"""A line: one estimator on one outcome of a study, compiled and drawn."""
