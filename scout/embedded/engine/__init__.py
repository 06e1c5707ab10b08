"""The embedded AWS under the Pulumi engine: its provider protocol, answered by the handlers of the in-process deploy.

`server` is the way in. https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto is the protocol.
"""
