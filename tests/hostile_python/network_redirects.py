# threat: T10
# grants: origin
# ends: ok

import os
import urllib.request

origin, other = os.environ["ORIGIN"], os.environ["OTHER"]
for to in (
    f"http://localhost:{other}/",
    f"http://127.0.0.1:{other}/",
    f"http://2130706433:{other}/",
    f"http://[::ffff:127.0.0.1]:{other}/",
    f"http://localhost:{origin}@127.0.0.1:{other}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0251.0376.0251.0376/",
    "http://10.0.0.1/",
    "http://metadata.google.internal/",
    f"http://localhost:{origin}/admin",
    f"http://localhost:{origin}/v1/../admin",
    "file:///etc/passwd",
):
    try:
        urllib.request.urlopen(f"http://localhost:{origin}/v1/moved?{to}", timeout=2)
    except OSError as error:
        # Some are no hosts or paths at all.
        strange = to.startswith("file") or "@" in to or ".." in to
        assert "granted" in str(error) or strange, (to, error)
    else:
        raise SystemExit(f"followed to {to}")
