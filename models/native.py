"""LightGBM's own library, called through its C interface without importing the Python package.

The package imports pandas and scikit-learn, which the service neither needs nor has at request
time. Only what `models.forest` does not do itself is called here: TreeSHAP, and models of a form
that it does not read.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np

from data_contracts.errors import BundleUnusable
from features.builder import Matrix
from features.columns import Float64

_FLOAT32, _ROW_MAJOR = 0, 1
NORMAL, RAW_SCORE, CONTRIBUTIONS = 0, 1, 3
"""LightGBM's kinds of prediction (c_api.h: C_API_PREDICT_NORMAL, …_RAW_SCORE, …_CONTRIB)."""


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The shared library that ships inside the lightgbm wheel; raises BundleUnusable without one."""
    found = PathFinder.find_spec("lightgbm")
    for folder in found.submodule_search_locations or [] if found else []:
        for place in (Path(folder) / "lib", Path(folder) / "bin"):
            for file in sorted(place.glob("lib_lightgbm.*")):
                loaded = ctypes.CDLL(str(file))
                loaded.LGBM_GetLastError.restype = ctypes.c_char_p
                return loaded
    raise BundleUnusable("LightGBM's library was not found; install the lightgbm package")


def _checked(status: int) -> None:
    if status != 0:
        raise BundleUnusable(f"LightGBM: {library().LGBM_GetLastError().decode('utf-8', 'replace')}")


class NativeBooster:
    """A booster inside LightGBM's library; one thread, safe to call from several.

    Parameters
    ----------
    text : LightGBM's model text
    """

    def __init__(self, text: str) -> None:
        self._handle = ctypes.c_void_p()
        rounds = ctypes.c_int()
        _checked(
            library().LGBM_BoosterLoadModelFromString(
                ctypes.c_char_p(text.encode("utf-8")), ctypes.byref(rounds), ctypes.byref(self._handle)
            )
        )
        features = ctypes.c_int()
        _checked(library().LGBM_BoosterGetNumFeature(self._handle, ctypes.byref(features)))
        classes = ctypes.c_int()
        _checked(library().LGBM_BoosterGetNumClasses(self._handle, ctypes.byref(classes)))
        self.n_features = features.value
        self.n_classes = classes.value

    def __del__(self) -> None:
        if self._handle:
            library().LGBM_BoosterFree(self._handle)

    def predict(self, matrix: Matrix, kind: int = NORMAL) -> Float64:
        """Predictions of one kind, shape (rows, values per row)."""
        rows = np.ascontiguousarray(matrix, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise BundleUnusable(f"the model reads {self.n_features} columns, found {rows.shape[1:]}")
        each = self.n_classes * (self.n_features + 1 if kind == CONTRIBUTIONS else 1)
        out = np.empty((len(rows), each))
        written = ctypes.c_int64()
        if len(rows):
            _checked(
                library().LGBM_BoosterPredictForMat(
                    self._handle,
                    rows.ctypes.data_as(ctypes.c_void_p),
                    ctypes.c_int(_FLOAT32),
                    ctypes.c_int32(len(rows)),
                    ctypes.c_int32(rows.shape[1]),
                    ctypes.c_int(_ROW_MAJOR),
                    ctypes.c_int(kind),
                    ctypes.c_int(0),
                    ctypes.c_int(-1),
                    ctypes.c_char_p(b"num_threads=1"),
                    ctypes.byref(written),
                    out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
                )
            )
        return out
