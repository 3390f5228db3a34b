"""Weights and numbers that ship with the package; see NOTICE."""
