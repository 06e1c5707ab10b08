"""GeoParquet in S3, read box by box with DuckDB.

DuckDB's extension for S3 is a wheel of its own, of the same version: nothing is downloaded at run time.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from lambdas.connectors.overture import refused_by
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable

# What a candidate is made of, as far as a release has it.
_COLUMNS = (
    "id",
    "geometry",
    "names",
    "taxonomy",
    "categories",
    "basic_category",
    "confidence",
    "operating_status",
    "websites",
    "phones",
    "addresses",
    "sources",
)
_NEEDED = frozenset({"id", "geometry", "bbox", "names", "confidence", "sources"})
_MEMORY = "768MB"
_THREADS = 4
# One request; an interruption waits for those that are under way.
_HTTP_SECONDS, _HTTP_RETRIES = 15, 1
_CHUNK = 500


class Reader:
    """The files of one release.

    Args:
        files: Their addresses, ``s3://bucket/key``.
        endpoint: Of S3.
        region: Of the bucket.
        where: How errors name it.
    """

    def __init__(self, files: Sequence[str], endpoint: str, region: str, where: str) -> None:
        self._files = list(files)
        self._where = where
        self._database = _connected(endpoint, region)
        self._columns: tuple[str, ...] | None = None

    def rows(self, box: Mapping[str, Any], most: int, seconds: float) -> Iterator[dict[str, Any]]:
        """The features in a box, in no order, as they arrive.

        Args:
            box: ``south``, ``west``, ``north``, ``east`` in degrees; what lies on the last two is not in it.
            most: The largest number of them.
            seconds: How long it may take until the last of them.

        Yields:
            The columns of each by their names.

        Raises:
            Throttled: S3 asks to be left alone.
            ServiceUnavailable: It failed, cannot be reached, or took longer.
            ServiceRefused: It may not be read, or it is no GeoParquet of places.
        """
        if seconds <= 0:
            raise ServiceUnavailable(f"No time is left in this invocation to ask {self._where}.")
        timer = threading.Timer(seconds, self._database.interrupt)
        timer.daemon = True
        timer.start()
        try:
            columns = self._columns = self._columns or self._described()
            chosen = ", ".join(f'"{name}"' for name in columns)
            # Sides as 32-bit numbers, which the boxes of features are: otherwise no row group could be passed over.
            result = self._database.execute(
                f"SELECT {chosen} FROM read_parquet($files, hive_partitioning = false) "  # noqa: S608 - names of our own
                "WHERE bbox.xmin >= CAST($west AS FLOAT) AND bbox.xmin < CAST($east AS FLOAT) "
                "AND bbox.ymin >= CAST($south AS FLOAT) AND bbox.ymin < CAST($north AS FLOAT) LIMIT $most",
                {
                    "files": self._files,
                    **{side: box[side] for side in ("south", "west", "north", "east")},
                    "most": most,
                },
            )
            while chunk := result.fetchmany(_CHUNK):
                for row in chunk:
                    yield dict(zip(columns, row, strict=True))
        except duckdb.InterruptException as error:
            raise ServiceUnavailable(f"{self._where} did not answer in {seconds:.0f} s") from error
        except duckdb.HTTPException as error:
            raise refused_by(int(getattr(error, "status_code", 0) or 0), f"{self._where}: {error}") from error
        except duckdb.IOException as error:
            raise ServiceUnavailable(f"{self._where} could not be read: {error}") from error
        except duckdb.Error as error:
            raise ServiceRefused(f"{self._where} is no GeoParquet of places: {error}") from error
        finally:
            timer.cancel()

    def _described(self) -> tuple[str, ...]:
        """The columns to read: schemas change with releases."""
        found = self._database.execute(
            "SELECT column_name FROM (DESCRIBE SELECT * FROM read_parquet($files, hive_partitioning = false))",
            {"files": self._files[:1]},
        ).fetchall()
        known = {str(name) for (name,) in found}
        if missing := sorted(_NEEDED - known):
            raise ServiceRefused(f"{self._where} has places without {', '.join(missing)}")
        return tuple(name for name in _COLUMNS if name in known)


def _connected(endpoint: str, region: str) -> duckdb.DuckDBPyConnection:
    """DuckDB in memory, with no more than its extension for S3, and without any credentials."""
    scratch = tempfile.gettempdir()
    database = duckdb.connect(
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "home_directory": scratch,
            "temp_directory": f"{scratch}/duckdb",
            "memory_limit": _MEMORY,
            "threads": _THREADS,
            # The order of the files says nothing, and would have rows wait for others.
            "preserve_insertion_order": False,
        }
    )
    database.execute(f"LOAD '{_extension()}'")
    database.execute(f"SET http_timeout = {_HTTP_SECONDS}")
    database.execute(f"SET http_retries = {_HTTP_RETRIES}")
    database.execute("SET parquet_metadata_cache = true")
    url = urlsplit(endpoint)
    # The extension takes credentials from the environment, unless a secret says that there are none.
    database.execute(
        "CREATE SECRET (TYPE s3, PROVIDER config, KEY_ID '', SECRET '', SESSION_TOKEN '', URL_STYLE 'path', "
        f"REGION {_quoted(region)}, ENDPOINT {_quoted(url.netloc)}, USE_SSL {str(url.scheme == 'https').lower()})"
    )
    return database


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _extension() -> Path:
    """Where the wheel ``duckdb-extension-httpfs`` has the extension of this version of DuckDB."""
    package = find_spec("duckdb_extension_httpfs")
    folders = list(package.submodule_search_locations or ()) if package else []
    path = Path(*folders[:1]) / "extensions" / f"v{duckdb.__version__}" / "httpfs.duckdb_extension"
    if not path.is_file():
        raise ImportError(
            f"{path} is missing: duckdb-extension-httpfs has to be installed in version {duckdb.__version__}"
        )
    return path
