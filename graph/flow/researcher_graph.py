"""The researcher graph: what one researcher does in a slice of research time.

autonomous:  think <-> act
staged:      propose -> plan -> implement -> smoke -> full_run -> analyse -> share -> propose ...

If full experiments are gated, the node `consult` precedes them. If ideas are assigned, the node `assign` precedes the
work on each; in the staged workflow it replaces `propose`.
"""

from aarlab.graph.flow.assignments import assign
from aarlab.graph.flow.flow_table import END, Flow, FlowNode
from aarlab.graph.flow.researcher_nodes import ResearcherState, act, consult, think
from aarlab.graph.flow.stages import entry_node, staged_nodes
from aarlab.graph.structure.dials.dial import ResolvedStructure


def researcher_flow(resolved: ResolvedStructure) -> Flow:
    """Return the flow table of the researcher graph under a structure."""
    if resolved.workflow == "staged":
        nodes = staged_nodes(resolved)
        # A slice starts at the stage at which the last one ended.
        start = tuple(name for name in nodes if not name.endswith(".act"))
        return Flow("researcher", ResearcherState, start, nodes)
    return Flow("researcher", ResearcherState, (entry_node(resolved),), _autonomous_nodes(resolved))


def _autonomous_nodes(resolved: ResolvedStructure) -> dict[str, FlowNode]:
    after_act = ("think", *(["assign"] if resolved.assigners else []), END)
    nodes = {
        "think": FlowNode(think, ("act", *(["consult"] if resolved.gated else []), END)),
        "act": FlowNode(act, after_act),
    }
    if resolved.assigners:
        nodes["assign"] = FlowNode(assign, ("think",))
    if resolved.gated:
        nodes["consult"] = FlowNode(consult, after_act)
    return nodes
