"""Great Expectations, imported quietly: without usage reports and without its import's warnings.

Importing this takes about three seconds, so only `suites` and `validation` do, and the command line
only once it needs them.
"""

from __future__ import annotations

import os
import warnings

# It reports usage unless told not to, and reads this once, when it is imported.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

with warnings.catch_warnings():
    # It still imports `sre_constants`, which Python deprecates.
    warnings.simplefilter("ignore")
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.row_conditions import Column as Cell

__all__ = ["Cell", "ProgressBarsConfig", "RunIdentifier", "gx", "gxe"]
