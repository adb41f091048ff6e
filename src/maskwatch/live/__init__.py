"""One loop for every live door; counting, events and the preview."""
