"""The JSON Schema of ablation files, for editors.

It is shipped beside the files: `python -m aarlab.ablation.schema > scenarios/ablations/schema.json`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from aarlab.ablation.ablation_plan import Ablation
from aarlab.config.overrides import SHORTHAND_FIELDS
from aarlab.graph.scenario import Scenario

_Schema = dict[str, Any]


def ablation_schema() -> _Schema:
    """Return the schema: the ablation's own fields, and every field of a scenario by its dotted path."""
    schema = Ablation.model_json_schema()
    scenario = Scenario.model_json_schema(ref_template="#/$defs/{model}")
    definitions: _Schema = {**schema.get("$defs", {}), **scenario.pop("$defs")}
    for section, key in SHORTHAND_FIELDS.items():
        whole = scenario["properties"][section]
        bare = definitions[_named(whole)]["properties"][key]
        scenario["properties"][section] = {"anyOf": [bare, whole]}
    fields = dict(_fields(Scenario, scenario, definitions))
    # What stands below these has names of its own: the knobs of a task, the parameters of a topology.
    open_ended = {
        f"^{re.escape(path)}\\.": field["additionalProperties"] for path, field in fields.items() if _is_open(field)
    }
    settings = {
        "type": "object", "properties": fields, "patternProperties": open_ended, "additionalProperties": False,
    }  # fmt: skip
    values = {"type": "object", "properties": {path: _list_of(field) for path, field in fields.items()}}
    properties = schema["properties"]
    properties["scenario"]["anyOf"] = [{"$ref": "#/$defs/Scenario"}, {"type": "string"}]
    properties["arms"]["additionalProperties"] = {"$ref": "#/$defs/Settings"}
    properties["grid"] = {**properties["grid"], **values}
    definitions |= {"Scenario": _open(scenario), "Settings": settings}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": definitions}


def _fields(
    model: type[BaseModel], schema: _Schema, definitions: _Schema, before: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield every field that an arm can set, with its schema: `structure`, `structure.review`, ..."""
    for name, info in model.model_fields.items():
        if not before and name in ("name", "seed"):
            continue
        yield f"{before}{name}", schema["properties"][name]
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            inner = definitions[annotation.__name__]
            yield from _fields(annotation, inner, definitions, f"{before}{name}.")


def _named(reference: _Schema) -> str:
    """Return the name of the definition that a field refers to."""
    return str(reference["$ref"]).rpartition("/")[2]


def _is_open(field: _Schema) -> bool:
    return isinstance(field.get("additionalProperties"), dict)


def _list_of(field: _Schema) -> _Schema:
    return {"type": "array", "items": field, "minItems": 1}


def _open(scenario: _Schema) -> _Schema:
    """Return the schema without the fields that say which run a scenario is."""
    kept = {name: field for name, field in scenario["properties"].items() if name not in ("name", "seed")}
    return {**scenario, "properties": kept}


if __name__ == "__main__":
    print(json.dumps(ablation_schema(), indent=2, ensure_ascii=False))
