"""What Ophidia adds to Python: tasklets, and helpers to dispatch calls."""
