"""The Poincaré constant itself, in one to three dimensions: from values of U on a grid, refined until it no longer moves."""
