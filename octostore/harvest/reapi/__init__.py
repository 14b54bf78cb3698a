"""What caches of the Remote Execution API hold: results of actions."""
