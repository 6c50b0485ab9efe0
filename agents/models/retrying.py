"""Retries of failed model calls, for all providers.

Transient errors (rate limits, overload, timeouts, interrupted streams, server errors) are retried after the time that
the server asks for, or after an exponential backoff with jitter, until `RetryPolicy.max_total_s` has passed. Other
errors are not retried.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_before_delay, wait_exponential

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.base import FailedAttempt, Model, ModelError, ModelUnavailable, Reply, Request, TransientError
from aarlab.agents.models.registry import ModelInfo
from aarlab.memory.messages import Usage
from aarlab.memory.seeds import rng

WaitCallback = Callable[[str, float], None]
"""Receives a text about the wait for a model, and the share of the retry time that has passed: in [0, 1), or 1 when the
model has replied.
"""
_log = logging.getLogger("aarlab.models")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long failed calls are retried."""

    max_total_s: float = 1800.0
    """Seconds from the first failure of a request until retrying stops."""
    initial_wait_s: float = 1.0
    """Seconds before the second attempt if the server gives no time; doubled with each attempt."""
    max_wait_s: float = 120.0
    """Maximum number of seconds between two attempts, even if the server asks for more."""


class RetryingModel:
    """A base model that retries calls after transient errors."""

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
        """Retry calls of `model`, named `name`, for `agent`. Seed and agent determine the jitter."""
        self._model, self._name, self._agent, self._policy = model, name, agent, retry_policy
        # Jitter keeps agents that failed together from retrying together.
        self._jitter = rng(seed, agent, "retry")
        self._backoff = wait_exponential(multiplier=retry_policy.initial_wait_s)
        self._on_wait = on_wait or (lambda text, elapsed_share: None)

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            ModelUnavailable: The call failed until the retry time had passed.
            ModelError: The call failed, and a retry would not help.
        """
        failed: list[FailedAttempt] = []
        started = time.monotonic()
        try:
            reply = await self._reply_or_retry(request, failed)
        except TransientError as error:
            failed.append(self._failed_attempt(error, waited_s=0.0))
            minutes, text = self._policy.max_total_s / 60, redacted(str(error))
            unit = "minute" if minutes == 1 else "minutes"
            explanation = f"{self._name} has not answered for {minutes:g} {unit} ({text}); try again later"
            if (wait_s := error.retry_after_s) is not None and wait_s > self._policy.max_total_s:
                explanation = (
                    f"{self._name} asks to wait {wait_s / 60:,.0f} minutes, more than live.max_retry_minutes "
                    f"({minutes:g}) allows ({text}); resume the run then"
                )
            unavailable = ModelUnavailable(explanation, agent=self._agent)
            unavailable.failed_attempts = tuple(failed)
            raise unavailable from error
        except ModelError as error:
            if error.usage is not None:
                failed.append(self._failed_attempt(error, waited_s=0.0))
            error.failed_attempts = tuple(failed)
            raise
        if failed:
            self._on_wait(self._wait_text(failed[-1].error), 1.0)
        if _log.isEnabledFor(logging.INFO):
            usage, seconds = reply.usage, time.monotonic() - started
            tokens = f"{_known(usage.input_tokens)} input and {_known(usage.output_tokens)} output tokens"
            _log.info("%s: %s replied in %.1f s, %s, %s", self._agent, self._name, seconds, reply.stop_reason, tokens)
        return replace(reply, failed_attempts=tuple(failed)) if failed else reply

    async def _reply_or_retry(self, request: Request, failed: list[FailedAttempt]) -> Reply:
        """Return the reply to a request, and append the failed attempts before it to `failed`."""
        try:
            return await self._model.reply(request)
        except TransientError as error:
            first_error = [error]

        async def attempt() -> Reply:
            if first_error:
                raise first_error.pop()
            return await self._model.reply(request)

        # tenacity takes more time than all other steps of a call together, so the first attempt does without it.
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TransientError),
            wait=self._wait_s,
            stop=self._gives_up,
            after=_start_clock_at_first_failure,
            before_sleep=lambda state: failed.append(self._announce_wait(state)),
            reraise=True,
        )
        return await retrying(attempt)

    def _gives_up(self, state: RetryCallState) -> bool:
        # Waiting is useless if the server asks for more time than there is.
        wait_s = _transient_error(state).retry_after_s
        too_long = wait_s is not None and wait_s > self._policy.max_total_s
        return too_long or stop_before_delay(self._policy.max_total_s)(state)

    def _wait_s(self, state: RetryCallState) -> float:
        wait_s = _transient_error(state).retry_after_s
        if wait_s is None:
            wait_s = self._backoff(state) * self._jitter.uniform(0.5, 1.0)
        return float(min(wait_s, self._policy.max_wait_s))

    def _announce_wait(self, state: RetryCallState) -> FailedAttempt:
        error = _transient_error(state)
        elapsed_share = (state.seconds_since_start or 0.0) / self._policy.max_total_s
        self._on_wait(self._wait_text(redacted(str(error))), min(elapsed_share, 0.99))
        _log.info("%s: %s failed, next attempt in %.1f s: %s", self._agent, self._name, state.upcoming_sleep, error)
        return self._failed_attempt(error, waited_s=round(state.upcoming_sleep, 3))

    def _failed_attempt(self, error: ModelError, *, waited_s: float) -> FailedAttempt:
        return FailedAttempt(self._name, redacted(str(error)), error.usage or Usage(), error.cost_usd, waited_s)

    def _wait_text(self, error: str) -> str:
        return f"waiting for {self._name}: {error}"


async def single_reply(
    info: ModelInfo, request: Request, policy: RetryPolicy, *, agent: str, on_wait: WaitCallback
) -> Reply:
    """Open a base model, return its reply to one request, and close it. Raises ModelError as `RetryingModel.reply`."""
    model = info.open(1, agent, "varied")
    try:
        return await RetryingModel(model, info.name, policy, seed=1, agent=agent, on_wait=on_wait).reply(request)
    finally:
        if (close := getattr(model, "aclose", None)) is not None:
            await close()


def _known(tokens: int | None) -> str:
    return "an unknown number of" if tokens is None else str(tokens)


def _start_clock_at_first_failure(state: RetryCallState) -> None:
    # The time of the first attempt does not count, because a call may take long without failing.
    if state.attempt_number == 1 and state.outcome_timestamp is not None:
        state.start_time = state.outcome_timestamp


def _transient_error(state: RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, TransientError), "tenacity retries nothing else"
    return error
