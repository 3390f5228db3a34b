"""Training: the loop, the run folder, and the stage that joins them (`fit_pair`)."""
