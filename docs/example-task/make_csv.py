"""Write docstrings.csv: first sentences of docstrings of Python's standard library, half of them about user interfaces.

python make_csv.py     # Python 3.11 gives the file that is shipped
"""

import ast
import csv
import random
import sysconfig
from pathlib import Path

INTERFACES = ("tkinter", "idlelib", "turtle.py")
LENGTHS = range(15, 301)
"""Characters of a sentence."""


def sentences(path: Path) -> list[str]:
    """Return the first paragraphs of the docstrings of classes and functions in a file."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    documented = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = (ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented))
    return [" ".join(text.partition("\n\n")[0].split()) for text in docstrings]


def main() -> None:
    """Write the file."""
    library = Path(sysconfig.get_paths()["stdlib"])
    rows: dict[str, str] = {}
    for path in sorted(library.rglob("*.py")):
        first, *rest = path.relative_to(library).parts
        if first in ("site-packages", "test") or any("test" in part for part in rest):
            continue
        try:
            found = sentences(path)
        except (SyntaxError, UnicodeDecodeError):
            continue
        for sentence in found:
            if len(sentence) in LENGTHS:
                rows.setdefault(sentence, "interface" if first in INTERFACES else "other")
    about = [sentence for sentence, topic in rows.items() if topic == "interface"]
    others = random.Random(0).sample([sentence for sentence, topic in rows.items() if topic == "other"], len(about))
    kept = {*about, *others}
    with open("docstrings.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sentence", "topic"])
        writer.writerows(row for row in rows.items() if row[0] in kept)


if __name__ == "__main__":
    main()
