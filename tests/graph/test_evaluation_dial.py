"""The evaluation dial: the mode that was asked for is the mode in which experiments were scored."""

from team_runs import Run, structures

from aarlab.memory.events import AgentSetup, Evaluation, Experiment, Prompted


def scored(run: Run, name: str) -> list[Experiment]:
    """Return a researcher's full experiments that were scored."""
    return [e for e in run.of(Experiment, stream=name) if e.fidelity == "full" and e.pgr is not None]


@structures(evaluation="guarded")
def test_guarded_scores_are_rounded_and_stand_on_several_worlds(run: Run) -> None:
    for name in run.researchers:
        for experiment in scored(run, name):
            assert experiment.pgr == round(experiment.pgr or 0.0, 2)
            assert experiment.se is not None


@structures(evaluation="capped")
def test_under_a_cap_nobody_has_more_full_experiments_scored(run: Run) -> None:
    counts = [len(scored(run, name)) for name in run.researchers]
    assert max(counts) == run.scenario.scoring.full_experiment_cap


@structures(evaluation="open")
def test_open_scores_are_exact_and_all_on_one_world(run: Run) -> None:
    ledger = [event for event in run.of(Evaluation) if event.panel == "development" and event.pgr is not None]
    assert {event.worlds for event in ledger} == {1}
    assert len({(event.weak_acc, event.strong_acc) for event in ledger}) == 1
    assert any(event.pgr != round(event.pgr, 4) for event in ledger)


@structures()
def test_full_experiments_are_checked_for_the_teacher_and_nobody_hears_of_it(run: Run) -> None:
    checked = [event for event in run.of(Evaluation) if event.shuffled_pgr is not None]
    full = [experiment.id for name in run.researchers for experiment in scored(run, name)]
    assert sorted(event.subject for event in checked) == sorted(full)
    for name in run.researchers:
        assert not any("shuffled_pgr" in run.words(event.message) for event in run.of(Prompted, stream=name))


@structures()
def test_the_brief_describes_how_experiments_are_scored(run: Run) -> None:
    for event in run.of(AgentSetup):
        tools = run.file.text(event.tools)
        assert ("Run a method on fresh worlds" in tools) == (run.scenario.structure.evaluation != "open")
