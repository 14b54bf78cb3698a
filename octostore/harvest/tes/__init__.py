"""What servers of GA4GH TES report: tasks and their logs."""
