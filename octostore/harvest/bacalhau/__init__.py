"""What Bacalhau reports: executions of jobs, saved or asked for."""
