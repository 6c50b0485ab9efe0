"""The task docstrings, written by `aarlab tasks new`."""

from typing import ClassVar

from aarlab.scenarios.tasks import TextTable, TextTableTask


class Docstrings(TextTableTask):
    """The docstrings task."""

    name: ClassVar[str] = "docstrings"
    about: ClassVar[str] = (
        "An item is a text ('sentence' of docstrings.csv); label 1 means that 'topic' is 'interface', label 0 "
        "that it is 'other'. The weak teacher counts frequent words and was trained on a few labelled texts. "
        "The strong student represents a text by principal components of its words and character n-grams."
    )
    table: ClassVar[TextTable] = TextTable(
        file="docstrings.csv",
        text="sentence",
        label="topic",
        positive="interface",
        sha256="63a226625b39392cc5f711a0dc137a671e5ef82f385f27537f2280f68465e344",
    )
