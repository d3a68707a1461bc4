# threat: T9
# ends: exception

import subprocess

subprocess.run(["/bin/sh", "-c", "id"])
