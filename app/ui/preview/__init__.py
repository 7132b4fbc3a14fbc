"""The picture: before and after, the divider, face marks, the latency overlay and the live plot."""
