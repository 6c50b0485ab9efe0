"""An index of texts by their words, which finds those that contain any given string. Texts are added, never removed."""

import re
from array import array
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush, heapreplace
from itertools import islice

_WORD = re.compile(r"\w+")
_COMPARED_WORDS = 20
"""Words by which the parts of a string are compared: how many texts have them."""


class SubstringIndex:
    """Finds the texts that contain a string, in the order in which they were added.

    Each word of the string is also in the text; the first and the last may be parts of longer words there. So the words
    of all texts are searched for the rarest of them, each word once, and then the texts that have what was found. The
    first texts are found first, and a string without words is looked for in all texts.
    """

    def __init__(self) -> None:
        """Begin without texts."""
        self._texts: list[str] = []
        self._numbers: dict[str, array[int]] = {}
        """By word, the numbers of the texts that have it."""
        self._words = "\n"
        """All words in the order of the first text that has them, each between line breaks."""
        self._new_words: list[str] = []
        """Words that are not in `_words` yet."""

    def add(self, text: str) -> None:
        """Add a text; the first has the number 0."""
        number = len(self._texts)
        self._texts.append(text)
        for word in dict.fromkeys(_WORD.findall(text)):
            if word not in self._numbers:
                self._numbers[word] = array("I")
                self._new_words.append(word)
            self._numbers[word].append(number)

    def texts_with(self, string: str) -> Iterator[int]:
        """Yield the numbers of the texts that contain a string."""
        if self._new_words:
            self._words += "".join(f"{word}\n" for word in self._new_words)
            self._new_words.clear()
        return (number for number in self._candidates(string) if string in self._texts[number])

    def _candidates(self, string: str) -> Iterator[int] | range:
        """Return the numbers of all texts that may contain a string, in order."""
        parts = [
            # A line break stands for the end of a word that the string has as a whole.
            ("\n" if match.start() else "") + match[0] + ("\n" if match.end() < len(string) else "")
            for match in _WORD.finditer(string)
        ]
        if not parts:
            return range(len(self._texts))
        return _merged(self._numbers_by_word(min(parts, key=self._estimate)))

    def _estimate(self, part: str) -> int:
        return sum(map(len, islice(self._numbers_by_word(part), _COMPARED_WORDS)))

    def _numbers_by_word(self, part: str) -> Iterator[Sequence[int]]:
        """Yield the numbers of the texts with each word that has a part, in the order of the first number."""
        if part[0] == part[-1] == "\n":
            if part[1:-1] in self._numbers:
                yield self._numbers[part[1:-1]]
            return
        end = 0
        while (found := self._words.find(part, end)) >= 0:
            start = self._words.rfind("\n", 0, found + 1) + 1
            end = self._words.find("\n", start)
            yield self._numbers[self._words[start:end]]


def _merged(sequences: Iterator[Sequence[int]]) -> Iterator[int]:
    """Yield the numbers of ascending sequences in order, each once. Sequences are taken when their first is due.

    `heapq.merge` would take all sequences first.
    """
    due: list[tuple[int, int, int, Sequence[int]]] = []
    """The next number of each sequence that was taken, its number, the place of its next number, and the sequence."""
    last = -1

    def next_number() -> int:
        number, which, place, sequence = due[0]
        if place + 1 < len(sequence):
            heapreplace(due, (sequence[place + 1], which, place + 1, sequence))
        else:
            heappop(due)
        return number

    for which, sequence in enumerate(sequences):
        while due and due[0][0] < sequence[0]:
            if (number := next_number()) != last:
                yield (last := number)
        heappush(due, (sequence[0], which, 0, sequence))
    while len(due) > 1:
        if (number := next_number()) != last:
            yield (last := number)
    for _, _, place, sequence in due:
        yield from (number for number in sequence[place:] if number != last)
