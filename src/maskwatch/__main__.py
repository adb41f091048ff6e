"""`python -m maskwatch` is the `maskwatch` command."""

from maskwatch.cli import main

main()
