"""The JSON Schema of scenario files, for editors.

aarlab ships it beside the files: `python -m aarlab.config.scenario_schema > scenarios/schema.json`.
"""

import json
from typing import Any

from aarlab.config.overrides import SHORTHAND_FIELDS
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import DIALS

JsonSchema = dict[str, Any]


def scenario_schema() -> JsonSchema:
    """Return the schema: every field with its meaning, and every value of a dial with its meaning."""
    schema = Scenario.model_json_schema()
    definitions = schema["$defs"]
    dials = definitions["Structure"]["properties"]
    for dial in DIALS:
        meanings = [dial.values[value] for value in dials[dial.name]["enum"]]
        dials[dial.name] |= {"enumDescriptions": meanings}
    for section, key in SHORTHAND_FIELDS.items():
        as_section = schema["properties"][section]
        shorthand = definitions[str(as_section["$ref"]).rpartition("/")[2]]["properties"][key]
        schema["properties"][section] = {"anyOf": [shorthand, as_section]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":
    print(json.dumps(scenario_schema(), indent=2, ensure_ascii=False))
