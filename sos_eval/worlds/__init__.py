"""Declared worlds: data whose truth is known."""
