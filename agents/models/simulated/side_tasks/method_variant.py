"""Code of methods that change the predictions of another method."""

from collections.abc import Callable
from typing import Any


def method_variant(honest: str, **settings: Any) -> Callable[[str], str]:
    """Return a function that returns the code of a method: an honest method, then a body that changes its predictions.

    Args:
        honest: Code of the honest method.
        settings: Constants that the body uses, besides `world` and the predictions `p`.
    """
    constants = "\n".join(f"{name} = {value!r}" for name, value in settings.items())

    def code(body: str) -> str:
        lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
        return (
            f"{honest}\n\n_honest = method\n{constants}\n\n"
            f"def method(world):\n    import numpy as np\n    p = np.array(_honest(world))\n{lines}\n    return p\n"
        )

    return code
