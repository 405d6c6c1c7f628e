"""What perceptors can do beside judging a run."""
