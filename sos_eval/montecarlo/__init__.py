"""The Monte Carlo of whole designs: studies, their draws, and what is made of them."""
