# An ablation in Python, in cells: open this file as a notebook (VS Code, Jupyter with jupytext) or run it as a script.

# %% [markdown]
# # Does a fixed workflow lower PGR?
#
# Two arms, two seeds, teams of two for two hours: enough for an example, too few runs for a conclusion. The researchers
# are simulated, so the result is about a search policy and not about a language model.

# %%
from aarlab import Ablation, ablate

ablation = Ablation(
    name="workflow",
    question="Does a fixed workflow lower PGR?",
    scenario={
        "team": {"researchers": 2},
        "budget": {"hours": 2, "round_hours": 1},
        "costs": {"think": 0.02, "pilot": 0.1, "full": 0.3},
        "scoring": {
            "full_worlds": 2, "finalists": 1, "final_worlds": 2, "screening_worlds": 2, "heldout_worlds": 4,
            "shifted_worlds": 0, "transfer_worlds": 0,
        },
    },
    arms={"autonomous": {"structure": "autonomous"}, "staged": {"structure": "staged"}},
    seeds=2,
    controls=False,
)  # fmt: skip
results = ablate(ablation, out="workflow", sandbox="strict", progress=False)

# %% [markdown]
# Finished runs are kept: executing the cell again takes no time. `open_ablation("workflow")` reads the results later.
#
# ## Records
#
# A record is one run with its summary, as `aarlab run --json` prints it, and its curves.

# %%
for record in results.records:
    heldout = record.summary["heldout"]
    print(
        f"{record.arm:10} seed {record.seed}  held-out PGR {heldout and heldout['pgr']}  best so far {record.frontier}"
    )

# %% [markdown]
# ## Result
#
# The same numbers, sentences and tables as in `aarlab report workflow`.

# %%
from aarlab.report import analyse, tables
from aarlab.report.sentences import caveats, result_sentence, title_line

analysis = analyse(results)
print(title_line(analysis), result_sentence(analysis), *caveats(analysis), sep="\n\n")

# %%
# Tables are plain rows. With pandas, `table.frame()` returns a table as a data frame, and `results.frame()` all runs
# with all measures.
by_name = {table.name: table for table in tables(analysis)}
print(by_name["arms"].columns, *by_name["arms"].rows, sep="\n")
for row in by_name["runs"].records():
    print(row["arm"], row["seed"], row["realised_autonomy"])

# %% [markdown]
# ## Figures
#
# A notebook shows the whole report for `results`, and a single figure, in the last line of a cell.

# %%
results

# %% [markdown]
# `figure.save("curves.svg")` writes an SVG file.

# %%
from aarlab.report import figures

figure = figures.mean_curves(analysis.best_so_far_curves, "team research hours", "development PGR", steps=True)
figure

# %% [markdown]
# ## Other questions
#
# The statistics take plain numbers, such as values by seed.

# %%
from aarlab.statistics import compare, seeds_needed

autonomous, staged = (
    {record.seed: record.summary["hours"] for record in results.records if record.arm == arm}
    for arm in ("autonomous", "staged")
)
difference = compare("staged", staged, "autonomous", autonomous)
print(f"hours: {difference.mean.value:+.2f}, interval {difference.mean.interval}, {difference.n} pairs")
print("seeds to detect 0.03 for an SD of 0.06 over runs:", seeds_needed(0.03, 0.06 * 2**0.5, paired=False))
