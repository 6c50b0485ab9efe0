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
    from statsmodels.regression.mixed_linear_model import MixedLM
    from statsmodels.stats.oneway import anova_oneway

TASKS = ("chat", "math", "code")


def scores(
    n: int, effects: tuple[float, ...], sds: tuple[float, ...], seed: int = 0, shared_sd: float = 0.0
) -> dict[tuple[str, str, int], float]:
    """Return values of two arms on three tasks with random effects of the seed on each task and, if wanted, arm."""
    draw, values = np.random.default_rng(seed), {}
    of_seed = {i: draw.normal(0, shared_sd) if shared_sd else 0.0 for i in range(1, n + 1)}
    for task, effect, sd in zip(TASKS, effects, sds, strict=True):
        for i in range(1, n + 1):
            on_task = draw.normal(0, 0.1)
            values["new", task, i] = on_task + of_seed[i] + effect + draw.normal(0, sd)
            values["old", task, i] = on_task - of_seed[i] + draw.normal(0, sd)
    return values


def frame_of(values: dict[tuple[str, str, int], float]) -> "pandas.DataFrame":
    rows = [
        {"arm": float(arm == "new") - 0.5, "task": task, "seed": seed, "y": value}
        for (arm, task, seed), value in values.items()
    ]
    return pandas.DataFrame(rows)


def fitted(model: "MixedLM") -> tuple[float, float]:
    """Return the effect of the arm and its standard error by statsmodels' MixedLM with REML."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = model.fit(reml=True, method=["bfgs", "powell"])
    return float(fit.params["arm"]), float(fit.bse["arm"])


def test_the_effect_over_tasks_equals_that_of_mixedlm() -> None:
    values = scores(10, (0.1, -0.05, 0.2), (0.05, 0.05, 0.05), shared_sd=0.06)
    result = mixed_model(values, "new", "old")
    assert result is not None
    # Random effects of the seed, of the seed on the arm and of the seed on the task. With sum coding of the tasks, the
    # coefficient of the arm is its mean effect.
    model = smf.mixedlm(
        "y ~ arm * C(task, Sum)", frame_of(values), groups="seed", re_formula="~arm",
        vc_formula={"task": "0 + C(task)"},
    )  # fmt: skip
    effect, error = fitted(model)
    assert (result.mean.value, result.standard_error) == (pytest.approx(effect), pytest.approx(error, rel=5e-3))


def test_the_effect_over_tasks_is_that_of_the_means_by_seed() -> None:
    values = scores(6, (0.1, -0.05, 0.2), (0.02, 0.05, 0.2))
    result = mixed_model(values, "new", "old")
    means = {arm: [np.mean([values[arm, task, i] for task in TASKS]) for i in range(1, 7)] for arm in ("new", "old")}
    test = stats.ttest_rel(means["new"], means["old"])
    interval = test.confidence_interval(0.95)
    assert result is not None
    assert result.mean.interval == pytest.approx((interval.low, interval.high))
    assert result.p == pytest.approx(test.pvalue)


def test_arms_with_other_seeds_add_independent_errors() -> None:
    values = {
        (arm, task, seed if arm == "new" else seed + 100): value
        for (arm, task, seed), value in scores(6, (0.1, 0.2, 0.3), (0.02, 0.05, 0.1)).items()
    }
    result = mixed_model(values, "new", "old")
    assert result is not None
    errors = [difference.standard_error or 0.0 for difference in result.by_task.values()]
    assert result.standard_error == pytest.approx(sum(error**2 for error in errors) ** 0.5 / 3)
    assert result.mean.value == pytest.approx(np.mean([d.mean.value for d in result.by_task.values()]))


@pytest.mark.parametrize("task", TASKS)
def test_the_effect_on_a_task_equals_that_of_mixedlm(task: str) -> None:
    values = scores(12, (0.1, -0.05, 0.2), (0.02, 0.05, 0.08), seed=4)
    result = mixed_model(values, "new", "old")
    assert result is not None
    on_task = frame_of({key: value for key, value in values.items() if key[1] == task})
    effect, error = fitted(smf.mixedlm("y ~ arm", on_task, groups="seed"))
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


def test_seeds_without_a_task_are_left_out_of_the_mean() -> None:
    values = scores(6, (0.1, 0.2, 0.3), (0.05, 0.05, 0.05))
    del values["old", "code", 3]
    result = mixed_model(values, "new", "old")
    without = mixed_model({key: value for key, value in values.items() if key[2] != 3}, "new", "old")
    assert result is not None
    assert without is not None
    assert result.mean == without.mean
    assert {task: difference.n for task, difference in result.by_task.items()} == {"chat": 6, "math": 6, "code": 5}


def test_a_single_pair_on_a_task_prevents_an_interval() -> None:
    values = scores(6, (0.1, 0.2, 0.3), (0.05, 0.05, 0.05))
    rest = {key: value for key, value in values.items() if key[1] != "code" or key[2] == 1}
    result = mixed_model(rest, "new", "old")
    assert result is not None
    assert (result.mean.interval, result.p, result.interaction_p) == (None, None, None)
