"""The batch forms: many outcomes or many adoptions of one panel at once."""
