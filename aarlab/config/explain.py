"""What pydantic found wrong, joined to the places in the file and to what would be right."""

from collections.abc import Callable, Iterable, Mapping
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
"""Fields that hold a name: whether something has it, and the names there are."""


def explain(error: ValidationError, document: Document, model: type[BaseModel] = Scenario) -> list[Fault]:
    """Return one fault for each thing that is wrong, in the order of the file, overrides last.

    Args:
        error: What pydantic found.
        document: What it found it in.
        model: What the document was to be.
    """
    faults = _unknown_name_faults(document) if model is Scenario else {}
    for details in error.errors():
        key = _field_of_error(details, document)
        # A value that fits no arm of a union fails once for each arm.
        faults.setdefault(key, _fault(key, details, document, model))
    order = {key: rank for rank, key in enumerate(document.sources)}
    return [
        faults[key] for key in sorted(faults, key=lambda key: (order.get(_longest_written_key(key, document), -1), key))
    ]


def _unknown_name_faults(document: Document) -> dict[Key, Fault]:
    """Return what is called by a name that does not exist, also where pydantic stopped at something else before."""
    faults: dict[Key, Fault] = {}
    for key, (exists, names) in _NAME_FIELDS.items():
        section = document.data.get(key[0])
        if isinstance(section, dict) and section.get("path") is not None:
            continue  # a task file defines its name
        bare = isinstance(section, str) and SHORTHAND_FIELDS.get(key[0]) == key[1]
        given = section if bare else _value(key, document)
        if isinstance(given, str) and not exists(given):
            blamed = key[:1] if bare else key
            where, field = _where(blamed, document), ".".join(blamed)
            faults[blamed] = Fault(
                where,
                field,
                f"invalid value {value_text(given)}",
                comma_separated(names()),
                did_you_mean(given, names()),
            )
    return faults


def _field_of_error(details: "ErrorDetails", document: Document) -> Key:
    """Return the field that the error is about."""
    key = tuple(str(part) for part in details["loc"])
    if details["type"] == "value_error" and key == ("task",):
        return _invalid_task_field(document, details.get("ctx", {}).get("error"))
    # Below what was written stand only parts of our own: the arms of a union, the key that a bare name stands for.
    nearest = _longest_written_key(key, document)
    return nearest if nearest and not isinstance(_value(nearest, document), dict) else key


def _invalid_task_field(document: Document, error: object) -> Key:
    """Return the part of the task section that the error is about, or the section."""
    if isinstance(error, InvalidTaskParameter) and error.parameter is not None:
        key: Key = ("task", "parameters", error.parameter)
        return key if key in document.sources else ("task",)
    bare = isinstance(document.data.get("task"), str)
    return ("task", "name") if isinstance(error, UnknownTask) and not bare else ("task",)


def _fault(key: Key, details: "ErrorDetails", document: Document, model: type[BaseModel]) -> Fault:
    where, field = _where(key, document), ".".join(key) or None
    field_info = _field(key, model)
    if field_info is None:
        known = _siblings(key, model)
        return Fault(where, field, "unknown key", comma_separated(known), did_you_mean(key[-1], known))
    value = _value(key, document)
    if details["type"] == "value_error":
        return Fault(where, field, str(details.get("ctx", {}).get("error", details["msg"])), None)
    choices = get_args(_shorthand_field(key, field_info, model).annotation)
    hint = (
        did_you_mean(value, map(str, choices))
        if details["type"] == "literal_error" and isinstance(value, str)
        else None
    )
    return Fault(where, field, f"invalid value {value_text(value)}", _expected(key, field_info, model), hint)


def _expected(key: Key, info: FieldInfo, model: type[BaseModel]) -> str:
    expected = type_text(info.annotation, info.metadata)
    if len(key) == 1 and key[0] in SHORTHAND_FIELDS:
        bare = _shorthand_field(key, info, model)
        expected = f"{type_text(bare.annotation, bare.metadata)}, or {expected}"
    return f"{expected} ({info.description})" if info.description else expected


def _shorthand_field(key: Key, info: FieldInfo, model: type[BaseModel]) -> FieldInfo:
    """Return the field that a bare word in the place of a section stands for."""
    inner = _field((*key, SHORTHAND_FIELDS[key[0]]), model) if len(key) == 1 and key[0] in SHORTHAND_FIELDS else None
    return inner or info


def _field(key: Key, model: type[BaseModel]) -> FieldInfo | None:
    """Return the definition of a field; None if there is no such field."""
    info = FieldInfo(annotation=model)
    for part in key:
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if part not in annotation.model_fields:
                return None
            info = annotation.model_fields[part]
        elif get_origin(annotation) in (dict, list):
            info = FieldInfo(annotation=get_args(annotation)[-1])
        else:
            return None
    return info


def _siblings(key: Key, model: type[BaseModel]) -> list[str]:
    """Return the keys that may stand where `key` stands."""
    parent = _field(key[:-1], model)
    annotation = parent.annotation if parent else None
    return list(annotation.model_fields) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def _value(key: Key, document: Document) -> Any:
    value: Any = document.data
    for part in key:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _longest_written_key(key: Key, document: Document) -> Key:
    """Return the longest part of `key`, from its start, that somebody wrote."""
    return next((key[:length] for length in range(len(key), 0, -1) if key[:length] in document.sources), ())


def _where(key: Key, document: Document) -> str:
    """Return where to look: a line or an override; for a section at odds with itself, the overrides in it."""
    inside = [
        source.where
        for written, source in document.sources.items()
        if source.overridden and len(written) > len(key) and written[: len(key)] == key
    ]
    nearest = _longest_written_key(key, document)
    return comma_separated(inside) if inside else document.sources[nearest].where if nearest else document.name
