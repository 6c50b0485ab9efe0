"""The viewer's program in one script, for pages that are a single file."""

import re
from pathlib import Path

STATIC = Path(__file__).with_name("static")
_IMPORT = re.compile(r'^import \{(?P<names>[^}]*)\} from "\./(?P<module>\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) (?P<name>\w+))", re.MULTILINE)


def bundle(main: str, replaced: dict[str, str]) -> str:
    """Return a script that runs a module with all modules that it imports.

    Each module becomes a function that returns what it exports, so names of two modules never meet. The modules import
    names in braces only, and export declarations only.

    Args:
        main: File name of the module to run.
        replaced: File name of the module to take in place of another one, by the name of the other.
    """
    done: dict[str, str] = {}

    def add(name: str) -> None:
        if name in done:
            return
        done[name] = ""
        text = (STATIC / replaced.get(name, name)).read_text(encoding="utf-8")
        for found in _IMPORT.finditer(text):
            add(found["module"])
        # Last, after the modules that it imports.
        del done[name]
        done[name] = _as_function(name, text)

    add(main)
    return "const modules = {};\n" + "".join(done.values())


def _as_function(name: str, text: str) -> str:
    exported = [found["name"] for found in _EXPORT.finditer(text)]
    body = _IMPORT.sub(_as_constant, _EXPORT.sub("", text))
    return f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {", ".join(exported)} }};\n}})();\n'


def _as_constant(found: re.Match[str]) -> str:
    names = found["names"].replace(" as ", ": ")
    return f'const {{{names}}} = modules["{found["module"]}"];\n'
