"""What crosses a border: run input, frontier messages, candidates, manifests; and the units of the budgets."""
