"""Result folders as networks publish them: on disk, in a tar.gz, in a CAR.

    stdout  stderr  exitCode  outputs/residuals.csv

A folder is read where it lies; the others are hashed as they stream by, and nothing of
them is written anywhere. Source: bacalhau pkg/executor/results.go; FORMATS 5.
"""

from octostore.published.layout import EXIT_BYTES_MAX
from octostore.published.reading import is_archive, result_in, root_of

__all__ = ["EXIT_BYTES_MAX", "is_archive", "result_in", "root_of"]
