"""What Golem reports: batches of an activity, with the outputs that were downloaded."""
