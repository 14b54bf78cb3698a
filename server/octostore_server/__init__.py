"""Octostore over HTTP: FastAPI, a page, settings from the environment."""
