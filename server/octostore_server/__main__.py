"""`python -m octostore_server`: serve by the settings of the environment."""

from octostore_server.app import serve
from octostore_server.settings import Settings

if __name__ == "__main__":
    serve(Settings())
