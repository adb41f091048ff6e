"""`maskwatch bench`: how fast this machine is at each step. Only the command line imports this."""
