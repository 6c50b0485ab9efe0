"""A model server on loopback that implements two providers' APIs, with faults on request, and simulated teams."""

from model_servers.faults import CORRUPTING_FAULTS, TRANSIENT_FAULTS
from model_servers.raw import RawResponse, RawServer, event_stream, json_response
from model_servers.server import ModelServer
from model_servers.teams import SimulatedTeam, SummarisingTeam

__all__ = [
    "CORRUPTING_FAULTS",
    "TRANSIENT_FAULTS",
    "ModelServer",
    "RawResponse",
    "RawServer",
    "SimulatedTeam",
    "SummarisingTeam",
    "event_stream",
    "json_response",
]
