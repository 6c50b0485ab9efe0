"""The prompts: Markdown files with `$placeholders`."""

from functools import cache
from importlib.resources import files
from string import Template


@cache
def _template(name: str) -> Template:
    return Template(files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8"))


def render(template: str, **values: object) -> str:
    """Return the prompt `template` with its placeholders filled in. Raises KeyError if a placeholder has no value."""
    return _template(template).substitute({key: str(value) for key, value in values.items()}).strip()
