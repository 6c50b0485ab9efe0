"""Prepared data and tiny models, built once for all tests of the task hf."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hf_models import save_encoder, save_language_model, texts_with_labels

POOLS = {"train_label": 80, "train_unlabel": 400, "test": 300, "test_ood": 80}


@pytest.fixture(scope="session", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is trained here apart from earlier runs of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AARLAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def hf_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `source` (JSON Lines for `aarlab data prepare`), `encoder` and `language_model`."""
    pytest.importorskip("torch", reason="the extra hf is not installed")
    folder = tmp_path_factory.mktemp("hf")
    texts, labels = texts_with_labels(sum(POOLS.values()))
    (folder / "source").mkdir()
    start = 0
    for name, count in POOLS.items():
        rows = zip(texts[start : start + count], labels[start : start + count], strict=True)
        lines = [json.dumps({"question": "w0 ?", "choice": text, "label": bool(label)}) for text, label in rows]
        (folder / "source" / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        start += count
    save_encoder(folder / "encoder", texts)
    save_language_model(folder / "language_model", texts)
    return folder
