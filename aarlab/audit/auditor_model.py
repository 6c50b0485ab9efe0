"""A base model that describes methods and predicts variants for an audit."""

from collections.abc import Callable
from dataclasses import dataclass

from aarlab.agents.auditor import description_request, parse_prediction, prediction_request
from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.retrying import RetryPolicy, single_reply
from aarlab.agents.models.simulated.recipe import EMPTY_RECIPE
from aarlab.audit.predictability import Predict, Source
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.memory.messages import Json
from aarlab.scenarios.method_variants import components


@dataclass(frozen=True, slots=True)
class AuditorModel:
    """A base model as auditor. Each question is a new conversation: it remembers nothing."""

    name: str
    live: LiveSettings
    on_wait: Callable[[str, float], None]
    """Called while it waits for its provider."""

    async def describe(self, code: str) -> str:
        """Return a description of a method in plain words. Raises ModelError."""
        return (await self._reply(description_request(code))).message.text.strip() or "(The model wrote nothing.)"

    def predictor(self, text: str, code: str) -> Predict:
        """Return the model as an agent that predicts variants of a method, from its text or from its code."""

        async def predict(source: Source, a: str, b: str) -> float:
            case: dict[str, Json] = (
                {"text": text, "A": _words(a), "B": _words(b)} if source == "text" else {"code": code, "A": a, "B": b}
            )
            answer = parse_prediction((await self._reply(prediction_request(case))).message)
            return 0.5 if answer is None else float(answer == "A")

        return predict

    async def _reply(self, request: Request) -> Reply:
        return await single_reply(
            self.live.model(self.name), request, RetryPolicy(), agent="auditor", on_wait=self.on_wait
        )


def _words(code: str) -> str:
    """Return a variant as the list of its components."""
    return ", then ".join(map(str, components(code))) or EMPTY_RECIPE
