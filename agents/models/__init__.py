"""Base models: the models that agents use to think."""
