"""The command line: thin, one module a group of commands."""

from faceloom.cli.main import app, main

__all__ = ["app", "main"]
