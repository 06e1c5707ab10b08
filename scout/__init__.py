"""The operator's side of the project: the `scout` command and the embedded AWS that it runs on a laptop."""
