"""What is trained and used: learners and swappers."""
