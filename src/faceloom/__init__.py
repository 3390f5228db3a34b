"""faceloom: weave one person's face into another's footage, and measure how well it went."""

__version__ = "0.1.0"
