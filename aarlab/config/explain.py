"""Translate the errors of pydantic to faults with file, line and expected value."""

from collections.abc import Callable, Iterable, Mapping
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from aarlab.agents.models.registry import UnknownModel, check_model_name, model_names
from aarlab.config.document import Document, Key
from aarlab.config.errors import Fault, did_you_mean
from aarlab.config.overrides import SHORTHAND_FIELDS
from aarlab.config.type_descriptions import comma_separated, type_text, value_text
from aarlab.graph.scenario import Scenario
from aarlab.scenarios.task_registry import InvalidTaskParameter, UnknownTask, task_names

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_Names = Callable[[], Iterable[str]]


def _is_task(name: str) -> bool:
    return name in task_names()


def _is_model(name: str) -> bool:
    try:
        check_model_name(name)
    except UnknownModel:
        return False
    return True


_NAME_FIELDS: Mapping[Key, tuple[Callable[[str], bool], _Names]] = {
    ("task", "name"): (_is_task, task_names),
    **{("team", role): (_is_model, model_names) for role in ("model", "reviewer", "librarian", "overseer")},
}
"""Fields that hold a name, each with a check whether a name exists and the list of existing names."""


def explain(error: ValidationError, document: Document, model: type[BaseModel] = Scenario) -> list[Fault]:
    """Return one fault for each error, in the order of the file, overrides last.

    Args:
        error: The errors of pydantic.
        document: The validated document.
        model: The model against which it was validated.
    """
    faults = _unknown_name_faults(document) if model is Scenario else {}
    for details in error.errors():
        key = _field_of_error(details, document)
        # pydantic reports a value that fits no member of a union once for each member.
        faults.setdefault(key, _fault(key, details, document, model))
    order = {key: rank for rank, key in enumerate(document.sources)}
    return [
        faults[key] for key in sorted(faults, key=lambda key: (order.get(_longest_written_key(key, document), -1), key))
    ]


def _unknown_name_faults(document: Document) -> dict[Key, Fault]:
    """Return faults for names that do not exist; pydantic skips these checks if an earlier one fails."""
    faults: dict[Key, Fault] = {}
    for key, (exists, names) in _NAME_FIELDS.items():
        section = document.data.get(key[0])
        if isinstance(section, dict) and section.get("path") is not None:
            continue  # a task file defines its name
        is_shorthand = isinstance(section, str) and SHORTHAND_FIELDS.get(key[0]) == key[1]
        given = section if is_shorthand else _value(key, document)
        if isinstance(given, str) and not exists(given):
            fault_key = key[:1] if is_shorthand else key
            where, field = _where(fault_key, document), ".".join(fault_key)
            faults[fault_key] = Fault(
                where,
                field,
                f"invalid value {value_text(given)}",
                comma_separated(names()),
                did_you_mean(given, names()),
            )
    return faults


def _field_of_error(details: "ErrorDetails", document: Document) -> Key:
    """Return the path of the invalid field."""
    key = tuple(str(part) for part in details["loc"])
    if details["type"] == "value_error" and key == ("task",):
        return _invalid_task_field(document, details.get("ctx", {}).get("error"))
    # Longer paths of pydantic contain union members and the key of a shorthand, which are not in the document.
    nearest = _longest_written_key(key, document)
    return nearest if nearest and not isinstance(_value(nearest, document), dict) else key


def _invalid_task_field(document: Document, error: object) -> Key:
    """Return the key of the unknown task or parameter in the task section, else the section."""
    if isinstance(error, InvalidTaskParameter) and error.parameter is not None:
        key: Key = ("task", "parameters", error.parameter)
        return key if key in document.sources else ("task",)
    is_shorthand = isinstance(document.data.get("task"), str)
    return ("task", "name") if isinstance(error, UnknownTask) and not is_shorthand else ("task",)


def _fault(key: Key, details: "ErrorDetails", document: Document, model: type[BaseModel]) -> Fault:
    where, field = _where(key, document), ".".join(key) or None
    field_info = _field(key, model)
    if field_info is None:
        known = _siblings(key, model)
        return Fault(where, field, "unknown key", comma_separated(known), did_you_mean(key[-1], known))
    value = _value(key, document)
    if details["type"] == "value_error":
        error = details.get("ctx", {}).get("error", details["msg"])
        return Fault(where, field, str(error), getattr(error, "expected", None), getattr(error, "fix", None))
    choices = get_args(_shorthand_field(key, field_info, model).annotation)
    hint = (
        did_you_mean(value, map(str, choices))
        if details["type"] == "literal_error" and isinstance(value, str)
        else None
    )
    problem = "missing" if details["type"] == "missing" else f"invalid value {value_text(value)}"
    return Fault(where, field, problem, _expected(key, field_info, model), hint)


def _expected(key: Key, info: FieldInfo, model: type[BaseModel]) -> str:
    expected = type_text(info.annotation, info.metadata)
    if len(key) == 1 and key[0] in SHORTHAND_FIELDS:
        shorthand = _shorthand_field(key, info, model)
        expected = f"{type_text(shorthand.annotation, shorthand.metadata)}, or {expected}"
    # Descriptions are docstrings, which may have several lines.
    return f"{expected} ({' '.join(info.description.split())})" if info.description else expected


def _shorthand_field(key: Key, info: FieldInfo, model: type[BaseModel]) -> FieldInfo:
    """Return the field that a shorthand for a section sets; else the field itself."""
    inner = _field((*key, SHORTHAND_FIELDS[key[0]]), model) if len(key) == 1 and key[0] in SHORTHAND_FIELDS else None
    return inner or info


def _field(key: Key, model: type[BaseModel]) -> FieldInfo | None:
    """Return the definition of a field; None if it does not exist."""
    info = FieldInfo(annotation=model)
    for part in key:
        section = _section_of(info.annotation)
        if section is not None:
            if part not in section.model_fields:
                return None
            info = section.model_fields[part]
        elif get_origin(info.annotation) in (dict, list):
            info = FieldInfo(annotation=get_args(info.annotation)[-1])
        else:
            return None
    return info


def _siblings(key: Key, model: type[BaseModel]) -> list[str]:
    """Return the valid keys of the section of `key`."""
    parent = _field(key[:-1], model)
    section = _section_of(parent.annotation) if parent else None
    return list(section.model_fields) if section is not None else []


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a field that is a section, also of one that can be left out; None: it is no section."""
    for part in (annotation, *get_args(annotation)) if get_origin(annotation) in (UnionType, None) else ():
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _value(key: Key, document: Document) -> Any:
    value: Any = document.data
    for part in key:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _longest_written_key(key: Key, document: Document) -> Key:
    """Return the longest prefix of `key` that the document contains."""
    return next((key[:length] for length in range(len(key), 0, -1) if key[:length] in document.sources), ())


def _where(key: Key, document: Document) -> str:
    """Return the line or override of a field; for a section, the overrides of its fields if there are any."""
    overrides = [
        source.where
        for written, source in document.sources.items()
        if source.overridden and len(written) > len(key) and written[: len(key)] == key
    ]
    return comma_separated(overrides) if overrides else document.source_of(*key).where
