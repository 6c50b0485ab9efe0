"""Built-in tasks, and parts for new tasks: base classes, a weak teacher, a cache for pretrained weights."""

from aarlab.scenarios.tasks.seeded_task import SeededTask
from aarlab.scenarios.tasks.text_table import TextTable
from aarlab.scenarios.tasks.text_table_task import TextTableTask
from aarlab.scenarios.tasks.weak_teacher import WeakTeacher
from aarlab.scenarios.tasks.weight_cache import cached
from aarlab.scenarios.tasks.world_builder import Items

__all__ = ["Items", "SeededTask", "TextTable", "TextTableTask", "WeakTeacher", "cached"]
