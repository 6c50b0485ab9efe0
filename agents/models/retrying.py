"""The one place where a base model is asked again. Providers say what failed; here it is decided what that means.

What passes (rate limits, overload, timeouts, streams that break off, a server's own errors) is tried again, after the
time the server asks for or one that doubles with each attempt, until patience runs out. What does not pass is not.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.stop import stop_base

from aarlab.agents.models.base import FailedAttempt, Model, ModelError, ModelUnavailable, Reply, Request, TransientError
from aarlab.memory.seeds import rng

WaitCallback = Callable[[str, float], None]
"""Told that a model is waited for: what is said, and the share of the patience that is used up, in [0, 1]; 1 when it
has answered after all.
"""

_MAX_DOUBLINGS = 20


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a provider is waited for."""

    max_total_s: float = 1800.0
    """Seconds from the first failure of a request until it is given up."""
    initial_wait_s: float = 1.0
    """Seconds before the second attempt, where the server does not name a time; doubled with each attempt."""
    max_wait_s: float = 120.0
    """Most seconds between two attempts, whatever the server asks for."""


class RetryingModel:
    """A base model that is asked again where that may help."""

    def __init__(
        self,
        model: Model,
        name: str,
        retry_policy: RetryPolicy,
        *,
        seed: int,
        agent: str,
        on_wait: WaitCallback | None = None,
    ) -> None:
        """Ask `model`, called `name`, on behalf of `agent`. Seed and agent set the scatter of the waiting times."""
        self._model, self._name, self._agent, self._patience = model, name, agent, retry_policy
        # Scattered, so that a team that failed together does not come back together.
        self._jitter = rng(seed, agent, "retry")
        self._announce = on_wait

    async def reply(self, request: Request) -> Reply:
        """Answer the request.

        Raises:
            ModelUnavailable: There was no answer for longer than patience lasts.
            ModelError: There is no answer to be had.
        """
        failed_attempts: list[FailedAttempt] = []
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            wait=self._wait,
            stop=_StopAfter(self._patience),
            before_sleep=lambda state: failed_attempts.append(self._failure(state)),
            reraise=True,
        )
        try:
            reply: Reply = await retrying(self._call(request))
        except TransientError as error:
            failed_attempts.append(self._attempt(error, waited_s=0.0))
            minutes = self._patience.max_total_s / 60
            explanation = f"{self._name} has not answered for {minutes:g} minutes ({error}); try again later"
            unavailable = ModelUnavailable(explanation, agent=self._agent)
            unavailable.failed_attempts = tuple(failed_attempts)
            raise unavailable from error
        except ModelError as error:
            error.failed_attempts = tuple(failed_attempts)
            raise
        if failed_attempts and self._announce is not None:
            self._announce(self._wait_text(failed_attempts[-1].error), 1.0)
        return replace(reply, failed_attempts=tuple(failed_attempts))

    def _call(self, request: Request) -> Callable[[], Awaitable[Reply]]:
        async def ask() -> Reply:
            return await self._model.reply(request)

        return ask

    def _wait(self, state: RetryCallState) -> float:
        error = _transient_error(state)
        if error.retry_after_s is not None:
            wait_s = error.retry_after_s
        else:
            doubled = 2 ** min(state.attempt_number - 1, _MAX_DOUBLINGS)
            wait_s = self._patience.initial_wait_s * doubled * self._jitter.uniform(0.5, 1.0)
        return float(min(wait_s, self._patience.max_wait_s))

    def _failure(self, state: RetryCallState) -> FailedAttempt:
        error = _transient_error(state)
        if self._announce is not None:
            until = state.retry_object.stop
            assert isinstance(until, _StopAfter)
            self._announce(self._wait_text(str(error)), until.elapsed_share)
        return self._attempt(error, waited_s=round(state.upcoming_sleep, 3))

    def _attempt(self, error: TransientError, *, waited_s: float) -> FailedAttempt:
        return FailedAttempt(self._name, str(error), error.usage, error.cost_usd, waited_s)

    def _wait_text(self, fault: str) -> str:
        return f"waiting for {self._name}: {fault}"


class _StopAfter(stop_base):
    """Patience with one request: it is counted from its first failure, for an answer may take long without fault."""

    def __init__(self, retry_policy: RetryPolicy) -> None:
        self._total_s = retry_policy.max_total_s
        self._first: float | None = None
        self.elapsed_share = 0.0
        """How much of it is used up, in [0, 1)."""

    def __call__(self, state: RetryCallState) -> bool:
        """Tell whether the next attempt would come too late."""
        now = time.monotonic()
        self._first = now if self._first is None else self._first
        waited = now - self._first
        self.elapsed_share = min(waited / self._total_s, 0.99)
        return waited + state.upcoming_sleep > self._total_s


def _transient_error(state: RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, TransientError), "only what passes is tried again"
    return error
