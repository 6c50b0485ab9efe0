"""The JSON Schema of ablation files, for editors.

aarlab ships it beside the files: `python -m aarlab.ablation.ablation_schema > scenarios/ablations/schema.json`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.arm_configuration import RUN_FIELDS
from aarlab.config.scenario_schema import scenario_schema
from aarlab.graph.scenario import Scenario

_Schema = dict[str, Any]


def ablation_schema() -> _Schema:
    """Return the schema: the fields of an ablation, and every scenario field by its dotted path."""
    schema = Ablation.model_json_schema()
    scenario = scenario_schema()
    del scenario["$schema"]
    definitions: _Schema = {**schema.get("$defs", {}), **scenario.pop("$defs")}
    fields = dict(_fields(Scenario, scenario, definitions))
    # Keys of these sections are free, such as the parameters of a task or a topology.
    free_keys = {
        f"^{re.escape(path)}\\.": field["additionalProperties"]
        for path, field in fields.items()
        if _has_free_keys(field)
    }
    settings = {
        "type": "object", "properties": fields, "patternProperties": free_keys, "additionalProperties": False,
    }  # fmt: skip
    values = {"type": "object", "properties": {path: _list_of(field) for path, field in fields.items()}}
    properties = schema["properties"]
    properties["scenario"]["anyOf"] = [{"$ref": "#/$defs/Scenario"}, {"type": "string"}]
    properties["arms"]["additionalProperties"] = {"$ref": "#/$defs/Settings"}
    properties["grid"] = {**properties["grid"], **values}
    definitions |= {"Scenario": _arm_scenario(scenario), "Settings": settings}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "$defs": definitions}


def _fields(
    model: type[BaseModel], schema: _Schema, definitions: _Schema, before: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and the schema of every field that an arm can set."""
    for name, info in model.model_fields.items():
        if not before and name in RUN_FIELDS:
            continue
        yield f"{before}{name}", schema["properties"][name]
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            inner = definitions[annotation.__name__]
            yield from _fields(annotation, inner, definitions, f"{before}{name}.")


def _has_free_keys(field: _Schema) -> bool:
    return isinstance(field.get("additionalProperties"), dict)


def _list_of(field: _Schema) -> _Schema:
    return {"type": "array", "items": field, "minItems": 1}


def _arm_scenario(scenario: _Schema) -> _Schema:
    """Return the schema of a scenario without the fields of a single run."""
    kept = {name: field for name, field in scenario["properties"].items() if name not in RUN_FIELDS}
    return {**scenario, "properties": kept}


if __name__ == "__main__":
    print(json.dumps(ablation_schema(), indent=2, ensure_ascii=False))
