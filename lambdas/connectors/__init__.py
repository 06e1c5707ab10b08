"""What real states read the outside world with, one module per source."""
