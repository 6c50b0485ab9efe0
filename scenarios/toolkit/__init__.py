"""The toolkit for methods.

A method is a file with one function `method(world)`, which takes `Inputs` and returns the (m,) probabilities of label 1
for the test items. Most methods are pipelines: `start`, some operators, `finish`. The toolkit contains no task and no
label.
"""

from aarlab.scenarios.toolkit.bit_strings import set_bits
from aarlab.scenarios.toolkit.ensembles import bag, distil_wide, subspaces
from aarlab.scenarios.toolkit.fine_tuning import confidence_loss, schedule, second_round
from aarlab.scenarios.toolkit.geometry import clusters, neighbours, principal_axes, reduce
from aarlab.scenarios.toolkit.inputs import NOT_BOTH, OPPOSITE, SAME, FloatArray, Inputs, IntArray
from aarlab.scenarios.toolkit.item_selection import (
    agreement_reweight,
    co_teach,
    confidence_weight,
    confident,
    confident_balanced,
    cross_fit,
)
from aarlab.scenarios.toolkit.learnability import (
    critic_filter,
    generalised_cross_entropy,
    learnability_smoothing,
    mdl_curriculum,
    overlap_density,
)
from aarlab.scenarios.toolkit.operators import FAMILIES, catalogue, finish, start
from aarlab.scenarios.toolkit.probes import consistency_probe, evolve_probe
from aarlab.scenarios.toolkit.randomness import generator
from aarlab.scenarios.toolkit.relations import log_odds, project, violations
from aarlab.scenarios.toolkit.representation import (
    centre_clusters,
    lowrank,
    random_features,
    readout,
    regularise,
    remove_direction,
    remove_leading,
    remove_related_variation,
)
from aarlab.scenarios.toolkit.selftraining import auxiliary_confidence, progressive_self_train, self_train
from aarlab.scenarios.toolkit.student import Student, fit, fit_readout, out_of_fold
from aarlab.scenarios.toolkit.trainingset import TrainingSet
from aarlab.scenarios.toolkit.unsupervised import balance_clusters, cluster_vote, coherence, knn_propagate
from aarlab.scenarios.toolkit.weak_labels import harden, noisy_channel_em, prior_correction, project_relations, sharpen

__all__ = [
    "FAMILIES",
    "NOT_BOTH",
    "OPPOSITE",
    "SAME",
    "FloatArray",
    "Inputs",
    "IntArray",
    "Student",
    "TrainingSet",
    "agreement_reweight",
    "auxiliary_confidence",
    "bag",
    "balance_clusters",
    "catalogue",
    "centre_clusters",
    "cluster_vote",
    "clusters",
    "co_teach",
    "coherence",
    "confidence_loss",
    "confidence_weight",
    "confident",
    "confident_balanced",
    "consistency_probe",
    "critic_filter",
    "cross_fit",
    "distil_wide",
    "evolve_probe",
    "finish",
    "fit",
    "fit_readout",
    "generalised_cross_entropy",
    "generator",
    "harden",
    "knn_propagate",
    "learnability_smoothing",
    "log_odds",
    "lowrank",
    "mdl_curriculum",
    "neighbours",
    "noisy_channel_em",
    "out_of_fold",
    "overlap_density",
    "principal_axes",
    "prior_correction",
    "progressive_self_train",
    "project",
    "project_relations",
    "random_features",
    "readout",
    "reduce",
    "regularise",
    "remove_direction",
    "remove_leading",
    "remove_related_variation",
    "schedule",
    "second_round",
    "self_train",
    "set_bits",
    "sharpen",
    "start",
    "subspaces",
    "violations",
]
