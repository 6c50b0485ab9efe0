"""The transformers models of a teacher or a student, with a common interface: log odds of label 1, and embeddings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aarlab.scenarios.hf.checkpoint import UnusableModel
from aarlab.scenarios.toolkit.inputs import IntArray

EMBEDDED_LAYERS = 3
"""Number of evenly spaced hidden layers whose means over the tokens are an item's embedding."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model, and how texts become its input."""

    folder: Path
    """Folder of the checkpoint."""
    layers: int = 0
    """Number of first layers to keep; 0: all."""
    lora_rank: int = 0
    """Rank of the trained matrices (LoRA, Hu et al. 2021); 0: all weights are trained."""
    max_length: int = 256
    """Number of tokens; longer texts are cut."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1` and so on; auto: the first GPU, or the processor."""


def device_kind(device: str) -> str:
    """Return the device that a setting names: `auto` is the first GPU, or the processor."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


class EncoderModel(nn.Module):
    """An encoder with a linear head on the mean of its last hidden states."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(width, 1)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (b,) log odds of label 1."""
        hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        logits: Tensor = self.head(_mean(hidden, mask).to(self.head.weight.dtype))
        return logits[:, 0]

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (b, EMBEDDED_LAYERS * width) means of hidden layers."""
        return _embedding(self.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True), mask)

    def reset_head(self) -> None:
        """Draw the head again from torch's generator."""
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)


class AnswerModel(nn.Module):
    """A causal language model whose log odds are the difference of the logits of two answers."""

    def __init__(self, language_model: nn.Module, answer_tokens: tuple[int, int]) -> None:
        super().__init__()
        self.language_model, self._answers = language_model, answer_tokens

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (b,) log odds of label 1."""
        last = self._run(ids, mask).logits[:, -1]
        no, yes = self._answers
        difference: Tensor = last[:, yes] - last[:, no]
        return difference

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return (b, EMBEDDED_LAYERS * width) means of hidden layers."""
        return _embedding(self._run(ids, mask, output_hidden_states=True), mask)

    def reset_head(self) -> None:
        """Do nothing: the answers are read from the model's own output."""

    def _run(self, ids: Tensor, mask: Tensor, **options: bool) -> Any:
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        return self.language_model(
            input_ids=ids, attention_mask=mask, position_ids=positions, logits_to_keep=1, use_cache=False, **options
        )


def load_model(settings: ModelSettings, answers: tuple[str, str]) -> tuple[Any, EncoderModel | AnswerModel]:
    """Return tokenizer and model.

    Raises:
        UnusableModel: The model has fewer layers, or its tokenizer does not distinguish the answers.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer

    folder = settings.folder
    config = AutoConfig.from_pretrained(folder)
    is_causal = any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in config.architectures or ())
    sides = {"truncation_side": "left"} if is_causal else {}
    tokenizer = AutoTokenizer.from_pretrained(folder, **sides)
    if settings.layers:
        if settings.layers > config.num_hidden_layers:
            raise UnusableModel(f"{folder} has {config.num_hidden_layers} layers, not {settings.layers}")
        config.num_hidden_layers = settings.layers
    half = settings.lora_rank and device_kind(settings.device) != "cpu" and torch.cuda.is_bf16_supported()
    dtype = torch.bfloat16 if half else torch.float32
    kind = AutoModelForCausalLM if is_causal else AutoModel
    base = kind.from_pretrained(folder, config=config, dtype=dtype)
    if settings.lora_rank:
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(0)
        rank = settings.lora_rank
        base = get_peft_model(base, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear"))
    if is_causal:
        return tokenizer, AnswerModel(base, _answer_tokens(tokenizer, answers, folder))
    return tokenizer, EncoderModel(base, config.hidden_size)


def _answer_tokens(tokenizer: Any, answers: tuple[str, str], folder: Path) -> tuple[int, int]:
    """Return the first tokens in which the two answers differ."""
    no, yes = (tokenizer(f"Answer: {answer}", add_special_tokens=False).input_ids for answer in answers)
    for one, other in zip(no, yes, strict=False):
        if one != other:
            return one, other
    raise UnusableModel(f"the tokenizer of {folder} does not distinguish the answers {answers[0]!r} and {answers[1]!r}")


def tokenise(tokenizer: Any, texts: list[str], max_length: int) -> list[IntArray]:
    """Return the token ids of each text, cut to a number of tokens."""
    limit = min(max_length, tokenizer.model_max_length)
    encoded = tokenizer(texts, truncation=True, max_length=limit).input_ids if texts else []
    return [np.array(ids, dtype=np.int64) for ids in encoded]


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Return the (b, d) means of (b, t, d) hidden states over real tokens."""
    share = mask[..., None].to(hidden.dtype)
    return (hidden * share).sum(1) / share.sum(1)


def _embedding(output: Any, mask: Tensor) -> Tensor:
    states = output.hidden_states
    last = len(states) - 1
    layers = [round(last * (i + 1) / EMBEDDED_LAYERS) for i in range(EMBEDDED_LAYERS)]
    return torch.cat([_mean(states[layer], mask) for layer in layers], dim=1)
