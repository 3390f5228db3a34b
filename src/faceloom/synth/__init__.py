"""Synthetic people: faces that belong to nobody, rendered with everything about them known."""
