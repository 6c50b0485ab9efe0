"""The dial `evaluation`: experiments are scored in the configured mode."""

from team_runs import Run, structures

from aarlab.memory.events import AgentSetup, Evaluation, Experiment, Prompted


def scored(run: Run, name: str) -> list[Experiment]:
    """Return the scored full experiments of a researcher."""
    return [e for e in run.of(Experiment, stream=name) if e.fidelity == "full" and e.pgr is not None]


@structures(evaluation="guarded")
def test_guarded_scores_are_rounded_means_with_standard_error(run: Run) -> None:
    for name in run.researchers:
        for experiment in scored(run, name):
            assert experiment.pgr == round(experiment.pgr or 0.0, 2)
            assert experiment.se is not None


@structures(evaluation="capped")
def test_cap_limits_scored_full_experiments(run: Run) -> None:
    assert max(len(scored(run, name)) for name in run.researchers) <= run.scenario.scoring.full_experiment_cap


@structures(evaluation="open")
def test_open_scores_are_exact_and_on_one_world(run: Run) -> None:
    evaluations = [event for event in run.of(Evaluation) if event.panel == "development" and event.pgr is not None]
    if not evaluations:  # two rounds are too few for a handoff of specialists to be run
        assert (run.scenario.structure.coordination, run.scenario.structure.opening) == ("specialists", "none")
        return
    assert {event.worlds for event in evaluations} == {1}
    assert len({(event.weak_acc, event.strong_acc) for event in evaluations}) == 1
    assert any(event.pgr != round(event.pgr, 4) for event in evaluations)


@structures()
def test_teacher_check_of_full_experiments_is_hidden(run: Run) -> None:
    checked = [event for event in run.of(Evaluation) if event.shuffled_pgr is not None]
    full = [experiment.id for name in run.researchers for experiment in scored(run, name)]
    assert sorted(event.subject for event in checked) == sorted(full)
    for name in run.researchers:
        assert not any("shuffled_pgr" in run.message_text(event.message) for event in run.of(Prompted, stream=name))


@structures()
def test_experiment_tool_describes_the_evaluation(run: Run) -> None:
    offered = [run.file.text(event.tools) for event in run.of(AgentSetup)]
    for tools in (text for text in offered if '"run_experiment"' in text):
        assert ("Run a method on fresh worlds" in tools) == (run.scenario.structure.evaluation != "open")
