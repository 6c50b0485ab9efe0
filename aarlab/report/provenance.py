"""How to reproduce the results: command, versions, configurations."""

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
    """Return the commands that reproduce the results."""
    folder = analysis.results.folder
    if folder is None:
        files = [shlex.quote(str(record.path)) for record in analysis.results.records]
        return f"aarlab report {' '.join(files)}"
    return f"aarlab ablate {shlex.quote(str(folder / 'ablation.yaml'))} --out repeated\naarlab report repeated"


def versions_sentence(analysis: Analysis) -> str:
    """Return a sentence with the versions of the software that executed the runs and wrote the report."""
    written_by = sorted({facts.version for facts in analysis.facts.values()}) or ["an unknown version"]
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy"))
    return (
        f"Runs by aarlab {', '.join(written_by)}; report by aarlab {__version__}, Python {platform.python_version()}, "
        f"{libraries}. runs.csv contains the digest of every run; runs with equal digests are identical."
    )


def configurations(analysis: Analysis) -> Iterator[tuple[str, str]]:
    """Yield title and YAML of the ablation and of every arm's configuration, without the secret of the worlds."""
    yield "Ablation", _yaml(analysis.results.ablation.model_dump(mode="json"))
    for arm in analysis.arms:
        if arm.scenario:
            yield f"Configuration of {arm.name}", _yaml(arm.scenario)


def without_secret(value: Any) -> Any:
    """Return nested sections with the secret replaced, in sections and in dotted paths."""
    if isinstance(value, Mapping):
        name = SECRET_FIELD.rpartition(".")[2]
        return {
            key: "(not shown)" if str(key).rpartition(".")[2] == name and inner else without_secret(inner)
            for key, inner in value.items()
        }
    return [without_secret(inner) for inner in value] if isinstance(value, list | tuple) else value


def _yaml(section: Mapping[str, Any]) -> str:
    # Through JSON, so that repeated parts are written in full and not as YAML aliases.
    return yaml_text(json.loads(json.dumps(without_secret(section))))
