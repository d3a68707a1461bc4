# threat: T5
# ends: exception

import pickle

nested = []
for _ in range(100_000):
    nested = [nested]
pickle.dumps(nested)
