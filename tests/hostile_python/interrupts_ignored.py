# threat: T3
# ends: limit timeout

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    pass
