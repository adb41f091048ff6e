"""What a training is told: the settings of a recipe, read and checked."""
