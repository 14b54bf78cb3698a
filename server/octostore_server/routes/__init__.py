"""The endpoints, a module for each noun; all of them thin."""
