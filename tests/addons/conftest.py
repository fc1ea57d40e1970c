"""mitmproxy is imported here first: what it and its dependencies deprecate among themselves is not for these tests to judge."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mitmproxy.addons  # noqa: F401
