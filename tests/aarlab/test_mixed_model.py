"""The mixed model of arm x task agrees with statsmodels."""

import warnings

import numpy as np
import pytest
from scipy import stats

from aarlab.statistics import compare, mixed_model

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pandas
    import statsmodels.formula.api as smf
    from statsmodels.stats.oneway import anova_oneway

TASKS = ("chat", "math", "code")


def scores(
    n: int, effects: tuple[float, ...], sds: tuple[float, ...], seed: int = 0
) -> dict[tuple[str, str, int], float]:
    """Return values of two arms on three tasks with a random effect of the seed on each task."""
    draw, values = np.random.default_rng(seed), {}
    for task, effect, sd in zip(TASKS, effects, sds, strict=True):
        for i in range(1, n + 1):
            shared = draw.normal(0, 0.1)
            values["new", task, i] = shared + effect + draw.normal(0, sd)
            values["old", task, i] = shared + draw.normal(0, sd)
    return values


def fitted(values: dict[tuple[str, str, int], float], arm_effect: str) -> "tuple[float, float]":
    """Return the effect of the arm and its standard error by statsmodels' MixedLM with REML."""
    rows = [
        {"arm": float(arm == "new"), "task": task, "block": f"{task} {seed}", "y": value}
        for (arm, task, seed), value in values.items()
    ]
    frame = pandas.DataFrame(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = smf.mixedlm(f"y ~ {arm_effect}", frame, groups="block").fit(reml=True, method=["bfgs", "powell"])
    return float(fit.params["arm"]), float(fit.bse["arm"])


def test_the_effect_over_tasks_equals_that_of_mixedlm() -> None:
    values = scores(8, (0.1, -0.05, 0.2), (0.05, 0.05, 0.05))
    result = mixed_model(values, "new", "old")
    assert result is not None
    # With sum coding of the tasks, the coefficient of the arm is its mean effect.
    effect, error = fitted(values, "arm * C(task, Sum)")
    assert (result.mean.value, result.standard_error) == (pytest.approx(effect), pytest.approx(error, rel=1e-3))


@pytest.mark.parametrize("task", TASKS)
def test_the_effect_on_a_task_equals_that_of_mixedlm(task: str) -> None:
    values = scores(12, (0.1, -0.05, 0.2), (0.02, 0.05, 0.08), seed=4)
    result = mixed_model(values, "new", "old")
    assert result is not None
    effect, error = fitted({key: value for key, value in values.items() if key[1] == task}, "arm")
    found = result.by_task[task]
    assert (found.mean.value, found.standard_error) == (pytest.approx(effect), pytest.approx(error, rel=2e-3))


def test_the_test_of_arm_by_task_is_welchs() -> None:
    values = scores(6, (0.1, 0.1, 0.3), (0.02, 0.05, 0.1))
    result = mixed_model(values, "new", "old")
    assert result is not None
    differences = [[values["new", task, i] - values["old", task, i] for i in range(1, 7)] for task in TASKS]
    expected = anova_oneway(differences, use_var="unequal", welch_correction=True)
    assert result.interaction_p == pytest.approx(expected.pvalue)


def test_effects_over_other_tasks_are_a_t_test_of_the_tasks() -> None:
    result = mixed_model(scores(5, (0.1, 0.2, 0.3), (0.01, 0.01, 0.01)), "new", "old")
    assert result is not None
    effects = [difference.mean.value for difference in result.by_task.values()]
    test = stats.ttest_1samp(effects, 0.0).confidence_interval(0.95)
    assert result.over_other_tasks.interval == pytest.approx((test.low, test.high))


def test_one_task_is_an_ordinary_comparison() -> None:
    values = {key: value for key, value in scores(6, (0.1, 0, 0), (0.05, 0.05, 0.05)).items() if key[1] == "chat"}
    result = mixed_model(values, "new", "old")
    by_arm = [{seed: value for (name, _, seed), value in values.items() if name == arm} for arm in ("new", "old")]
    expected = compare("new", by_arm[0], "old", by_arm[1])
    assert result is not None
    assert (result.mean.value, result.p) == (pytest.approx(expected.mean.value), pytest.approx(expected.p))
    assert result.mean.interval == pytest.approx(expected.mean.interval)
    assert (result.interaction_p, result.over_other_tasks.interval) == (None, None)


def test_tasks_of_one_arm_are_left_out() -> None:
    values = scores(6, (0.1, 0.2, 0.3), (0.05, 0.05, 0.05))
    rest = {key: value for key, value in values.items() if key[:2] != ("old", "code")}
    result = mixed_model(rest, "new", "old")
    assert result is not None
    assert list(result.by_task) == ["chat", "math"]
    assert mixed_model(values, "new", "unknown") is None


def test_a_task_with_a_single_pair_prevents_an_interval() -> None:
    values = scores(6, (0.1, 0.2, 0.3), (0.05, 0.05, 0.05))
    rest = {key: value for key, value in values.items() if key[1] != "code" or key[2] == 1}
    result = mixed_model(rest, "new", "old")
    assert result is not None
    assert (result.mean.interval, result.p, result.interaction_p) == (None, None, None)
