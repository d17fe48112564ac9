"""Costs and effects: exact decision analysis, and the gate that refuses until the evidence is there."""
