"""`python -m faceloom` is `faceloom`."""

from faceloom.cli import main

if __name__ == "__main__":
    main()
