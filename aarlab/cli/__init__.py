"""The commands of `aarlab`, one module each, and the modules that they share."""
