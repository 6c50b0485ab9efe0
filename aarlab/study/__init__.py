"""Import of the files that the study of Wen et al. (2026) released: results as reference lines, findings as a run."""
