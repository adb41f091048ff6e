"""What is installed, whether it works on this machine, and what to do where it does not.

The modules here load nothing that may be missing or broken before it has been tried in a process
of its own.
"""
