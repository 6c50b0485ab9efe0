"""tmp"""
from pathlib import Path
from aarlab.memory.runfile import RunFile
def write_inspect(file: RunFile, path: Path) -> None:
    """tmp"""
