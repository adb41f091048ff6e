"""What an exported classifier is worth: on rows it never saw, other sources, corrupted pictures."""
