"""`python -m maskwatch` is the `maskwatch` command."""

from maskwatch.cli.main import main

main()
