"""Recipes: each job is a list of steps."""
