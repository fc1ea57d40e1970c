"""rules.yaml: the model, the strict loader with positions, and what follows from the rules for one request."""
