"""The classifier: batches, network, training and export."""
