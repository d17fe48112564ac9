"""The nouns that leave an estimator: estimates, effect tables, comparisons, checks."""
