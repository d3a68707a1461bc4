"""What an import says of a package with C code that this guest has not."""

import os
import sys
from types import ModuleType

from _ophidia.packages import ABSENT

# Packages with C code, or in Rust, that programs import most and that are not made for Ophidia.
UNKNOWN = frozenset(
    """
    Crypto Cryptodome OpenSSL aiohttp asyncpg av bcrypt blis brotli cartopy catboost cffi confluent_kafka
    cryptography cupy curl_cffi cv2 cx_Oracle cymem dask_cudf duckdb faiss fitz frozenlist gensim gevent
    greenlet grpc h5py httptools igraph jax jaxlib lightgbm llvmlite lxml multidict
    murmurhash mysqlclient MySQLdb nacl netCDF4 nmslib numba numexpr onnxruntime orjson osgeo
    pendulum polars preshed propcache psutil psycopg2 pyarrow pybase64 pycurl pydantic_core pygame
    pymongo pymssql pyodbc pyproj PyQt5 PyQt6 PySide6 pyreadstat pysam pywt rapidfuzz ray rpds safetensors
    scipy sentencepiece shapely skimage sklearn snappy spacy srsly statsmodels tables tensorflow thinc
    tiktoken tokenizers torch torchaudio torchvision triton ujson uvloop watchfiles xgboost xxhash yarl
    zmq zstandard
    """.split()
)


class Finder:
    """Comes last, so it is asked for what nothing else has."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: ModuleType | None = None) -> None:
        # Whoever only asks whether there is one is told no; `import` fails in any case, with what can be done.
        caller = sys._getframe(2) if sys._getframe(1).f_code.co_name == "_find_spec" else None
        if caller is None or caller.f_code.co_name != "_find_and_load_unlocked":
            return
        reason = _reason(name, path)
        if reason is not None:
            raise ModuleNotFoundError(f"No module named {name!r}: {reason}", name=name)


def _reason(name: str, path: object) -> str | None:
    top = name.partition(".")[0]
    if name in ABSENT or (top in ABSENT and top not in sys.modules):
        package = ABSENT.get(name) or ABSENT[top]
        return (
            f"{package} is not in this guest: `ophidia run --with {package}` brings it, as does a runtime of a "
            f"flavour with {package}"
        )
    if name in UNKNOWN:
        return f"{name} has code in C or Rust, and is not made for Ophidia"
    extension = _extension(name, path)
    if extension is not None:
        return f"{extension} is machine code of another system; no such extension is made for Ophidia"
    return None


def _extension(name: str, path: object) -> str | None:
    """The file of an extension module where this one would lie."""
    last = name.rpartition(".")[2]
    for folder in path if path is not None else sys.path:
        try:
            names = os.listdir(folder)
        except (OSError, TypeError, ValueError):
            continue
        for file in names:
            if file.partition(".")[0] == last and file.endswith((".so", ".pyd", ".dylib")):
                return os.path.join(folder, file)
    return None


def install() -> None:
    """Say it from now on."""
    sys.meta_path.append(Finder)
