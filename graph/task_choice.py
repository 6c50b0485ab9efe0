"""The section `task` of a scenario: which task, from where, with which parameters."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from aarlab.graph.calls.live_settings import is_recorded
from aarlab.scenarios import baselines, toolkit
from aarlab.scenarios.task import TaskParameters
from aarlab.scenarios.task_files import TaskFile, code_hash, load_task_code, load_task_file, loaded_files, loaded_task
from aarlab.scenarios.task_registry import BUILT_IN, instantiate, task_class, task_version
from aarlab.scenarios.tasks.seeded_task import SeededTask
from aarlab.scenarios.tasks.task_data import data_files_of


class TaskNotLoaded(ValueError):
    """A scenario refers to task code that this process has not loaded, or to another version of it."""


class TaskSource(BaseModel):
    """Origin of a task that is not built in. aarlab records it; do not write it by hand."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    about: str
    """Description of the task for the prompts, so that a replay does not need the task."""
    score_name: str = "PGR"
    """Name of the task's score."""
    single_world: bool = False
    """Whether a run has one world, for all its experiments and panels."""
    package: str | None = None
    """Name and version of the package that defines the task."""
    sha256: str | None = None
    """SHA-256 of the task file."""
    code: str | None = None
    """Text of the task file. It is not executed from here."""


class TaskChoice(BaseModel):
    """The task that the team works on."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str = "chat"
    """Built-in task, or task of an installed package; `aarlab tasks` lists them. Not needed with `path`."""
    path: str | None = None
    """Python file that defines the task, relative to the scenario file, or in `--set` to the working directory. It is
    executed outside the sandbox.
    """
    parameters: dict[str, float | int | str] = {}
    """Difficulty parameters that differ from the task's defaults; `aarlab tasks TASK` lists them."""
    source: TaskSource | None = None
    """Origin of a task that is not built in. aarlab records it; do not set it."""

    @classmethod
    def from_file(cls, path: str | Path, parameters: TaskParameters | None = None) -> Self:
        """Execute a task file and return the choice of its task. Raises UnusableTask and pydantic's ValidationError."""
        return cls.model_validate({**fields_of(load_task_file(Path(path)), path), "parameters": dict(parameters or {})})

    @property
    def about(self) -> str:
        """Description of items, teacher and student, for the prompts; of a recorded task, as recorded."""
        return task_class(self.name).about if self.source is None else self.source.about

    @property
    def score_name(self) -> str:
        """Name of the task's score; of a recorded task, as recorded."""
        return task_class(self.name).score_name if self.source is None else self.source.score_name

    @property
    def single_world(self) -> bool:
        """Whether a run has one world, for all its experiments and panels; of a recorded task, as recorded."""
        return task_class(self.name).single_world if self.source is None else self.source.single_world

    @property
    def fine_tunes(self) -> bool:
        """Whether the student is a real model that each method fine-tunes; only the built-in task `hf` has one."""
        return self.source is None and task_class(self.name).fine_tunes

    def catalogue(self) -> list[dict[str, Any]]:
        """Return the operators for methods of this task. Tasks of packages and files have those of the toolkit."""
        return self.make().catalogue() if self.source is None else toolkit.catalogue()

    def example(self) -> str:
        """Return the code of a method, for the prompts."""
        return self.make().example() if self.source is None else baselines.load()["vanilla_soft"].code

    def make(self) -> SeededTask:
        """Return the task.

        Raises:
            UnknownTask, UnusableTask, InvalidTaskParameter: There is no such task or parameter.
            TaskNotLoaded: Its file was not loaded in this process, or its package has another version.
        """
        return instantiate(self._task_class(), self.parameters)

    def _task_class(self) -> type[SeededTask]:
        if self.path is not None:
            return self._file_class(self.path)
        kind = task_class(self.name)
        recorded = None if self.source is None else self.source.package
        if (found := task_version(kind) or None) != recorded:
            raise TaskNotLoaded(
                f"the task {self.name!r} was recorded from {recorded or 'aarlab'}; "
                f"found: {found or 'a built-in task'}. Install the recorded version"
            )
        return kind

    def _file_class(self, path: str) -> type[SeededTask]:
        if self.source is None or self.source.sha256 is None:
            raise TaskNotLoaded(f"{path} was not loaded; use TaskChoice.from_file({path!r})")
        kind = loaded_task(self.source.sha256)
        if kind is None:
            found = ", ".join(f"{file.path} with SHA-256 {file.sha256}" for file in loaded_files()) or "no task file"
            raise TaskNotLoaded(
                f"the task {self.name!r} was recorded from {path} with SHA-256 {self.source.sha256}; found: {found}. "
                f"Code is not executed from a run file. Name the same file with --task-file {path}"
            )
        return kind

    @model_validator(mode="before")
    @classmethod
    def _add_source(cls, data: object, info: ValidationInfo) -> object:
        """Accept a bare name, and add the source of a package's task."""
        data = {"name": data} if isinstance(data, str) else data
        if (
            is_recorded(info)
            or not isinstance(data, dict)
            or data.get("path") is not None
            or data.get("source") is not None
        ):
            return data
        name = data.get("name")
        if isinstance(name, str) and name not in BUILT_IN:
            kind = task_class(name)
            return {**data, "source": {**_described(kind), "package": task_version(kind)}}
        return data

    @model_validator(mode="after")
    def _check_task(self, info: ValidationInfo) -> Self:
        if not is_recorded(info):
            self.make()
        return self


def _described(kind: type[SeededTask]) -> dict[str, object]:
    """Return what a recorded task needs for prompts and scores."""
    return {"about": kind.about, "score_name": kind.score_name, "single_world": kind.single_world}


def fields_of(file: TaskFile, path: str | Path) -> dict[str, object]:
    """Return the fields of the choice of a loaded file's task; `path` is the path to record."""
    source = {**_described(file.kind), "sha256": file.sha256, "code": file.code}
    return {"name": file.kind.name, "path": str(path), "source": source}


def known_data_files(*choices: TaskChoice) -> dict[str, str]:
    """Return the paths of the data files of tasks from files, by hash: those that this process has read."""
    codes = [choice.source.code for choice in choices if choice.source is not None and choice.source.code is not None]
    return {sha256: path for code in codes for sha256, path in data_files_of(code).items()}


def load_contained_code(choice: TaskChoice) -> None:
    """Execute the code that a choice contains, for a worker that receives it from the process which loaded the file.

    Raises:
        TaskNotLoaded: The code does not have the recorded hash.
        UnusableTask: It cannot be executed.
    """
    source = choice.source
    if source is None or source.code is None:
        return
    if code_hash(source.code) != source.sha256:
        raise TaskNotLoaded(f"the code of the task {choice.name!r} does not have the SHA-256 {source.sha256}")
    load_task_code(source.code, choice.path or choice.name)
