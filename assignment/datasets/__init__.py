"""Image data sets as splits: images that are ready for a network, with integer labels, divided by class."""
