"""The cost model: lines, prices, discounting, draws and what they give."""
