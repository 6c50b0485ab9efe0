# An ablation from Python, in cells: open it as a notebook (VS Code, Jupyter with jupytext) or run it as it is.

# %% [markdown]
# # Does a fixed workflow hurt?
#
# Two arms, two seeds, teams of two for two hours: enough to see how it goes, far too little to learn anything. The
# researchers are simulated, so whatever comes out is about a search policy and not about a language model.

# %%
from aarlab import Ablation, ablate

ablation = Ablation(
    name="workflow",
    question="Does a fixed workflow hurt?",
    scenario={
        "team": {"researchers": 2},
        "budget": {"hours": 2, "round_hours": 1},
        "costs": {"think": 0.02, "pilot": 0.1, "full": 0.3},
        "scoring": {
            "full_worlds": 2, "finalists": 1, "final_worlds": 2, "screening_worlds": 2, "heldout_worlds": 4,
            "shifted_worlds": 0, "transfer_worlds": 0,
        },
    },
    arms={"free": {"structure": "autonomous"}, "staged": {"structure": "staged"}},
    seeds=2,
    controls=False,
)  # fmt: skip
results = ablate(ablation, out="workflow", sandbox="strict", progress=False)

# %% [markdown]
# What has been run is kept: the same cell again takes no time. `open_ablation("workflow")` opens it later.
#
# ## Records
#
# A record is one run: the summary that `aarlab run --json` prints, and curves.

# %%
for record in results.records:
    heldout = record.summary["heldout"]
    print(
        f"{record.arm:8} seed {record.seed}  held-out PGR {heldout and heldout['pgr']}  best so far {record.frontier}"
    )

# %% [markdown]
# ## What it says
#
# The same numbers, sentences and tables as in `aarlab report workflow`.

# %%
from aarlab.report import analyse, tables
from aarlab.report.sentences import caveats, result_sentence, title_line

analysis = analyse(results)
print(title_line(analysis), result_sentence(analysis), *caveats(analysis), sep="\n\n")

# %%
# Tables are plain rows; where pandas is installed, `table.frame()` makes a frame of one, and `results.frame()` one of
# all runs with all measures.
made = {table.name: table for table in tables(analysis)}
print(made["arms"].columns, *made["arms"].rows, sep="\n")
for row in made["runs"].records():
    print(row["arm"], row["seed"], row["realised_autonomy"])

# %% [markdown]
# ## Figures
#
# plotly figures: in a notebook the last line of a cell shows one; `figure.write_html("climbs.html")` keeps it.

# %%
from aarlab.report import figures

figure = figures.mean_curves(analysis.best_so_far_curves, "team research hours", "development PGR", steps=True)
figure

# %% [markdown]
# ## Your own questions
#
# The statistics take plain numbers, such as values by seed.

# %%
from aarlab.statistics import compare, seeds_needed

free, staged = ({r.seed: r.summary["hours"] for r in results.records if r.arm == arm} for arm in ("free", "staged"))
difference = compare("staged", staged, "free", free)
print(f"hours: {difference.mean.value:+.2f}, interval {difference.mean.interval}, {difference.n} pairs")
print("seeds to see 0.03 if runs spread by 0.06:", seeds_needed(0.03, 0.06 * 2**0.5, paired=False))
