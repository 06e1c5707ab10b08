"""What workflows cost: before they run, from definitions and volumes, and after, from what a run left behind."""
