"""Pictures and labels from wherever people have them to one checked, grouped and split table."""
