"""Feeds: how a data set comes to the steps.

All of it on the device (`resident`), gathered block by block beside the steps (`streamed`), or batches that somebody else makes
(`batches`); `choice` says which. A step sees none of this: it gathers from arrays by a counter (`base.Feed`).
"""
