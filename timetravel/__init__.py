"""Travel through the training of a neural network."""
