"""What a team works on and how it is scored, in words for the prompts of roles other than the researcher."""

from dataclasses import dataclass

from aarlab.agents.researcher import Problem


@dataclass(frozen=True, slots=True)
class TeamGoal:
    """The goal of a team."""

    subject: str = "weak-to-strong supervision"
    """Completes `a research team on`."""
    scoring: str = "the performance gap recovered (PGR) on new, unseen worlds"
    """Completes `the team is scored by`."""
    uses_teacher: bool = True
    """Whether methods learn from a weak teacher."""

    @classmethod
    def of(cls, problem: Problem, score_name: str) -> "TeamGoal":
        """Return the goal for a kind of problem, given the name of the task's score."""
        if problem == "supervision":
            return cls()
        scoring = f"the {score_name} of its best string, which tools and findings call `pgr`"
        return cls("the search for the string with the highest payoff", scoring, uses_teacher=False)


SUPERVISION = TeamGoal()
"""The goal of tasks with a weak teacher."""
