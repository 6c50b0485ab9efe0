"""Tiny random models with a tokenizer, and texts whose label can be learned from words."""

from pathlib import Path

import numpy as np

WORDS = 60
"""Words that speak for a label, half for each; as many others say nothing."""
ANSWERS = ("no", "yes")


def texts_with_labels(count: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Return texts of 5 to 14 words and their labels: which words are more frequent."""
    rng = np.random.default_rng(seed)
    texts, labels = [], np.arange(count) % 2
    rng.shuffle(labels)
    for label in labels:
        signal = rng.choice([1, 3], p=[0.2, 0.8])
        own = rng.integers(0, WORDS // 2, 4 if signal == 3 else 3) + label * (WORDS // 2)
        other = rng.integers(0, WORDS // 2, 1) + (1 - label) * (WORDS // 2)
        filler = rng.integers(WORDS, 2 * WORDS, int(rng.integers(1, 10)))
        words = rng.permutation(np.concatenate([own, other, filler]))
        texts.append(" ".join(f"w{word}" for word in words))
    return texts, labels


def save_tokenizer(folder: Path, texts: list[str]) -> int:
    """Train a tokenizer of words, save it and return the size of its vocabulary."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    prompt = ["Answer: yes", "Answer: no", "Is this right, yes or no? Answer:"]
    tokenizer.train_from_iterator([*texts, *prompt], trainers.WordLevelTrainer(special_tokens=["[PAD]", "[UNK]"]))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    fast.model_max_length = 64
    fast.save_pretrained(folder)
    return len(fast)


def save_encoder(folder: Path, texts: list[str], layers: int = 2) -> Path:
    """Save a random BERT of width 32 and return its folder."""
    import torch
    from transformers import BertConfig, BertModel

    size = save_tokenizer(folder, texts)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, hidden_dropout_prob=0.1,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def save_language_model(folder: Path, texts: list[str]) -> Path:
    """Save a random GPT-2 of width 32 and return its folder."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    size = save_tokenizer(folder, texts)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=0, eos_token_id=0
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder
