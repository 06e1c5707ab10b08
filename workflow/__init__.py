"""What runs, as data: the state machines in typed Amazon States Language, and the rules they must keep.

Nothing here imports Pulumi or boto3, so a definition can be built, checked and rendered anywhere.
"""
