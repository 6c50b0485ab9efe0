"""The operator of search problems over bit strings."""

from typing import Annotated

import numpy as np

from aarlab.scenarios.toolkit.operators import operator
from aarlab.scenarios.toolkit.settings import Flag
from aarlab.scenarios.toolkit.trainingset import TrainingSet

Bit = Annotated[bool, Flag()]
MAX_BITS = 20
"""Number of settings of `set_bits`."""


@operator(family="evolutionary", stage="labels", trains_student=False)
def set_bits(
    data: TrainingSet, *,
    bit_1: Bit = False, bit_2: Bit = False, bit_3: Bit = False, bit_4: Bit = False, bit_5: Bit = False,
    bit_6: Bit = False, bit_7: Bit = False, bit_8: Bit = False, bit_9: Bit = False, bit_10: Bit = False,
    bit_11: Bit = False, bit_12: Bit = False, bit_13: Bit = False, bit_14: Bit = False, bit_15: Bit = False,
    bit_16: Bit = False, bit_17: Bit = False, bit_18: Bit = False, bit_19: Bit = False, bit_20: Bit = False,
) -> TrainingSet:  # fmt: skip
    """Set every bit of the string.

    Settings beyond the length of the world's string are ignored.
    """
    bits = np.array([
        bit_1, bit_2, bit_3, bit_4, bit_5, bit_6, bit_7, bit_8, bit_9, bit_10,
        bit_11, bit_12, bit_13, bit_14, bit_15, bit_16, bit_17, bit_18, bit_19, bit_20,
    ], dtype=np.float64)  # fmt: skip
    if len(data.targets) > MAX_BITS:
        raise ValueError(
            f"set_bits is for strings of at most {MAX_BITS} bits; this world has {len(data.targets)} items"
        )
    return data.relabelled(bits[: len(data.targets)])
