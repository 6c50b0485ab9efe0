"""The measures of coordination of three teams agree with a computation from the rows of their files."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity
from team_runs import FAST_STRUCTURES, Run, structures

from aarlab.scenarios.toolkit.method_analysis import operators_in

three_teams = structures([FAST_STRUCTURES[0], FAST_STRUCTURES[5], FAST_STRUCTURES[6]])
"""Peers, a lead without sharing, and a lead with peers."""


def rows_of(run: Run, kind: str) -> list[dict[str, Any]]:
    """Return the stored events of a kind with their stream and hours."""
    with closing(sqlite3.connect(run.file.path)) as connection:
        query = "SELECT stream, hours, data FROM events WHERE kind = ? ORDER BY id"
        return [{"stream": s, "at": at, **json.loads(data)} for s, at, data in connection.execute(query, (kind,))]


@three_teams
def test_messages_and_convergence_agree_with_the_rows(run: Run) -> None:
    findings = {row["id"]: row["author"] for row in rows_of(run, "findings") if row["author"] != "lab"}
    tasks, reviews = rows_of(run, "task_assignments"), rows_of(run, "review_decisions")
    public = {row["finding"] for row in rows_of(run, "publications")}
    posts = [name for name in findings if tasks or name in public]
    critiques = [e for e in rows_of(run, "edges") if e["relation"] == "critiques" and e["target"] in findings]
    turns = len(rows_of(run, "model_calls"))
    messages = len(posts) + len(critiques) + len(tasks) + len(reviews)
    assert run.summary["message_density"] == pytest.approx(messages / turns, abs=1e-4)

    full = [row for row in rows_of(run, "experiments") if row["fidelity"] == "full"]
    scores = [-1.0 if row["pgr"] is None else row["pgr"] for row in full]
    assert run.summary["failed_experiment_share"] == pytest.approx(np.mean(np.array(scores) <= 0), abs=1e-4)
    near = [row["at"] for row, pgr in zip(full, scores, strict=True) if pgr >= 0.95 * max(scores)]
    assert run.summary["convergence_hours"] == (pytest.approx(min(near), abs=0.01) if max(scores) > 0 else None)


@three_teams
def test_diversity_and_merged_share_agree_with_the_rows(run: Run) -> None:
    posts = [row for row in rows_of(run, "findings") if row["code"] and row["author"] != "lab"]
    texts = [" ".join([row["title"], row["body"], *operators_in(run.file.text(row["code"]))]) for row in posts]
    cosines = cosine_similarity(TfidfVectorizer(token_pattern=r"[a-z][a-z_]+").fit_transform(texts))
    authors = np.array([row["author"] for row in posts])
    others = authors[:, None] != authors[None, :]
    assert run.summary["redundancy"] == (pytest.approx(cosines[others].mean(), abs=1e-4) if others.any() else None)
    spectrum = np.clip(np.linalg.eigvals(cosines / len(posts)).real, 0.0, None)
    assert run.summary["vendi_score"] == pytest.approx(np.exp(entropy(spectrum)), abs=1e-3)

    parents: dict[str, set[str]] = {}
    for edge in rows_of(run, "edges"):
        if edge["relation"] != "critiques":
            parents.setdefault(edge["source"], set()).add(edge["target"])
    used, waiting = set[str](), [run.summary["best"]["finding"]]
    while waiting:
        used.add(finding := waiting.pop())
        waiting += parents.get(finding, set()) - used
    merged = sum(row["id"] in used for row in posts) / len(posts)
    assert run.summary["merged_share"] == pytest.approx(merged, abs=1e-4)
