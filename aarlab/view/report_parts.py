"""Parts of reports as JSON, for the pages of the viewer."""

from typing import Any

from aarlab.report.parts import BulletList, CodeBlock, Figure, FoldedTables, Note, Part, Table, cell_text

Row = dict[str, Any]


def part_json(part: Part) -> Row:
    """Return a part of a section as JSON."""
    match part:
        case str():
            return {"kind": "paragraph", "text": part}
        case Note(text=text):
            return {"kind": "note", "text": text}
        case BulletList(lines=lines):
            return {"kind": "list", "lines": lines}
        case Figure(drawing=drawing):
            return {"kind": "figure", "drawing": drawing.root.to_json()}
        case Table():
            return {"kind": "table", **_table(part)}
        case FoldedTables(title=title, tables=tables):
            return {"kind": "folded", "title": title, "parts": [part_json(table) for table in tables]}
        case CodeBlock(text=text, title=title):
            return {"kind": "code", "text": text, "title": title}


def _table(table: Table) -> Row:
    numeric = [table.is_numeric(column) for column in range(len(table.columns))]
    rows = [[cell_text(cell) for cell in row] for row in table.rows]
    return {"title": table.title, "columns": list(zip(table.columns, numeric, strict=True)), "rows": rows}
