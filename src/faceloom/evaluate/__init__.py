"""How good a swap is."""
