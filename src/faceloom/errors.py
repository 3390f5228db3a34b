"""The one exception that means "the user can mend this".

The command line prints its text as one line and exits with code 2; every other exception is a bug
and keeps its traceback.
"""

from __future__ import annotations


class UserError(Exception):
    """Bad input, said in one line: which file, what is wrong with it, how to mend it."""
