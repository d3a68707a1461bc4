# threat: T9
# ends: ok

import io
import os
import tarfile

data = io.BytesIO()
with tarfile.open(fileobj=data, mode="w") as archive:
    archive.addfile(tarfile.TarInfo("../../../../etc/ophidia"), None)
data.seek(0)
try:
    tarfile.open(fileobj=data).extractall("/rw", filter="fully_trusted")
except OSError:
    pass
assert not os.path.exists("/etc")
