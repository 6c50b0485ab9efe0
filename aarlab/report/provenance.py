"""What it takes to get the same results again: command, versions, configurations."""

import json
import platform
import shlex
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from aarlab import __version__
from aarlab.config.document import yaml_text
from aarlab.report.analysis import Analysis
from aarlab.report.arm_runs import SECRET_FIELD


def reproduce_command(analysis: Analysis) -> str:
    """Return what to type to get the same results."""
    folder = analysis.results.folder
    if folder is None:
        files = [shlex.quote(str(record.path)) for record in analysis.results.records]
        return f"aarlab report {' '.join(files)}"
    return f"aarlab ablate {shlex.quote(str(folder / 'ablation.yaml'))} --out again\naarlab report again"


def versions_sentence(analysis: Analysis) -> str:
    """Return which software made the runs and the report."""
    written_by = sorted({facts.version for facts in analysis.facts.values()}) or ["an unknown version"]
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    return (
        f"Runs by aarlab {', '.join(written_by)}; report by aarlab {__version__}, Python {platform.python_version()}, "
        f"{libraries}. runs.csv has the digest of every run: equal digests, equal runs."
    )


def configurations(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """Return the ablation and every arm's resolved scenario, as (title, YAML), without what must not be given away."""
    yield "The ablation", _yaml(analysis.results.ablation.model_dump(mode="json"))
    for arm in analysis.arms:
        if arm.scenario:
            yield f"{arm.name}, resolved", _yaml(arm.scenario)


def without_secret(value: Any) -> Any:
    """Return nested sections without the secret, wherever it stands: in a section or as a dotted path."""
    if isinstance(value, Mapping):
        name = SECRET_FIELD.rpartition(".")[2]
        return {
            key: "(not shown)" if str(key).rpartition(".")[2] == name and inner else without_secret(inner)
            for key, inner in value.items()
        }
    return [without_secret(inner) for inner in value] if isinstance(value, list | tuple) else value


def _yaml(section: Mapping[str, Any]) -> str:
    # Through JSON, so that a part that stands twice is written twice and not as an alias.
    return yaml_text(json.loads(json.dumps(without_secret(section))))
