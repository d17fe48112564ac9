"""How far the evidence goes: its facts, a dossier of them, the verdict."""
