"""What Ophidia adds inside the guest, all of it run before or around the user's program."""
