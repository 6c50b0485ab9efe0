"""Models in the clouds of Azure, AWS and Google, through the official SDKs' own clients for these."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any

from aarlab.agents.models.anthropic import Claude
from aarlab.agents.models.api_keys import read_key, redacted
from aarlab.agents.models.base import ModelError
from aarlab.agents.models.openai import ChatCompletionsModel
from aarlab.memory.messages import Usage

_AZURE_API_VERSION = "2024-10-21"


class AzureModel(ChatCompletionsModel):
    """A deployment of Azure OpenAI, as one agent's base model."""

    provider = "azure"
    key_variable = "AZURE_OPENAI_API_KEY"

    def _open_client(self, **options: Any) -> Any:
        import openai

        token = read_key("AZURE_OPENAI_AD_TOKEN")
        key = None if token else read_key(self.key_variable)
        version = os.environ.get("OPENAI_API_VERSION") or _AZURE_API_VERSION
        return openai.AsyncAzureOpenAI(api_key=key, azure_ad_token=token, api_version=version, **options)

    def _server_address(self) -> str:
        # A private endpoint may have any name.
        return "https://openai.azure.com"


class _CloudClaude(Claude):
    """A Claude model in a cloud whose credentials another package finds."""

    error_module: str
    """Module of the package that finds the credentials."""
    error_name: str
    """Base class of its errors."""

    def _translate_errors(self, usage_so_far: Callable[[], Usage]) -> AbstractContextManager[None]:
        return self._with_credential_errors(super()._translate_errors(usage_so_far))

    @contextmanager
    def _with_credential_errors(self, translated: AbstractContextManager[None]) -> Iterator[None]:
        """Raise ModelError also for errors of the credentials, which the SDK passes on."""
        try:
            with translated:
                yield
        except ModelError:
            raise
        except Exception as error:
            # The SDK raises RuntimeError if there are no credentials.
            if not isinstance(error, RuntimeError | self._credential_error()):
                raise
            reason = " ".join(redacted(f"{type(error).__name__}: {error}").split())
            raise ModelError(f"{self.provider}/{self._model}: no credentials ({reason}); see docs/models.md") from None

    def _credential_error(self) -> type[Exception]:
        try:
            found: type[Exception] = getattr(import_module(self.error_module), self.error_name)
        except ImportError:
            return ImportError
        return found


class BedrockClaude(_CloudClaude):
    """Claude on Amazon Bedrock, as one agent's base model."""

    provider = "bedrock"
    key_variable = "AWS_SECRET_ACCESS_KEY"
    error_module, error_name = "botocore.exceptions", "BotoCoreError"

    def _open_client(self, **options: Any) -> Any:
        import anthropic

        read_key("AWS_BEARER_TOKEN_BEDROCK")  # The SDK reads it; this raises if it is not a key.
        return anthropic.AsyncAnthropicBedrock(**options)


class VertexClaude(_CloudClaude):
    """Claude on Google's Vertex AI, as one agent's base model."""

    provider = "vertex"
    key_variable = "GOOGLE_OAUTH_ACCESS_TOKEN"
    error_module, error_name = "google.auth.exceptions", "GoogleAuthError"

    def _open_client(self, **options: Any) -> Any:
        import anthropic

        return anthropic.AsyncAnthropicVertex(access_token=read_key(self.key_variable), **options)
