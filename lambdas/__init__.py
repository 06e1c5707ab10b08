"""Code that runs in AWS Lambda. It imports neither Pulumi nor the command line."""
