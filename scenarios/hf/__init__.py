"""Fine-tuning of transformers models (extra `hf`). Only `fine_tuner` imports torch, and nothing imports it early."""
